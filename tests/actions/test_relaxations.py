"""A relaxation returns by itself on its day; where that would stop mail, it is prepared and told."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from partners.actions.own_alarms import tell_own_troubles
from partners.actions.partners import end_relaxations, lower_until
from partners.actions.relaxations import bring_back
from partners.actions.releases import active_text, approve, cut, publish, roll_back
from partners.core.errors import RefusedInput
from partners.models import Alert, AuditEntry, Candidate, Change, Channel, Nexthop, RelayGroup, Release, User
from partners.models.troubles import WAITS
from tests.actions.facts import seen
from tests.actions.people import approver, editor
from tests.kit.ca import self_signed
from tests.web.candidate_world import added, agreed, changed, published

pytestmark = pytest.mark.django_db
OLD, NEW = self_signed("mx.acme.example"), self_signed("mx.acme.example")
DAY = timedelta(days=1)


@pytest.fixture
def lowering() -> Change:
    """acme is pinned; eda would lower it to encrypt until tomorrow."""
    now, eda = timezone.now(), editor()
    ann = approver("ann")
    approver("bob")
    change = added("Acme", "acme.example", "encrypt", by=eda, now=now)
    published([change], eda, now=now)
    seen("acme.example", OLD, at=now)
    pin = {"level": "fingerprint", "match": OLD.cert_fingerprint("sha256")}
    out([changed(change, by=eda, now=now, **pin)], eda, ann, now=now)
    row = Channel.objects.get()
    fields = {"level": "encrypt", "match": ""}
    return lower_until(row, fields, until=now + DAY, reason="x", version=row.version, by=eda, now=now)


@pytest.fixture
def lowered(lowering: Change) -> Channel:
    """acme is lowered until tomorrow, agreed to by ann."""
    out([lowering], lowering.author, User.objects.get(email="ann@house.example"), now=timezone.now())
    return Channel.objects.get()


def out(changes: list, by: User, second: User, *, now: datetime) -> None:
    """Publish *changes*, agreed to by *second* where that is needed."""
    candidate = cut(changes, by=by, now=now)
    if candidate.needs_second:
        agreed(candidate, second, now=now)
    publish(candidate, by=by, now=now)


def the_day_after() -> datetime:
    """Let the end pass: the change is written."""
    later = timezone.now() + DAY + timedelta(minutes=1)
    end_relaxations(now=later)
    return later


def test_it_returns_by_itself(lowered: Channel) -> None:
    """Nobody has to press a button for what was agreed to end on a day."""
    later = the_day_after()
    seen("acme.example", OLD, at=later)

    assert [one.channel for one in bring_back(now=later)] == [lowered]
    assert "fingerprint" in active_text(RelayGroup.objects.get())
    assert AuditEntry.objects.filter(act="channel.relaxation-returned", by=None).count() == 1
    assert bring_back(now=later) == []


def test_it_waits_for_fresh_facts(lowered: Channel) -> None:
    """Old facts decide nothing: they are asked for, and the next tick goes on with the same candidate."""
    later = the_day_after()

    assert bring_back(now=later) == []
    assert bring_back(now=later) == []
    assert Candidate.objects.filter(state="open").count() == 1
    assert Nexthop.objects.get().asked_by == "guard"


def test_waiting_for_fresh_facts_is_no_alarm(lowered: Channel) -> None:
    """The guard has just asked for them: only what is still there after some ticks wants a person."""
    later = the_day_after()
    bring_back(now=later)

    assert tell_own_troubles(now=later) == 0
    Change.objects.filter(relaxed_until__isnull=False).update(made_at=timezone.now() - WAITS - DAY)
    assert tell_own_troubles(now=later) == 1
    assert "relaxation-over" in set(Alert.objects.values_list("cause", flat=True))


def test_the_trail_names_nobody_for_what_nobody_did(lowered: Channel) -> None:
    """Who lowered it neither cut nor published its return."""
    later = the_day_after()
    seen("acme.example", OLD, at=later)
    before = AuditEntry.objects.order_by("pk").last().pk

    bring_back(now=later)

    acts = set(AuditEntry.objects.filter(pk__gt=before).values_list("act", "by"))
    assert {("candidate.cut", None), ("release.published", None)} <= acts
    assert {by for _act, by in acts} == {None}


def test_what_a_person_prepared_is_a_persons_to_release(lowered: Channel) -> None:
    """Rolling back ends the relaxation too, and waits for whoever asked for it."""
    now = timezone.now()
    candidate = roll_back(Release.objects.get(number=2), by=User.objects.get(email="eda@house.example"), now=now)

    assert bring_back(now=now) == []
    candidate.refresh_from_db()
    assert candidate.state == Candidate.State.OPEN
    assert tell_own_troubles(now=now) == 0


def test_a_lowering_is_not_released_after_its_own_end(lowering: Change) -> None:
    """Its return was written for that end, and may be on the relays already: nothing would ever bring it back."""
    later = the_day_after()

    with pytest.raises(RefusedInput, match="is over"):
        cut([lowering], by=lowering.author, now=later)
    assert cut([lowering], by=lowering.author, now=later - timedelta(hours=1)).state == Candidate.State.OPEN


def test_what_was_never_released_is_not_brought_back(lowering: Change) -> None:
    """The draft of a relaxation ran out before anybody agreed: the map is as agreed already."""
    later = the_day_after()
    seen("acme.example", OLD, at=later)

    assert bring_back(now=later) == []
    assert Release.objects.count() == 2
    assert not Candidate.objects.filter(state="open").exists()


def test_what_moved_in_a_relay_group_does_not_ride_along(lowered: Channel) -> None:
    """A CA set that nobody released yet is a person's to release."""
    later = the_day_after()
    seen("acme.example", OLD, at=later)
    RelayGroup.objects.update(ca_pem=NEW.pem)

    assert bring_back(now=later) == []
    assert Release.objects.count() == 3


def test_it_returns_as_soon_as_no_mail_would_stop(lowered: Channel) -> None:
    """What the guard found on the day is looked at again, a few minutes later."""
    later = the_day_after()
    seen("acme.example", NEW, at=later)
    assert bring_back(now=later) == []

    for minutes in (6, 12):
        seen("acme.example", OLD, at=later + timedelta(minutes=minutes))
        returned = bring_back(now=later + timedelta(minutes=minutes))
    assert [one.channel for one in returned] == [lowered]


def test_an_accepted_stop_is_not_released_by_the_clock(lowered: Channel) -> None:
    """A second person agreed that mail stops; when it does, a person says."""
    later = the_day_after()
    seen("acme.example", NEW, at=later)
    bring_back(now=later)
    candidate = Candidate.objects.get(state="open")
    shown = candidate.sha256, candidate.findings_sha256
    approve(
        candidate,
        seen=shown,
        by=User.objects.get(email="bob@house.example"),
        now=later,
        word="so be it",
        accept_stops=True,
    )

    later += timedelta(minutes=6)
    seen("acme.example", NEW, at=later)
    assert bring_back(now=later) == []
    assert Release.objects.count() == 3


def test_mail_that_would_stop_keeps_it_back_and_is_told(lowered: Channel) -> None:
    """A candidate stands there, an alert says so, and both end with the release."""
    later = the_day_after()
    seen("acme.example", NEW, at=later)

    assert bring_back(now=later) == []
    assert Candidate.objects.get(state="open").needs_second
    assert tell_own_troubles(now=later) == 1
    assert "relaxation-over" in set(Alert.objects.values_list("cause", flat=True))
    assert tell_own_troubles(now=later) == 0


def test_what_was_set_aside_is_told_until_it_is_not(lowered: Channel) -> None:
    """Nobody looks at it any more: that is an alarm of its own, and over with the next look."""
    now = timezone.now()
    Nexthop.objects.update(set_aside_at=now)

    assert tell_own_troubles(now=now) == 1
    alert = Alert.objects.get(cause="set-aside")
    assert tell_own_troubles(now=now) == 0
    Nexthop.objects.update(set_aside_at=None)
    assert tell_own_troubles(now=now) == 1
    assert alert.parts.get().calm_since is not None
