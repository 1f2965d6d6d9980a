"""Add a partner: a look first, nothing kept before saving, and everybody's look their own."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from partners.actions.leases import claim_addresses, claim_looks
from partners.actions.looking import LOOKS_MAX, record_look
from partners.actions.probing import record_peers
from partners.actions.relay_groups import ensure_group
from partners.core.certificates import pkey_fingerprint
from partners.models import Change, Channel, Look, Nexthop, Partner, Pin, RelayGroup, User
from tests.actions.people import NOON, channel, editor, member, person
from tests.actions.watched import dns_facts, measured, publish
from tests.kit.ca import root_ca, self_signed

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.example.com")
POLL = {"HX-Request": "true"}
ENTRY = {"name": "Fjordbank", "nexthops": "example.com", "level": "encrypt", "agreed": "encrypted"}


@pytest.fixture
def desk() -> Client:
    ensure_group(now=NOON)
    client = Client()
    client.force_login(editor())
    return client


def ask(desk: Client, text: str = "example.com") -> Look:
    """Ask for a look, as the page does."""
    assert desk.post(reverse("look-ask"), {"nexthop": text}).status_code == 302
    return Look.objects.latest("pk")


def look_up(*addresses: str, **odd: object) -> None:
    """Do what a worker does first."""
    now = timezone.now()
    (claim,) = claim_looks(1, now=now)
    assert record_look(claim, dns_facts(claim.key, *addresses, at=now, **odd), now=now)


def see(leaf: object = LEAF) -> None:
    """Do what a worker does with one address."""
    now = timezone.now()
    (claim,) = claim_addresses(1, now=now)
    record_peers([measured(claim, leaf, at=now)], now=now)


def shown(desk: Client, look: Look, **asked: str) -> str:
    return desk.get(reverse("look-show", args=[look.pk]), asked).content.decode()


def test_asking_keeps_nothing_of_a_partner(desk: Client) -> None:
    """The look is watched on a page of its own; there is no partner, no channel and no nexthop."""
    page = shown(desk, ask(desk))

    assert "Looking at their servers" in page
    assert "Load again" in page  # without script
    assert not Partner.objects.exists()
    assert not Nexthop.objects.exists()


def test_progress_per_address_then_the_page_again(desk: Client) -> None:
    """The panel polls while somebody is due, counts the addresses, and has the page loaded again at the end."""
    look = ask(desk)
    panel = reverse("look-panel", args=[look.pk])
    look_up("192.0.2.1", "2001:db8::1")
    see()
    half = desk.get(panel, headers=POLL)
    see()
    ended = desk.get(panel, headers=POLL)

    assert half.status_code == 200
    assert "1 of 2 addresses done" in half.content.decode()
    assert "HX-Refresh" not in half
    assert (ended.status_code, ended["HX-Refresh"]) == (286, "true")


def test_cards_say_what_is_protected_and_what_it_costs(desk: Client) -> None:
    """Each level says what Postfix would do per host, what it protects against, and its steps a year."""
    look = ask(desk)
    look_up()
    see()

    page = shown(desk, look)

    assert "0 of 1 deliver: Server certificate not verified" in page
    assert "their DNS is not signed" in page
    assert "up to 4" in page  # a leaf of 91 days
    key = pkey_fingerprint(LEAF.der, "sha256")
    assert f"this public key, whoever signed its certificate: SHA-256 {key[:11]}…" in page
    assert "of the public key" in page
    assert '<option value="fingerprint" selected>' in page


def test_exact_line_before_anything_is_saved(desk: Client) -> None:
    """The line of the recommended level stands there with its outcome at each address, on each relay group."""
    authority = root_ca()
    RelayGroup.objects.update(ca_pem=authority.pem)
    look = ask(desk)
    look_up("192.0.2.1", "2001:db8::1")
    see(authority.leaf("mx.example.com"))
    see(authority.leaf("mx.example.com"))

    page = shown(desk, look)

    assert "example.com\tsecure match=mx.example.com" in page
    assert "192.0.2.1</code> deliver, Verified" in page
    assert "2001:db8::1</code> deliver, Verified" in page


def test_another_card_fills_the_fields(desk: Client) -> None:
    """A card that is chosen fills level, match and agreement; a name typed before stays."""
    look = ask(desk)
    look_up()
    see()

    page = shown(desk, look, card="encrypt", name="Fjordbank")

    assert '<option value="encrypt" selected>' in page
    assert 'value="Fjordbank"' in page
    assert "example.com\tencrypt" in page
    assert not Partner.objects.exists()


def test_saving_is_one_change(desk: Client) -> None:
    """Saved is one draft change; a key that only our probe saw is marked as such."""
    look = ask(desk)
    look_up()
    see()
    page = desk.get(reverse("look-show", args=[look.pk]))
    fields = {name: page.context["form"][name].value() or "" for name in page.context["form"].fields}

    answer = desk.post(reverse("partner-add"), {**fields, "name": "Fjordbank", "look": look.pk})

    assert answer.status_code == 302
    assert Change.objects.get().channel.level == "fingerprint"
    assert {pin.origin for pin in Pin.objects.all()} == {Pin.Origin.SEEN}
    assert Nexthop.objects.get().asked_by == "person"


def test_refusal_keeps_look_and_text(desk: Client) -> None:
    """A refused entry is told beside its field; the cards and what was typed are still there."""
    look = ask(desk)
    look_up()
    see()

    answer = desk.post(reverse("partner-add"), {**ENTRY, "level": "secure", "match": "a b", "look": look.pk})
    page = answer.content.decode()

    assert answer.status_code == 422
    assert 'id="id_match_error"' in page
    assert 'class="advice"' in page
    assert "Fjordbank" in page


def test_oldest_release_is_told(desk: Client) -> None:
    """What the oldest Postfix of a group cannot take is refused with its release, beside the field."""
    RelayGroup.objects.create(name="old", postfix="3.3.0")

    page = desk.post(reverse("partner-add"), {**ENTRY, "servername": "hostname"}).content.decode()

    assert 'id="id_servername_error"' in page
    assert "Postfix 3.3.0 does not know servername" in page


@pytest.mark.parametrize("text", [".example.com", "a.example b.example", "", "*.x", "<script>alert(1)</script>"])
def test_what_cannot_be_looked_at_is_told(desk: Client, text: str) -> None:
    """The page comes again with the text and the reason, and offers to go on without a look."""
    answer = desk.post(reverse("look-ask"), {"nexthop": text})

    assert answer.status_code == 422
    assert b"Go on without a look" in answer.content
    assert b"<script>alert" not in answer.content


def test_too_many_looks_are_refused(desk: Client) -> None:
    """After the limit the page says so and asks nobody."""
    for number in range(LOOKS_MAX):
        ask(desk, f"p{number}.example")

    answer = desk.post(reverse("look-ask"), {"nexthop": "more.example"})

    assert answer.status_code == 422
    assert b"looks within 10 minutes" in answer.content
    assert Look.objects.count() == LOOKS_MAX


def test_a_look_is_its_owners(desk: Client) -> None:
    """A colleague meets a page that does not exist, on all of its doors; so does everybody after its end."""
    look = ask(desk)
    other = Client()
    other.force_login(editor("other"))

    for name in ("look-show", "look-panel"):
        assert other.get(reverse(name, args=[look.pk])).status_code == 404
    Look.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert desk.get(reverse("look-show", args=[look.pk])).status_code == 404


@pytest.mark.parametrize("role", [User.Role.MANAGEMENT, None])
def test_only_the_team_asks(role: User.Role | None) -> None:
    """Management and a stranger can ask for no look, and see none."""
    client = Client()
    client.force_login(person("max", *([role] if role else [])))

    assert client.post(reverse("look-ask"), {"nexthop": "example.com"}).status_code == 404
    assert client.get(reverse("look-show", args=[1])).status_code == 404
    assert not Look.objects.exists()


def test_a_partner_asks_for_nothing() -> None:
    """A contact of a company has no such page."""
    client = Client()
    client.force_login(member(Partner.objects.create(name="Other"), invited_by=editor()))

    assert client.post(reverse("look-ask"), {"nexthop": "example.com"}).status_code == 404
    assert client.post(reverse("channel-authority", args=[1]), {"pasted": "x"}).status_code == 404


def test_what_applies_today_is_told(desk: Client) -> None:
    """The look says by which entry mail goes now: the default's, or a parent's."""
    assert "Today the default of the relays applies: " in shown(desk, ask(desk, "a.example.com"))

    publish(".example.com\tencrypt\n", by=editor("ed"))
    assert "Today mail goes by the entry of .example.com: encrypt." in shown(desk, ask(desk, "b.example.com"))


def test_taken_key_is_told_before_the_rest_is_filled_in(desk: Client) -> None:
    """A nexthop that another partner has is said beside the cards."""
    channel(Partner.objects.create(name="Rivet"), "example.com", by=editor("ed"))
    look = ask(desk)
    look_up()
    see()

    assert "Rivet has it already" in shown(desk, look)


def test_own_ca_is_a_draft_change(desk: Client) -> None:
    """A CA that is pasted is trusted for this channel alone, as a draft; it can be taken out again."""
    row = channel(
        Partner.objects.create(name="Rivet"), "example.com", by=editor("ed"), level="secure", agreed="ca-and-name"
    )
    Change.objects.update(made_at=timezone.now())
    door = reverse("channel-authority", args=[row.pk])

    desk.post(door, {"pasted": root_ca().pem})
    page = desk.get(reverse("channel-edit", args=[row.pk])).content.decode()
    desk.post(door, {"remove": row.authorities.get().sha256})

    assert "Take out" in page
    assert "tafile=" in page
    assert Change.objects.filter(channel=row).count() == 3


def test_bad_ca_is_told(desk: Client) -> None:
    """What is no certificate, and a private key, are refused with the reason; nothing is kept."""
    row = channel(Partner.objects.create(name="Rivet"), "example.com", by=editor("ed"), level="secure")
    door = reverse("channel-authority", args=[row.pk])

    page = desk.post(door, {"pasted": "no certificate"}, follow=True).content.decode()

    assert 'data-state="bad"' in page
    assert not row.authorities.exists()
    assert desk.post(door, {"pasted": "x" * 70_000}, follow=True).content.count(b"64 KB") > 1


def test_page_costs_the_same_for_many(desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    """The queries of the page do not grow with the addresses."""
    look = ask(desk)
    look_up(*(f"192.0.2.{number}" for number in range(1, 21)))
    for _ in range(20):
        see()

    with django_assert_max_num_queries(45):
        assert "20 of 20 addresses done" in shown(desk, look)


def test_without_a_look_the_fields_come_at_once(desk: Client) -> None:
    """A dotted key has no server of its own: its fields are filled in by hand."""
    page = desk.get(reverse("partner-add"), {"fields": "1", "nexthop": ".example.com"}).content.decode()
    answer = desk.post(reverse("partner-add"), {**ENTRY, "nexthops": ".example.com"})

    assert 'value=".example.com"' in page
    assert answer.status_code == 302
    assert Channel.objects.get().nexthops.get().key == ".example.com"
