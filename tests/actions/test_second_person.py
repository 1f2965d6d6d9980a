"""Every way round the second person, tried: each ends at the same refusal, and the published map stays."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from partners.actions.imports import import_policy
from partners.actions.maps import active_text
from partners.actions.partners import lower_until, remove_channel, withdraw_change
from partners.actions.releases import approve, cut, publish, roll_back
from partners.core.errors import PortalError, SamePersonRefused
from partners.models import Approval, Candidate, Change, Channel, RelayGroup, Release, User
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
    def test_no_approval_by_its_author(self, here: World) -> None:
        """A row that no action wrote is refused."""
        with pytest.raises(IntegrityError), transaction.atomic():
            Approval.objects.create(
                candidate=here.candidate,
                person=here.candidate.author,
                author=here.candidate.author,
                candidate_sha256=here.candidate.sha256,
                findings_sha256=here.candidate.findings_sha256,
                given_at=timezone.now(),
            )

    @pytest.mark.parametrize("approver", [False, True], ids=["nobody", "its author"])
    def test_no_release_without_a_second_person(self, here: World, approver: bool) -> None:
        """Neither with nobody nor with the author in that place."""
        columns = {"number": 99, "author": here.eda, "published_by": here.eda, "published_at": timezone.now()}
        with pytest.raises(IntegrityError), transaction.atomic():
            Release.objects.create(**columns, needs_second=True, approver=here.eda if approver else None)

    def test_a_published_candidate_has_its_release(self, here: World) -> None:
        """The state alone cannot be set."""
        with pytest.raises(IntegrityError), transaction.atomic():
            Candidate.objects.filter(pk=here.candidate.pk).update(state=Candidate.State.PUBLISHED)


def test_a_strengthening_needs_nobody(here: World) -> None:
    """The rule stops weakenings, not work."""
    now = timezone.now()
    change = added("Bolt", "bolt.example", "encrypt", by=here.eda, now=now)

    assert published([change], here.eda, now=now).approver is None
