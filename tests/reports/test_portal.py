"""The partner's page: what they read, in which state, and that it tells of nobody else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.models import DnsSighting, Partner, Pin, Relay, RelayGroup, RelayToken, Sighting
from partners.reports.portal import PortalPage, portal_page
from tests.actions.people import channel
from tests.kit.ca import self_signed
from tests.reports.portal_world import Brixner, accept, brixner, sent, serve

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def page_of(world: Brixner) -> PortalPage:
    page = portal_page(world.contact, world.channel.pk, now=timezone.now())
    assert page is not None
    return page


def steps(world: Brixner) -> list[str]:
    return [step.state for step in page_of(world).upcoming.steps]


def test_a_quiet_day():
    """Everything as agreed and no end near: one sentence, four servers, nothing under way."""
    page = page_of(brixner())

    assert (page.say.state, page.say.title) == ("ok", "Mail flows, protected as we agreed.")
    assert "You need to do nothing today." in page.say.text
    assert [row.state for row in page.servers] == ["ok"] * 4
    assert page.servers[0].text.startswith("current certificate, to ")
    assert page.upcoming is None


def test_an_end_that_is_near_asks_for_the_next_one():
    """Twenty days before the end, with no successor: send it here before you install it."""
    page = page_of(brixner(days=20))

    assert page.upcoming.note_state == "risk"
    assert "in 19 days" in page.upcoming.text or "in 20 days" in page.upcoming.text
    assert [step.state for step in page.upcoming.steps] == ["now", "", "", "", ""]
    assert "One thing to do, below." in page.say.text


def test_what_was_sent_is_not_safe_yet():
    """Announced: do not switch; it can be taken back."""
    world = brixner()
    pin = sent(world, world.new, by=world.contact)

    page = page_of(world)

    assert page.upcoming.note == "Please do not switch yet"
    assert page.upcoming.pin == pin
    assert steps(world) == ["done", "now", "", "", ""]
    assert "by you" in page.upcoming.text


def test_accepted_is_not_safe_before_the_relays_have_it():
    """Staged waits for a release: still not safe, and no longer to be taken back."""
    world = brixner()
    pin = sent(world, world.new, by=world.contact)
    Pin.objects.filter(pk=pin.pk).update(state="staged", decided_by=world.second, decided_at=timezone.now())

    assert page_of(world).upcoming.note == "Please do not switch yet"
    assert page_of(world).upcoming.pin is None
    assert steps(world) == ["done", "done", "now", "", ""]


@pytest.mark.parametrize(
    "held, note",
    [
        pytest.param(2, "Safe to go live", id="every-relay"),
        pytest.param(1, "Please do not switch yet", id="one-is-behind"),
        pytest.param(None, "Please do not switch yet", id="one-never-told"),
    ],
)
def test_safe_only_when_every_relay_has_it(held: int | None, note: str):
    """A single relay that keeps the old map would defer: "safe" waits for it."""
    world = brixner()
    accept(world, sent(world, world.new, by=world.contact), at=timezone.now() - DAY, number=2)
    group = RelayGroup.objects.get(name="main")
    Relay.objects.create(group=group, name="relay1", active_release=2)
    Relay.objects.create(group=group, name="relay2", active_release=held)

    assert page_of(world).upcoming.note == note


def test_a_fetch_counts_as_having_it():
    """A relay that does not report is believed what its token fetched."""
    world = brixner()
    accept(world, sent(world, world.new, by=world.contact), at=timezone.now() - DAY, number=2)
    group = RelayGroup.objects.get(name="main")
    relay = Relay.objects.create(group=group, name="relay1")
    token = RelayToken.objects.create(
        group=group, relay=relay, prefix="abc", sha256="0" * 64, made_at=timezone.now(), fetched_release=1
    )
    before = page_of(world).upcoming.note
    RelayToken.objects.filter(pk=token.pk).update(fetched_release=2)

    assert (before, page_of(world).upcoming.note) == ("Please do not switch yet", "Safe to go live")


def test_half_way_tells_old_from_new():
    """Two of four addresses show the new one: the others are marked, and are told as old."""
    world = brixner(state="rolling")
    accept(world, sent(world, world.new, by=world.contact), at=timezone.now() - DAY, number=2)
    serve(world, world.new, world.new, world.old, world.old)

    page = page_of(world)

    assert [row.state for row in page.servers] == ["ok", "ok", "roll", "roll"]
    assert [row.text.split(",")[0] for row in page.servers] == ["new certificate"] * 2 + ["old certificate"] * 2
    assert "2 of 4 addresses" in page.upcoming.steps[3].title


def test_two_certificates_for_good_are_no_rollover():
    """Each server has had its own for months: nothing is under way, and neither is called old."""
    world = brixner()
    Pin.objects.filter(pk=world.pins["old"].pk).update(proposed_at=timezone.now() - 300 * DAY)
    pin = sent(world, world.new, by=world.contact, at=timezone.now() - 200 * DAY)
    accept(world, pin, at=timezone.now() - 190 * DAY, number=2)
    serve(world, world.new, world.new, world.old, world.old)

    page = page_of(world)

    assert page.upcoming is None
    assert {row.text.split(",")[0] for row in page.servers} == {"current certificate"}


def test_a_bare_fingerprint_is_known_by_its_own_algorithm():
    """Whoever pinned by SHA-1 is not told that nobody announced the certificate."""
    world = brixner()
    Pin.objects.filter(pk=world.pins["old"].pk).update(
        digests={"sha1": world.old.cert_fingerprint("sha1")}, certificate=None
    )

    assert page_of(world).servers[0].text.startswith("current certificate")


def test_switched_too_early_is_told():
    """The new one is shown before it is accepted: mail waits, and the page says what to do."""
    world = brixner(state="violated", cause="fingerprint-mismatch")
    sent(world, world.new, by=world.contact)
    serve(world, world.new, *[world.old] * 3, reasons=("fingerprint-mismatch",))

    page = page_of(world)

    assert page.say.title == "Our mail to you would wait."
    assert page.upcoming.note_state == "bad"
    assert page.servers[0].text.startswith("the certificate you sent, which we have not checked yet")


def test_an_unknown_certificate_names_cause_cure_and_command():
    """Each address that defers says why in the partner's words, and how to see it by hand."""
    world = brixner(state="violated", cause="fingerprint-mismatch")
    serve(world, self_signed("mx1.brixner-achsen.example"), *[world.old] * 3, reasons=("fingerprint-mismatch",))

    row = page_of(world).servers[0]

    assert row.state == "bad"
    assert row.text.startswith("a certificate that nobody announced to us")
    assert "Upload the new one" in row.cause
    assert row.command.startswith("openssl s_client -starttls smtp -connect 192.0.2.41:25")


def test_mail_that_comes_back_is_not_said_to_wait():
    """Where the domain is gone, our mail is not queued."""
    world = brixner(state="violated", cause="no-such-domain")
    world.channel.nexthops.get().verdicts.update(delivery="bounce")

    assert page_of(world).say.title == "Our mail to you would come back to its senders."


def test_what_was_not_seen_for_long_is_not_called_good():
    """The last state stays until a fact moves it, and the page says that it is old."""
    world = brixner()
    world.channel.intervals.update(unknown_since=timezone.now() - DAY)

    page = page_of(world)

    assert page.say.state == "unk"
    assert "When we last saw them, mail flowed as agreed." in page.say.text


def test_refusal_comes_with_its_word():
    """What an approver wrote is read by who sent it."""
    world = brixner()
    pin = sent(world, world.new, by=world.contact)
    Pin.objects.filter(pk=pin.pk).update(
        state="refused", decided_by=world.second, decided_at=timezone.now(), word="not the one you read to me"
    )

    page = page_of(world)

    assert page.refused.word == "not the one you read to me"
    assert any("not the one you read to me" in row.text for row in page.history)


def test_rule_holds_own_lines_alone():
    """Of the map only the lines of the partner's own keys are shown."""
    page = page_of(brixner())

    text = "".join(part for line in page.expectation.lines for piece in line.pieces for part in piece.parts)

    assert text.startswith("brixner-achsen.example\tfingerprint match=")
    assert "neighbour" not in text


def test_a_parent_entry_of_somebody_else_is_not_told():
    """Mail that goes by another channel's entry is no verdict of this partner's: the page says pending."""
    world = brixner(state="violated", cause="fingerprint-mismatch")
    world.channel.nexthops.get().verdicts.update(is_own=False)

    page = page_of(world)

    assert page.say.state == "pend"
    assert {row.state for row in page.servers} == {"unk"}
    assert page.expectation.lines == ()


def test_another_partners_channel_is_none_of_theirs():
    """A channel of somebody else answers as one that does not exist."""
    world = brixner()
    foreign = channel(Partner.objects.create(name="Rivet"), "rivet.example", by=world.team)

    assert portal_page(world.contact, foreign.pk, now=timezone.now()) is None


def test_page_costs_a_fixed_number_of_queries(django_assert_max_num_queries):
    """At most twelve, with a rollover half way."""
    world = brixner(state="rolling")
    accept(world, sent(world, world.new, by=world.contact), at=timezone.now() - DAY, number=2)
    serve(world, world.new, world.new, world.old, world.old)

    reader = type(world.contact).objects.get(pk=world.contact.pk)
    assert reader.roles
    with django_assert_max_num_queries(12):
        portal_page(reader, world.channel.pk, now=timezone.now())


@pytest.mark.parametrize("minutes", [pytest.param(-3 * 1440, id="earlier"), pytest.param(25, id="more-often")])
def test_an_address_that_others_use_tells_nothing_of_them(minutes: int):
    """At a provider's shared address somebody else is looked at too: before this partner was, or in between."""
    world = brixner()
    dns = DnsSighting.objects.get(current=True)
    DnsSighting.objects.update(first_seen=dns.last_seen - timedelta(hours=1))
    Sighting.objects.filter(current=True).update(last_seen=dns.last_seen + timedelta(minutes=minutes))

    moments = {row.seen_at for row in page_of(world).servers}

    assert all(dns.last_seen - timedelta(hours=1) <= at <= dns.last_seen for at in moments)


def test_an_address_is_known_since_the_names_led_there():
    """Not since the last change of the answer: what stayed in it was seen all the time."""
    world = brixner()
    now = DnsSighting.objects.get(current=True)
    long_ago = now.last_seen - timedelta(days=3)
    DnsSighting.objects.create(
        nexthop=now.nexthop, observation=now.observation, first_seen=long_ago, last_seen=now.first_seen, current=False
    )
    Sighting.objects.filter(current=True).update(last_seen=now.last_seen - timedelta(hours=2))

    assert {row.seen_at for row in page_of(world).servers} == {now.last_seen - timedelta(hours=2)}
