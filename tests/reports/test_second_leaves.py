"""A second certificate that is not pinned is told on the partner page, on the partner's own, and on the timeline."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import Nexthop, User
from partners.reports.partners import channel_page
from partners.reports.portal import portal_page
from partners.reports.shown import pin_rows, second_of, shown_at
from partners.reports.timeline import seen_changes
from tests.actions.people import NOON, editor, member
from tests.actions.test_second_looks import EC_LEAF, LATER, RSA_LEAF, ask_again, both_seen, second
from tests.actions.watched import ask_dns, claim_addresses, measured, publish, record_peers, watched

pytestmark = pytest.mark.django_db


@pytest.fixture
def eda() -> User:
    return editor()


@pytest.fixture
def nexthop(eda: User) -> Nexthop:
    row = watched(by=eda, match=EC_LEAF.cert_fingerprint())
    publish(f"example.com\tfingerprint match={EC_LEAF.cert_fingerprint()}\n", by=eda)
    ask_dns(row)
    return row


def told(nexthop: Nexthop, eda: User) -> list[tuple[bool, str]]:
    page = channel_page(eda, nexthop.channel_id)
    assert page is not None
    channel = page.channel
    found = second_of(channel, page.hosts, shown_at(channel), pin_rows(channel, page.pins))
    return [(one.is_pinned, one.text) for one in found]


def test_not_pinned(nexthop: Nexthop, eda: User) -> None:
    """Which host, which kind of key, and what would happen to mail."""
    both_seen(nexthop, EC_LEAF, RSA_LEAF)

    ((pinned, text),) = told(nexthop, eda)
    assert not pinned
    assert text.startswith("mx.example.com[192.0.2.1] also has a certificate with an RSA key, until ")
    assert "mail would be deferred if it were shown this one" in text


def test_pinned_too(nexthop: Nexthop, eda: User) -> None:
    """Whichever is shown, mail flows: nothing is to do."""
    nexthop.channel.match = f"{EC_LEAF.cert_fingerprint()}\n{RSA_LEAF.pkey_fingerprint()}"
    nexthop.channel.save()
    both_seen(nexthop, EC_LEAF, RSA_LEAF)

    ((pinned, text),) = told(nexthop, eda)
    assert pinned
    assert text.endswith("It is pinned too.")


def test_one_certificate(nexthop: Nexthop, eda: User) -> None:
    """Nothing is said where there is no other, nor where the second look met the first again."""
    both_seen(nexthop, EC_LEAF, None)
    assert told(nexthop, eda) == []


def test_the_partner_is_told_calmly(nexthop: Nexthop, eda: User, client: Client) -> None:
    """Mail flows, and what would make it wait can be sent beforehand."""
    both_seen(nexthop, EC_LEAF, RSA_LEAF)
    reader = member(nexthop.channel.partner, invited_by=eda)

    page = portal_page(reader, nexthop.channel_id, now=LATER)
    assert page is not None
    (one,) = page.second
    assert (one.state, one.is_pinned) == ("weak", False)
    assert "so mail flows" in one.text
    client.force_login(reader)
    assert RSA_LEAF.cert_fingerprint() in client.get(reverse("portal-home")).content.decode()


def test_on_the_team_page(nexthop: Nexthop, eda: User, client: Client) -> None:
    """It stands below the chains with its fingerprint, ready to be compared."""
    both_seen(nexthop, EC_LEAF, RSA_LEAF)
    client.force_login(eda)

    shown = client.get(reverse("partner-detail", args=[nexthop.channel_id])).content.decode()
    assert "which is not pinned" in shown
    assert RSA_LEAF.cert_fingerprint() in shown


def test_on_the_timeline(nexthop: Nexthop) -> None:
    """That a server got a second certificate is a change of its own, with both sides."""
    both_seen(nexthop, EC_LEAF, None)
    at = LATER + timedelta(hours=2)
    ask_again(nexthop, at=at)
    (claim,) = claim_addresses(1, now=at)
    record_peers([measured(claim, EC_LEAF, at=at), second(claim, RSA_LEAF, at=at)], now=at)

    (one,) = seen_changes(nexthop.channel)
    assert one.moment == at > NOON
    assert one.moved == (("second certificate RSA", "none", RSA_LEAF.cert_fingerprint()[:23] + "…"),)
