"""Probe now, and the panel that shows how far the look is."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from partners.actions.leases import claim_addresses, claim_nexthops
from partners.actions.probing import record_dns, record_peers
from partners.core.observation import NotMeasuredCause, Stage
from partners.models import Address, AuditEntry, Channel, Nexthop, Partner, User
from tests.actions.people import channel, editor, member, person
from tests.actions.watched import dns_facts, measured, not_measured
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.example.com")
POLL = {"HX-Request": "true"}


@pytest.fixture
def row() -> Channel:
    return channel(Partner.objects.create(name="Fjordbank"), "example.com", by=editor("ed"))


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(editor())
    return client


def probe(desk: Client, row: Channel) -> None:
    assert desk.post(reverse("partner-probe", args=[row.pk])).status_code == 302


def look_up(*addresses: str, **odd: object) -> None:
    """Do what a worker does first."""
    now = timezone.now()
    (claim,) = claim_nexthops(1, now=now)
    assert record_dns(claim, dns_facts(claim.key, *addresses, at=now, **odd), now=now)


def show_leaf(**odd: object) -> None:
    """Do what a worker does with one address."""
    now = timezone.now()
    (claim,) = claim_addresses(1, now=now)
    record_peers([measured(claim, LEAF, at=now, **odd)], now=now)


def poll(desk: Client, row: Channel) -> tuple[int, str]:
    answer = desk.get(reverse("partner-probe-panel", args=[row.pk]), headers=POLL)
    return answer.status_code, answer.content.decode()


def test_probe_now_makes_the_nexthop_due(desk: Client, row: Channel) -> None:
    """The button makes the row due for whoever looks next, leaves a trace, and leads back to the page."""
    answer = desk.post(reverse("partner-probe", args=[row.pk]))

    assert answer["Location"] == reverse("partner-detail", args=[row.pk]) + "#look"
    assert Nexthop.objects.get().asked_by == "person"
    assert AuditEntry.objects.get(act="probe.asked").subject == "nexthop example.com"


def test_reading_asks_for_no_probe(desk: Client, row: Channel) -> None:
    """GET on the button's address changes nothing."""
    assert desk.get(reverse("partner-probe", args=[row.pk])).status_code == 405
    assert Nexthop.objects.get().due_at is None


@pytest.mark.parametrize("role", [User.Role.MANAGEMENT, None])
def test_only_the_team_probes(row: Channel, role: User.Role | None) -> None:
    """Management and a stranger meet a page that does not exist, and nothing becomes due."""
    client = Client()
    client.force_login(person("max", *([role] if role else [])))

    assert client.post(reverse("partner-probe", args=[row.pk])).status_code == 404
    assert Nexthop.objects.get().due_at is None


def test_partner_sees_no_panel(row: Channel) -> None:
    """A contact of another company learns nothing, not even of their own row: the panel is the house's."""
    client = Client()
    client.force_login(member(Partner.objects.create(name="Other"), invited_by=editor()))

    assert client.get(reverse("partner-probe-panel", args=[row.pk])).status_code == 404


def test_panel_polls_until_all_is_seen(desk: Client, row: Channel) -> None:
    """It asks again while somebody is due or at work, counts the addresses, and ends with 286."""
    probe(desk, row)
    waiting = poll(desk, row)
    look_up("192.0.2.1", "192.0.2.2")
    show_leaf()
    half = poll(desk, row)
    show_leaf()
    ended = poll(desk, row)

    assert (waiting[0], half[0], ended[0]) == (200, 200, 286)
    assert "not looked up yet" in waiting[1]
    assert "1 of 2 addresses done" in half[1]
    assert 'hx-trigger="every 1s"' in half[1]
    assert "2 of 2 addresses done" in ended[1]
    assert "hx-get" not in ended[1]


def test_what_was_seen(desk: Client, row: Channel) -> None:
    """An address shows TLS version, names and end of what it answered with."""
    probe(desk, row)
    look_up()
    show_leaf()

    page = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()

    assert "TLSv1.3, chain of 1, mx.example.com, valid to" in page
    assert page.count('<i class="d">') == 5


def test_without_starttls(desk: Client, row: Channel) -> None:
    """A peer that offers no STARTTLS is told so, and its third bar is broken."""
    probe(desk, row)
    look_up()
    show_leaf(tls=None, starttls_offered=False, features=(), ended=Stage.DONE)

    page = poll(desk, row)[1]

    assert "STARTTLS is not offered" in page
    assert '<i class="d"></i><i class="d"></i><i class="b"></i>' in page


def test_not_measured_is_no_fault(desk: Client, row: Channel) -> None:
    """A time-out is not known, with its cause; it is neither good nor bad."""
    probe(desk, row)
    look_up()
    now = timezone.now()
    (claim,) = claim_addresses(1, now=now)
    record_peers([not_measured(claim, NotMeasuredCause.CONNECT_TIMEOUT, at=now)], now=now)

    code, page = poll(desk, row)

    assert code == 286
    assert "connect-timeout" in page
    assert 'class="probe" data-state="unk"' in page


def test_words_of_a_peer_are_printed_not_run(desk: Client, row: Channel) -> None:
    """Mark-up in a greeting stands in the panel as text."""
    probe(desk, row)
    look_up()
    show_leaf(
        tls=None, ended=Stage.GREETING, stop="reply", greeting_code=554, greeting_text="<script>alert(1)</script>"
    )

    page = poll(desk, row)[1]

    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page


def test_nobody_comes(desk: Client, row: Channel) -> None:
    """A row that is due for five minutes without a worker ends the polling and says so."""
    Nexthop.objects.update(due_at=timezone.now() - timedelta(minutes=6))

    code, page = poll(desk, row)

    assert code == 286
    assert "see whether a worker runs" in page


def test_rest_is_kept(desk: Client, row: Channel) -> None:
    """An address that asked for rest is waited for by nobody."""
    probe(desk, row)
    look_up()
    Address.objects.update(backed_off_until=timezone.now() + timedelta(hours=1))

    assert poll(desk, row)[0] == 286


def test_panel_costs_the_same_for_many(
    desk: Client, row: Channel, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Four queries of its own, however many addresses there are."""
    probe(desk, row)
    look_up(*(f"192.0.2.{number}" for number in range(1, 31)))

    with django_assert_max_num_queries(9):
        assert "0 of 30" in poll(desk, row)[1]


def test_added_partner_is_looked_at_at_once(desk: Client) -> None:
    """After adding, the page watches the look that the adding asked for."""
    body = {"name": "New", "nexthops": "new.example", "level": "encrypt", "agreed": "encrypted"}

    page = desk.post(reverse("partner-add"), body, follow=True).content.decode()

    assert "Looking at their servers" in page
    assert Nexthop.objects.get(key="new.example").asked_by == "person"


def test_no_server_to_look_at_is_told(desk: Client, row: Channel) -> None:
    """A domain that takes no mail (RFC 7505) has no address; the panel does not speak of who is at work."""
    before = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()
    probe(desk, row)
    look_up(hosts=())
    after = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()

    assert "Nobody has looked yet" in before
    assert "There is no server to look at" in after
