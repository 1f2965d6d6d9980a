"""What was released stays: raw SQL that would change it is refused by the database, on both of them."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from partners.actions.kept_rules import broken_rule
from partners.actions.releases import cut, publish, roll_back
from partners.models import Artefact, Candidate, Change, Head, RelayGroup, Release
from tests.web.candidate_world import World, agreed, changed, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> World:
    return world()


@pytest.fixture
def released(here: World) -> Release:
    """The release at the head, which a second person agreed to."""
    release = Head.objects.get().release
    assert release is not None
    return release


def refused(statement: str, *values: int | str) -> str:
    """Return the rule that refuses *statement*, "" where the database takes it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except IntegrityError as cause:
        return broken_rule(cause)
    return ""


@pytest.mark.parametrize(
    "statement, rule",
    [
        ("UPDATE partners_artefact SET text = 'fjordbank.example none'", "artefact_stays"),
        ("UPDATE partners_artefact SET ca_pem = 'another'", "artefact_stays"),
        ("UPDATE partners_artefact SET ca_pem = NULL", "artefact_stays"),
        ("UPDATE partners_artefact SET sha256 = 'x'", "artefact_stays"),
        ("DELETE FROM partners_artefact", "artefact_stays"),
        ("UPDATE partners_release SET reason = 'another'", "release_stays"),
        ("UPDATE partners_release SET number = number + 100", "release"),
        ("DELETE FROM partners_release", "release_stays"),
        ("UPDATE partners_candidatemap SET text = 'fjordbank.example none'", "map_stays"),
        ("DELETE FROM partners_candidatemap", "map_stays"),
        ("DELETE FROM partners_candidate WHERE release_id IS NOT NULL", "candidate_stays"),
        ("UPDATE partners_change SET release_id = NULL WHERE release_id IS NOT NULL", "change_stays"),
        ("UPDATE partners_change SET withdrawn_at = made_at WHERE release_id IS NOT NULL", "change_stays"),
        ("DELETE FROM partners_change WHERE release_id IS NOT NULL", "change_stays"),
        ("UPDATE partners_head SET release_id = NULL", "head_goes_forwards"),
        ("DELETE FROM partners_head", "head_goes_forwards"),
    ],
)
def test_raw_sql_is_refused(statement: str, rule: str, released: Release) -> None:
    """Each by a rule that names itself; the map that relays fetch is the one that was agreed to."""
    before = list(Artefact.objects.values_list("text", "sha256", "ca_pem"))

    assert rule in refused(statement)
    assert list(Artefact.objects.values_list("text", "sha256", "ca_pem")) == before


def test_no_artefact_is_put_beside(released: Release) -> None:
    """A relay group that was added since gets no bytes into a release that nobody agreed to with them."""
    other = RelayGroup.objects.create(name="other")

    found = refused(
        "INSERT INTO partners_artefact (release_id, group_id, text, tafiles, ca_pem, sha256)"
        " VALUES (%s, %s, 'a.example none', '{}', '', 'x')",
        released.pk,
        other.pk,
    )

    assert found == "released_artefact_stays"


def test_an_approval_that_counted_stays(here: World) -> None:
    """Who agreed is known as long as the release is; before it, a yes may be given anew."""
    now = timezone.now()
    merid = here.second.changes.get()
    candidate = cut([changed(merid, by=here.eda, now=now, level="may", agreed="none")], by=here.eda, now=now)
    agreed(candidate, here.bob, now=now)
    agreed(candidate, here.bob, now=now)
    publish(candidate, by=here.eda, now=now)

    for statement in ("UPDATE partners_approval SET word = 'no'", "DELETE FROM partners_approval"):
        assert refused(f"{statement} WHERE candidate_id = {candidate.pk}") == "released_approval_stays"


def test_the_head_goes_forwards_alone(here: World, released: Release) -> None:
    """An older release comes back as a release of its own, with guard and second person."""
    assert refused("UPDATE partners_head SET release_id = %s", here.first.pk) == "released_head_goes_forwards"

    candidate = roll_back(here.first, by=here.eda, now=timezone.now(), losing=open_drafts())
    agreed(candidate, here.bob, now=timezone.now())
    again = publish(candidate, by=here.eda, now=timezone.now())

    assert Head.objects.get().release == again
    assert again.artefacts.get().text == here.first.artefacts.get().text


def test_a_candidate_is_not_rewritten(here: World) -> None:
    """Its bytes were frozen when it was cut; giving it up deletes nothing."""
    where = f"WHERE candidate_id = {here.candidate.pk}"

    assert refused(f"UPDATE partners_candidatemap SET text = '' {where}") == "released_map_stays"
    agreed(here.candidate, here.bob, now=timezone.now())
    assert Candidate.objects.get(pk=here.candidate.pk).state == Candidate.State.OPEN


def open_drafts() -> list[int]:
    """Return the drafts that a roll-back may withdraw."""
    return list(Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True).values_list("pk", flat=True))
