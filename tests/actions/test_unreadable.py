"""One stored fact that cannot be read is its nexthop's matter alone: unknown, with its cause, beside others' verdicts."""

from datetime import timedelta

import pytest

from partners.actions.judging import judge_due, judge_nexthops
from partners.models import ComplianceInterval, DnsSighting, Nexthop, Observation, Sighting, VerdictRow
from tests.actions.people import editor
from tests.actions.watched import NOON, ask_dns, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.example.com")
LATER = NOON + timedelta(hours=2)


@pytest.fixture
def estate() -> list[Nexthop]:
    """Three nexthops, each with an address of its own, seen as agreed."""
    eda = editor()
    keys = ["one.example", "two.example", "three.example"]
    rows = [watched(key, by=eda) for key in keys]
    publish("".join(f"{key}\tfingerprint match={LEAF.cert_fingerprint()}\n" for key in keys), by=eda)
    for number, row in enumerate(rows, start=1):
        ask_dns(row, f"192.0.2.{number}")
        see(LEAF)
    return rows


def verdicts() -> dict[str, tuple[str, list[str]]]:
    return {one.nexthop.key: (one.delivery, one.reasons) for one in VerdictRow.objects.select_related("nexthop")}


GOOD = ("deliver", [])


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"kind": "no-such-kind"}, id="kind"),
        pytest.param({}, id="empty"),
        pytest.param([], id="no-object"),
        pytest.param({"kind": "nexthop", "looked_up_at": "yesterday"}, id="no-date"),
    ],
)
def test_dns_facts_that_cannot_be_read(estate: list[Nexthop], broken: object) -> None:
    """Unknown because of it; the others of the same chunk are judged, and the row is not due again at once."""
    Observation.objects.filter(dns_sightings__in=DnsSighting.objects.filter(nexthop=estate[1])).update(facts=broken)

    judge_nexthops([row.pk for row in estate], now=LATER)

    assert verdicts() == {"one.example": GOOD, "two.example": ("unknown", ["unreadable"]), "three.example": GOOD}
    assert judge_due(9, now=LATER) == 0


def test_a_value_of_a_wrong_kind(estate: list[Nexthop]) -> None:
    """A shape that is right while a value in it is not."""
    row = DnsSighting.objects.get(nexthop=estate[1]).observation
    row.facts = {**row.facts, "hosts": [{**row.facts["hosts"][0], "addresses": [7], "name": None}]}
    row.save()

    judge_nexthops([one.pk for one in estate], now=LATER)

    assert verdicts()["one.example"] == verdicts()["three.example"] == GOOD
    assert verdicts()["two.example"][0] == "unknown"


def test_a_peer_that_cannot_be_read(estate: list[Nexthop]) -> None:
    """That address is unknown; the state that a fact gave stays, marked as old."""
    seen = Sighting.objects.get(endpoint__nexthops=estate[1], current=True)
    # All three show one leaf: their facts are one row, so this one is given its own.
    own = Observation.objects.create(facts_key="broken", facts={"kind": "peer", "profile": 3})
    Sighting.objects.filter(pk=seen.pk).update(observation=own)

    judge_nexthops([row.pk for row in estate], now=LATER)

    assert verdicts()["two.example"][0] == "unknown"
    assert verdicts()["one.example"] == verdicts()["three.example"] == GOOD
    kept = ComplianceInterval.objects.get(channel=estate[1].channel, valid_to=None)
    assert (kept.state, kept.unknown_since) == ("compliant", LATER)
