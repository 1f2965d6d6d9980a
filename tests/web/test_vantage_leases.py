"""The door of probes elsewhere: the slow lane of a vantage, and whose a lease is where several tokens open it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.actions.relay_groups import ensure_group
from partners.actions.vantages import SLOW_HELD_MAX, make_vantage_token, revoke_vantage_token
from partners.models import Address, RelayGroup, VantageToken
from tests.actions.people import approver
from tests.web.test_vantage import claimed, due, post, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return approver()


@pytest.fixture
def token(boss):
    return make_vantage_token("dmz", by=boss, now=timezone.now())


def test_slow_lane(token):
    """Only who asks for what is slow is given it, with the patience of the relays that the vantage stands for."""
    ensure_group(now=timezone.now())
    RelayGroup.objects.update(vantage="dmz", main_cf={"smtp_helo_timeout": "120"})
    due("93.184.0.1")
    Address.objects.update(is_slow=True)

    assert claimed(token) == []
    answer = post("claim", token, {"limit": 0, "slow": 5}).json()

    assert [(one["address"], one["slow"]) for one in answer["addresses"]] == [("93.184.0.1", True)]
    assert answer["patience"] == {"connect": 30, "helo": 120, "starttls": 300}


def test_slow_lane_is_bounded(token):
    """What one vantage holds of the slow lane is bounded by itself, and takes nothing from the fast one."""
    lease = {"lease_token": "c" * 32, "lease_until": timezone.now() + timedelta(minutes=1), "is_slow": True}
    Address.objects.bulk_create(
        Address(address=f"10.0.0.{number + 1}", vantage="dmz", **lease) for number in range(SLOW_HELD_MAX)
    )
    due("93.184.0.1")
    due("93.184.0.2")
    Address.objects.filter(address="93.184.0.2").update(is_slow=True)

    answer = post("claim", token, {"limit": 5, "slow": 5}).json()

    assert [one["address"] for one in answer["addresses"]] == ["93.184.0.1"]


def test_revoked_token_beside_another(token, boss):
    """What the other probe of the vantage holds stays its own: its report is kept, and nobody meets it there."""
    due("93.184.0.1")
    (lost,) = claimed(token)
    first = VantageToken.objects.get()
    other = make_vantage_token("dmz", by=boss, now=timezone.now())
    due("93.184.0.2")
    (kept,) = claimed(other)

    revoke_vantage_token(first, by=boss, now=timezone.now())

    assert Address.objects.get(address="93.184.0.1").lease_token == ""
    assert [one["address"] for one in claimed(other)] == ["93.184.0.1"]
    assert post("record", other, report(kept)).json() == {"kept": 1}
    assert post("record", other, report(lost)).json() == {"kept": 0}


def test_a_lease_is_its_holders(token, boss):
    """Another token of the vantage neither prolongs a lease nor reports under it, should it know it."""
    due("93.184.0.1")
    (one,) = claimed(token)
    other = make_vantage_token("dmz", by=boss, now=timezone.now())
    held = [{"claim": one["claim"], "token": one["token"]}]

    assert post("claim", other, {"limit": 0, "held": held}).json()["held"] == []
    assert post("record", other, report(one)).json() == {"kept": 0}
    assert post("record", token, report(one)).json() == {"kept": 1}
