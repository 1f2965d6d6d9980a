"""From where servers were looked at: named to the house, and to the partner without its name."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import Channel, RelayGroup, User, VerdictRow
from tests.actions.people import editor, member
from tests.reports.world import agreement, host

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Channel:
    """A channel that is judged for the group main."""
    return agreement("Fjordbank", "compliant", by=editor())


def read(who: User, name: str, *args: int) -> str:
    client = Client()
    client.force_login(who)
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def test_all_seen_from_here_is_not_worth_a_word(row: Channel) -> None:
    """A house without a probe elsewhere reads of none."""
    team = User.objects.get(email="eda@house.example")

    assert "seen from" not in read(team, "partner-detail", row.pk)
    assert "as seen from outside" in read(member(row.partner, invited_by=team), "portal-home")


def test_the_house_reads_the_vantage_and_the_partner_does_not(row: Channel) -> None:
    """The partner learns that it was looked from where our mail leaves."""
    team = User.objects.get(email="eda@house.example")
    RelayGroup.objects.update(vantage="dmz")

    assert "seen from dmz" in read(team, "partner-detail", row.pk)
    theirs = read(member(row.partner, invited_by=team), "portal-home")
    assert "as seen from where our mail to you leaves" in theirs
    assert "dmz" not in theirs


def test_groups_that_differ_are_told_with_their_vantages(row: Channel) -> None:
    """One address, two outcomes: which relays, and from where it was seen."""
    team, nexthop = User.objects.get(email="eda@house.example"), row.nexthops.get()
    outside = RelayGroup.objects.create(name="outside", vantage="dmz")
    VerdictRow.objects.create(
        nexthop=nexthop,
        group=outside,
        key=nexthop.key,
        is_own=True,
        delivery="defer",
        tls_status="none",
        dsn="4.7.5",
        hosts=[host(row, delivery="defer", tls_status="none", text="refused")],
        judged_at=row.created_at,
    )

    text = read(team, "partner-detail", row.pk)

    assert "outside (dmz)" in text
    assert "seen from dmz, here" in text
