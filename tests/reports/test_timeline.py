"""What moved at a partner's servers and in its DNS: typed, with both sides, and no flood where they alternate."""

from datetime import timedelta

import pytest

from partners.models import Channel, Nexthop, Observation, Sighting
from partners.reports.timeline import seen_changes
from tests.actions.people import editor
from tests.actions.watched import NOON, ask_dns, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
LEAF, OTHER = self_signed("mx.example.com"), self_signed("mx.other.example")


@pytest.fixture
def nexthop() -> Nexthop:
    eda = editor()
    row = watched(by=eda)
    publish(f"example.com\tfingerprint match={LEAF.cert_fingerprint()}\n", by=eda)
    ask_dns(row)
    see(LEAF)
    return row


def told(channel: Channel) -> list[tuple[str, list[str]]]:
    return [(one.text, [what for what, _before, _after in one.moved]) for one in seen_changes(channel)]


def test_the_first_look_moves_nothing(nexthop: Nexthop) -> None:
    """There is nothing before it."""
    assert seen_changes(nexthop.channel) == ()


def test_another_certificate(nexthop: Nexthop) -> None:
    """Certificate, key and names, each with both sides."""
    see(OTHER, at=NOON + 2 * HOUR)

    (one,) = seen_changes(nexthop.channel)
    assert one.text == "Seen at 192.0.2.1:25"
    assert one.moment == NOON + 2 * HOUR
    moved = {what: (before, after) for what, before, after in one.moved}
    assert moved["names"] == ("mx.example.com", "mx.other.example")
    assert moved["certificate"][0] == LEAF.cert_fingerprint()[:23] + "…"


def test_certificates_that_alternate(nexthop: Nexthop) -> None:
    """There and back, each once, with how often."""
    for turn in range(1, 7):
        see(OTHER if turn % 2 else LEAF, at=NOON + turn * 2 * HOUR)

    assert [one.times for one in seen_changes(nexthop.channel)] == [3, 3]
    assert "3 times by turns" in told(nexthop.channel)[0][0]


def test_two_addresses_alike(nexthop: Nexthop) -> None:
    """What moved alike at both is one entry."""
    ask_dns(nexthop, "192.0.2.1", "192.0.2.2", at=NOON + 2 * HOUR)
    for at in (NOON + 2 * HOUR, NOON + 4 * HOUR):
        for _address in range(2):
            see(LEAF if at < NOON + 3 * HOUR else OTHER, at=at)

    texts = [text for text, _what in told(nexthop.channel)]
    assert texts[0] == "Seen at 2 addresses"
    assert texts[1] == "In the DNS of example.com"


def test_an_observation_that_cannot_be_read(nexthop: Nexthop) -> None:
    """Nothing is said about it, and the page stands."""
    see(OTHER, at=NOON + 2 * HOUR)
    broken = Observation.objects.create(facts_key="broken", facts={"kind": "?"})
    Sighting.objects.filter(current=False).update(observation=broken)

    assert seen_changes(nexthop.channel) == ()


def test_fixed_number_of_queries(nexthop: Nexthop, django_assert_num_queries) -> None:
    """Three, however much moved."""
    for turn in range(1, 5):
        see(OTHER if turn % 2 else LEAF, at=NOON + turn * 2 * HOUR)
    with django_assert_num_queries(3):
        seen_changes(nexthop.channel)
