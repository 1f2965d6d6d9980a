"""The timeline says what comes of a change, as the judge sees the present facts."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import Channel, Nexthop, User
from tests.actions.people import editor
from tests.actions.watched import NOON, ask_dns, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
LEAF, OTHER = self_signed("mx.example.com"), self_signed("mx.example.com")


@pytest.fixture
def eda() -> User:
    return editor()


def nexthop(eda: User, line: str, **fields: str) -> Nexthop:
    row = watched(by=eda, **fields)
    publish(f"example.com\t{line}\n", by=eda)
    ask_dns(row)
    see(LEAF)
    return row


def outlooks(client: Client, eda: User, channel: Channel) -> list[str]:
    """The outlook of each entry of the page that has one, newest first."""
    client.force_login(eda)
    answer = client.get(reverse("partner-detail", args=[channel.pk]))
    assert answer.status_code == 200
    found = [one.outlook for one in answer.context["entries"] if one.outlook]
    assert all(text in answer.content.decode() for text in found)
    return found


def test_a_renewal_that_is_not_pinned(client: Client, eda: User) -> None:
    """The change that stops mail says so; once the old one is back, neither does."""
    row = nexthop(eda, f"fingerprint match={LEAF.cert_fingerprint()}", match=LEAF.cert_fingerprint())
    see(OTHER, at=NOON + 2 * HOUR)
    assert outlooks(client, eda, row.channel) == ["Mail would be deferred now."]

    see(LEAF, at=NOON + 4 * HOUR)
    assert outlooks(client, eda, row.channel) == []


def test_a_certificate_came_to_a_server_at_may(client: Client, eda: User) -> None:
    """What every address would take is within reach, and is told with the change that brought it about."""
    row = nexthop(eda, "may", level="may", agreed="none")
    see(OTHER, at=NOON + 2 * HOUR)

    assert outlooks(client, eda, row.channel) == ["The entry could be raised to encrypt."]
