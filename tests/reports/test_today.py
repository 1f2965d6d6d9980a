"""Today: the order of harm, who must act, and the next step of each row."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.models import (
    Candidate,
    Change,
    Channel,
    ComplianceInterval,
    Partner,
    Pin,
    Relay,
    RelayGroup,
    Release,
    User,
    VerdictRow,
)
from partners.reports.today import Group, Today, today
from partners.reports.today_hands import Hand, duration
from tests.actions.at_head import at_head
from tests.actions.people import approver, channel, editor, member, proposed
from tests.browser.house_world import fill_house
from tests.reports.world import agreement, certificate, shown

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def seen_by(user: User) -> Today:
    return today(user, now=timezone.now())


def group(page: Today, title: str) -> Group:
    return next(one for one in page.groups if one.title == title)


def hand(page: Today, title: str) -> Hand:
    return group(page, title).hands[0]


def test_harm_sorts():
    """Mail that waits comes first, what was not judged last."""
    page = seen_by(fill_house())

    assert [one.title for one in page.groups][:4] == [
        "Mail waits now",
        "Breaks soon",
        "Weaker than agreed",
        "Not on the relays yet",
    ]
    assert (page.waits, page.total) == (2, 13)
    assert page.others == sum(one.count for one in page.groups) - 2


def test_waiting_mail_says_until_when():
    """The cause in words, and how long the first message has at most: the shortest queue lifetime counts."""
    team = editor()
    agreement("Fjordbank", "violated", by=team, since=timezone.now() - HOUR, cause="certificate-expired")
    RelayGroup.objects.create(name="fast", main_cf={"maximal_queue_lifetime": "1d"})

    row = hand(seen_by(team), "Mail waits now")

    assert "A certificate of the chain has expired." in row.cause
    assert "<strong>in at most 22 h</strong>" in row.cause or "<strong>in at most 23 h</strong>" in row.cause
    assert (row.who, row.primary) == ("Fjordbank", True)


def test_mail_that_comes_back_is_not_said_to_wait():
    """Where the nexthop is gone, nothing is queued: no time is left, and the row says so."""
    team = editor()
    row = agreement("Gone", "violated", by=team, since=timezone.now() - HOUR, cause="no-such-domain")
    VerdictRow.objects.filter(nexthop__channel=row).update(delivery="bounce")

    page = seen_by(team)
    cause = hand(page, "Mail bounces now").cause

    assert "comes back to its sender" in cause and "in at most" not in cause
    assert (page.waits, page.bounced) == (0, 1)


def test_some_wait_and_some_come_back():
    """Each is counted by what happens to its mail."""
    team = editor()
    for name in ("Fjord", "Rivet"):
        agreement(name, "violated", by=team, since=timezone.now() - HOUR, cause="fingerprint-mismatch")
    VerdictRow.objects.filter(nexthop__channel__partner__name="Rivet").update(delivery="bounce")

    page = seen_by(team)

    assert (page.waits, page.bounced) == (1, 1)
    assert group(page, "Mail waits or bounces now").count == 2


@pytest.mark.parametrize(
    "cause, who",
    [
        pytest.param("certificate-expired", "Rivet", id="theirs"),
        pytest.param("fingerprint-mismatch", "You, by telephone", id="by-telephone"),
        pytest.param("policy-invalid", "eda@house.example", id="ours"),
    ],
)
def test_who_must_act_follows_the_cause(cause: str, who: str):
    """A fault of our entry is the owner's; one of their servers is theirs."""
    team = editor()
    agreement("Rivet", "violated", by=team, since=timezone.now() - HOUR, cause=cause)

    assert hand(seen_by(team), "Mail waits now").who == who


def test_an_end_with_a_successor_is_no_hand():
    """What nobody has provided for is a hand; what is announced already stands in the strip alone."""
    team = editor()
    row = agreement("Borealis", "compliant", by=team)
    shown(row, "192.0.2.1", certificate(1, not_after=timezone.now() + 9 * DAY))
    before = group(seen_by(team), "Breaks soon").count
    pin = proposed(row, by=team)
    Pin.objects.filter(pk=pin.pk).update(certificate=certificate(2, not_after=timezone.now() + 300 * DAY))

    page = seen_by(team)

    assert before == 1
    assert "Breaks soon" not in [one.title for one in page.groups]
    assert (page.missing, page.provided) == (0, 1)


def test_a_lowered_level_that_ends_is_told():
    """Twelve days before an exception ends, its owner tries the old entry."""
    team = editor()
    row = agreement("Polder", "weaker", by=team, cause="below-agreed")
    Channel.objects.filter(pk=row.pk).update(
        lowered_until=timezone.now() + 12 * DAY + HOUR, lowered_reason="provider moves"
    )

    found = hand(seen_by(team), "Breaks soon")

    assert (found.when, found.who) == ("in 12 days", team.email)
    assert "provider moves" in found.cause


def test_unknown_is_told_after_hours_not_at_once():
    """A missed probe is no news; six hours without a fact are, also where the last state is kept."""
    team = editor()
    for name, hours in (("Short", 1), ("Long", 43)):
        row = agreement(name, "compliant", by=team)
        since = timezone.now() - hours * HOUR
        ComplianceInterval.objects.filter(channel=row).update(unknown_since=since, known_at=since)

    found = group(seen_by(team), "Unknown for too long")

    assert [row.name for row in found.hands] == ["Long"]
    assert found.hands[0].when == "1 day 19 h"
    assert found.hands[0].when_note.startswith("last known")


def test_a_proposal_is_not_for_who_made_it():
    """An approver is told "You", the one who proposed it "not you", and an editor that an approver is needed."""
    bea = approver("bea")
    row = agreement("Tessera", "compliant", by=bea)
    proposed(row, by=bea)

    mine, other, edits = (hand(seen_by(user), "Waits for a second person") for user in (bea, approver(), editor("eli")))

    assert (mine.who, mine.who_note) == ("Another approver", "not you: you proposed it")
    assert (other.who, other.label) == ("You", "Compare and approve")
    assert (edits.who, edits.who_note, edits.label) == ("An approver", "", "See it")


def test_who_wrote_of_a_candidate_is_no_second_person():
    """Not only who cut it: who drafted one of its changes is an author too."""
    bea, ann = approver("bea"), approver()
    candidate = Candidate.objects.create(
        author=bea, cut_at=timezone.now(), guarded_at=timezone.now(), needs_second=True, sha256="0" * 64
    )
    row = channel(Partner.objects.create(name="Tessera"), "tessera.example", by=ann)
    candidate.changes.set(Change.objects.filter(channel=row))

    told = [hand(seen_by(user), "Waits for a second person").who for user in (bea, ann, approver("cem"))]

    assert told == ["Another approver", "Another approver", "You"]


def test_who_is_alone_is_told_so():
    """In single-operator mode nobody waits for a person who does not exist."""
    bea = approver("bea")
    proposed(agreement("Tessera", "compliant", by=bea), by=bea)

    page = today(bea, now=timezone.now(), alone=True)

    assert hand(page, "Waits for a second person").who == "You"


@pytest.mark.parametrize("held, late", [(1, 1), (2, 0), (None, 1)])
def test_a_relay_that_is_behind_is_told(held: int | None, late: int):
    """A quarter of an hour after a release, a relay with an older map or an untold one is a hand."""
    team = editor()
    agreement("Fjordbank", "compliant", by=team)
    group_row = RelayGroup.objects.get(name="main")
    for number in (1, 2):
        release = Release.objects.create(
            number=number,
            author=team,
            needs_second=False,
            published_at=timezone.now() - HOUR,
            published_by=team,
        )
    at_head(release)
    Relay.objects.create(group=group_row, name="relay1", active_release=held)

    state = seen_by(team).map

    assert (state.release, state.relays, state.relays - state.current) == (2, 1, late)
    assert [row.name for row in state.hands if row.name == "relay1"] == ["relay1"] * late


def test_a_channel_that_nobody_judged_is_told():
    """A draft that was never released has no state: it stands below, with the drafts as next step."""
    team = editor()
    channel(Partner.objects.create(name="New"), "new.example", by=team)

    found = hand(seen_by(team), "Not judged yet")

    assert (found.name, found.label) == ("New", "See the drafts")


def test_a_mass_failure_stays_a_page():
    """Of forty that wait, twelve are shown, the longest first; the count tells all."""
    team = editor()
    for number in range(40):
        agreement(f"P{number:02}", "violated", by=team, since=timezone.now() - number * HOUR)

    found = group(seen_by(team), "Mail waits now")

    assert (found.count, len(found.hands)) == (40, 12)
    assert found.hands[0].name == "P39"


def test_a_name_of_a_stranger_is_text():
    """The subject of a certificate and where it was seen are escaped in the cause."""
    team = editor()
    row = agreement("Fjord", "unknown", by=team, since=timezone.now() - DAY, cause="timeout")
    ComplianceInterval.objects.filter(channel=row).update(where="<script>")

    assert "<script>" not in hand(seen_by(team), "Unknown for too long").cause


def test_page_costs_a_fixed_number_of_queries(django_assert_max_num_queries):
    """At most thirteen, with every group filled."""
    team = fill_house()
    row = Channel.objects.first()
    proposed(row, by=member(row.partner, invited_by=team))
    assert team.roles  # the door of the page has read them

    with django_assert_max_num_queries(14):
        today(team, now=timezone.now())


@pytest.mark.parametrize(
    "span, words",
    [
        (timedelta(minutes=18), "18 min"),
        (timedelta(hours=7, minutes=27), "7 h"),
        (timedelta(days=1, hours=19), "1 day 19 h"),
        (timedelta(days=22, hours=3), "22 days"),
    ],
)
def test_duration_has_two_units_at_most(span: timedelta, words: str):
    """Short enough to be read at a glance."""
    assert duration(span) == words


def test_what_is_overdue_or_not_looked_at_is_named() -> None:
    """A row that ended our worker too often is a hand, with the partner's name."""
    row = agreement("Fjordbank", "compliant", by=editor())
    row.nexthops.update(set_aside_at=timezone.now() - HOUR)

    (group,) = (one for one in today(editor("emil"), now=timezone.now()).groups if one.more == "alerts")

    assert (group.count, group.hands[0].name, group.hands[0].when_note) == (1, "Fjordbank", "set aside")
