"""Every way round the second person, tried: each ends at the same refusal, and the published map stays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from partners.actions import audit
from partners.actions.access import SINGLE_OPERATOR_ENDED
from partners.actions.imports import import_policy
from partners.actions.kept_rules import broken_rule
from partners.actions.maps import active_text
from partners.actions.partners import lower_until, remove_channel, withdraw_change
from partners.actions.releases import approve, cut, publish, roll_back
from partners.core.errors import PortalError, SamePersonRefused
from partners.models import (
    Approval,
    AuditEntry,
    Candidate,
    Change,
    Channel,
    Head,
    Invitation,
    Pin,
    RelayGroup,
    Release,
    User,
)
from tests.actions.people import editor, member, proposed
from tests.web.candidate_world import World, added, agreed, changed, published, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> World:
    return world()


def fjord() -> Channel:
    return Channel.objects.get(partner__name="Fjordbank")


def lowered(here: World) -> list[Change]:
    now, row = timezone.now(), fjord()
    until = now + timedelta(days=1)
    return [lower_until(row, {"level": "may"}, until=until, reason="x", version=row.version, by=here.eda, now=now)]


def removed(here: World) -> list[Change]:
    row = fjord()
    return [remove_channel(row, version=row.version, by=here.eda, now=timezone.now())]


def renamed(here: World) -> list[Change]:
    return [changed(row_of(fjord()), by=here.eda, now=timezone.now(), nexthops="fjordbank-new.example")]


def imported(here: World) -> list[Change]:
    newest = Change.objects.order_by("-pk")[0].pk
    import_policy(b"[fjordbank.example]:25 none\n", by=here.eda, now=timezone.now())
    return list(Change.objects.filter(pk__gt=newest))


def row_of(channel: Channel) -> Change:
    return channel.changes.order_by("pk")[0]


@pytest.mark.parametrize("way", [lowered, removed, renamed])
def test_no_act_weakens_alone(here: World, way: Callable[[World], list[Change]]) -> None:
    """Lowering until a day, taking out and renaming ask for somebody else, whoever publishes."""
    for draft in Change.objects.filter(release__isnull=True, channel=fjord()):
        withdraw_change(draft, by=here.eda, now=timezone.now())
    before, candidate = active_text(RelayGroup.objects.get()), cut(way(here), by=here.eda, now=timezone.now())

    assert candidate.needs_second
    with pytest.raises(PortalError):
        publish(candidate, by=here.ann, now=timezone.now())
    assert active_text(RelayGroup.objects.get()) == before


def test_an_imported_line_is_a_draft_as_any(here: World) -> None:
    """The file of an old relay changes nothing on its own."""
    before, changes = active_text(RelayGroup.objects.get()), imported(here)

    assert [change.release for change in changes] == [None]
    assert active_text(RelayGroup.objects.get()) == before


def test_going_back_to_a_weaker_release_needs_somebody_else(here: World) -> None:
    """A roll-back is a release: whoever asks for it does not agree to it."""
    now = timezone.now()
    for draft in Change.objects.filter(channel=fjord(), release__isnull=True):
        withdraw_change(draft, by=here.eda, now=now)
    stronger = changed(row_of(fjord()), by=here.eda, now=now, level="fingerprint", match=":".join(["AB"] * 32))
    candidate = cut([stronger], by=here.eda, now=now)
    agreed(candidate, here.ann, now=now)
    publish(candidate, by=here.eda, now=now)

    back = roll_back(here.second, by=here.ann, now=now)

    assert back.needs_second
    with pytest.raises(SamePersonRefused):
        publish(back, by=here.ann, now=now)
    with pytest.raises(SamePersonRefused):
        agreed(back, here.ann, now=now)
    agreed(back, here.bob, now=now)
    assert publish(back, by=here.ann, now=now).approver == here.bob


@pytest.mark.parametrize("fields", [{"is_active": False}, {"groups": []}], ids=["switched off", "demoted"])
def test_an_approval_ends_with_the_right_to_give_it(here: World, fields: dict[str, object]) -> None:
    """Whoever may not approve when it is published has not approved."""
    now = timezone.now()
    candidate = cut(Change.objects.filter(channel=fjord(), release__isnull=True), by=here.eda, now=now)
    agreed(candidate, here.ann, now=now)
    if "groups" in fields:
        here.ann.groups.clear()
    else:
        User.objects.filter(pk=here.ann.pk).update(**fields)

    assert candidate.needs_second
    with pytest.raises(SamePersonRefused):
        publish(candidate, by=here.eda, now=now)


def test_an_approval_does_not_outlive_its_bytes(here: World) -> None:
    """What was seen is sent along: other bytes or findings are refused."""
    candidate = here.candidate
    for seen in ((candidate.sha256, "0" * 64), ("0" * 64, candidate.findings_sha256)):
        with pytest.raises(PortalError):
            approve(candidate, seen=seen, by=here.bob, now=timezone.now(), word="x", accept_stops=True)

    assert not Approval.objects.exists()


def test_who_wrote_one_of_the_changes_is_no_second_person(here: World) -> None:
    """ann wrote one draft of eda's candidate; bob may agree."""
    with pytest.raises(SamePersonRefused):
        agreed(here.candidate, here.ann, now=timezone.now())

    agreed(here.candidate, here.bob, now=timezone.now())
    assert Approval.objects.get().person == here.bob


class TestTheDatabaseSaysSoToo:
    """Rows that no action wrote, as code that goes round the actions would: on SQLite and on PostgreSQL."""

    def test_no_approval_by_its_author(self, here: World) -> None:
        """Whoever cut it does not agree to it."""
        with refused("approval"):
            an_approval(here.candidate, here.candidate.author)

    def test_no_approval_by_the_author_of_one_change(self, here: World) -> None:
        """ann wrote one draft of eda's candidate."""
        with refused("approval_by_no_author"):
            an_approval(here.candidate, here.ann)

        assert an_approval(here.candidate, here.bob).pk

    def test_no_approval_by_whoever_invited_an_author(self, here: World) -> None:
        """What a contact sent is not agreed to by the one who let that contact in."""
        pat = member(fjord().partner, invited_by=here.bob)
        candidate = cut([by_contact(pat)], by=here.eda, now=timezone.now())

        with refused("approval_by_no_author"):
            an_approval(candidate, here.bob)
        assert an_approval(candidate, here.ann).pk

    @pytest.mark.parametrize("column", ["candidate_sha256", "findings_sha256", "author"])
    def test_no_approval_of_something_else(self, here: World, column: str) -> None:
        """Other bytes, other findings, and another author than the candidate's own are refused."""
        with refused("approval_of_these_bytes"):
            an_approval(here.candidate, here.bob, **{column: here.bob if column == "author" else "0" * 64})

    def test_no_approval_by_an_editor(self, here: World) -> None:
        """A second person is an approver."""
        with refused("approval_by_approver"):
            an_approval(here.candidate, editor("emil"))

    def test_the_flag_alone_makes_no_single_operator(self, here: World) -> None:
        """With a second approver there, or ever there, nobody acts alone, whatever a row says of itself."""
        with refused("approval_alone"):
            an_approval(here.candidate, here.ann, single_operator=True)
        audit.record(SINGLE_OPERATOR_ENDED, "account", by=None, now=timezone.now())
        here.bob.groups.clear()
        with refused("approval_alone"):
            an_approval(here.candidate, here.ann, single_operator=True)
        with refused("release_alone"):
            a_release(here.eda, needs_second=True, approver=here.ann, single_operator=True)

    def test_the_end_of_that_mode_stays(self, here: World) -> None:
        """The audit entry that ends it is not rewritten."""
        entry = audit.record(SINGLE_OPERATOR_ENDED, "account", by=None, now=timezone.now())
        with refused("mode_ended_for_good"):
            AuditEntry.objects.filter(pk=entry.pk).update(act="else")

    def test_no_change_joins_what_was_agreed_to(self, here: World) -> None:
        """Nor is one given to another author."""
        an_approval(here.candidate, here.bob)
        with refused("candidate_changes_closed"):
            here.candidate.changes.add(by_contact(here.bob))
        with refused("change_frozen"):
            Change.objects.filter(author=here.ann).update(author=here.eda)

    def test_findings_are_not_played_down(self, here: World) -> None:
        """A candidate that weakens cannot say that it needs nobody."""
        with refused("candidate_told_as_found"):
            Candidate.objects.filter(pk=here.candidate.pk).update(needs_second=False)

    @pytest.mark.parametrize("says", [True, False], ids=["says so", "says it needs none"])
    def test_no_release_of_a_weakening_without_an_approval(self, here: World, says: bool) -> None:
        """A release that names an approver who never agreed is one of nothing."""
        release = a_release(here.eda, needs_second=says, approver=here.bob)
        with refused("candidate_approved"):
            put_out(here.candidate, release)

        if says:
            an_approval(here.candidate, here.bob)
            put_out(here.candidate, release)

    def test_no_head_without_a_candidate(self, here: World) -> None:
        """A release row that fell from the sky never reaches the relays."""
        with refused("head_of_a_candidate"):
            Head.objects.update(release=a_release(here.eda, needs_second=False))

    @pytest.mark.parametrize("approver", [False, True], ids=["nobody", "its author"])
    def test_no_release_without_a_second_person(self, here: World, approver: bool) -> None:
        """Neither with nobody nor with the author in that place."""
        with refused("release"):
            a_release(here.eda, needs_second=True, approver=here.eda if approver else None)

    def test_a_published_candidate_has_its_release(self, here: World) -> None:
        """The state alone cannot be set."""
        with refused("candidate_published_has_release"):
            Candidate.objects.filter(pk=here.candidate.pk).update(state=Candidate.State.PUBLISHED)

    def test_no_pin_by_whoever_invited_its_contact(self, here: World) -> None:
        """Nor by somebody alone."""
        pin = proposed(fjord(), by=member(fjord().partner, invited_by=here.bob))
        accepted = {"state": Pin.State.STAGED, "decided_at": timezone.now()}
        with refused("pin_by_no_inviter"):
            Pin.objects.filter(pk=pin.pk).update(decided_by=here.bob, **accepted)
        with refused("pin_alone"):
            Pin.objects.filter(pk=pin.pk).update(decided_by=here.bob, single_operator=True, **accepted)

        assert Pin.objects.filter(pk=pin.pk).update(decided_by=here.ann, **accepted)

    def test_no_invitation_alone(self, here: World) -> None:
        """The second approver ends that for invitations as well."""
        with refused("invitation_alone"):
            Invitation.objects.create(
                email="x@house.example", role="editor", single_operator=True, made_at=timezone.now()
            )


@contextmanager
def refused(rule: str) -> Iterator[None]:
    """Expect that the database refuses, by the rule whose name holds *rule*."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    assert rule in broken_rule(caught.value)


def an_approval(candidate: Candidate, person: User, **columns: object) -> Approval:
    """Insert the row of *person*'s yes."""
    told = {"candidate_sha256": candidate.sha256, "findings_sha256": candidate.findings_sha256}
    fields = {"candidate": candidate, "person": person, "author": candidate.author, "given_at": timezone.now(), **told}
    return Approval.objects.create(**{**fields, **columns})


def a_release(author: User, **columns: object) -> Release:
    """Insert the row of a release."""
    return Release.objects.create(number=99, author=author, published_by=author, published_at=timezone.now(), **columns)


def put_out(candidate: Candidate, release: Release) -> None:
    """Say that *candidate* was published as *release*."""
    Candidate.objects.filter(pk=candidate.pk).update(state=Candidate.State.PUBLISHED, release=release)


def by_contact(author: User) -> Change:
    """Insert a draft of *author*, who may be a contact whose pin was accepted."""
    last = Change.objects.filter(channel=fjord()).order_by("-pk")[0]
    after = {**last.after, "comment": f"by {author}"}
    return Change.objects.create(channel=fjord(), author=author, made_at=timezone.now(), before=last.after, after=after)


def test_a_strengthening_needs_nobody(here: World) -> None:
    """The rule stops weakenings, not work."""
    now = timezone.now()
    change = added("Bolt", "bolt.example", "encrypt", by=here.eda, now=now)

    assert published([change], here.eda, now=now).approver is None


def test_whoever_invited_a_contact_agrees_to_no_candidate_with_its_pin(here: World) -> None:
    """That bob accepted nothing of it before does not matter: what the contact sent is in the bytes."""
    now = timezone.now()
    pat = member(fjord().partner, invited_by=here.bob)
    candidate = cut([by_contact(pat)], by=here.eda, now=now)

    assert here.bob.pk in candidate.involved()
    with pytest.raises(SamePersonRefused):
        agreed(candidate, here.bob, now=now)
    agreed(candidate, here.ann, now=now)
    assert publish(candidate, by=here.eda, now=now)
