"""The public CAs of a relay group are part of what is released: frozen, judged, approved, handed out."""

import hashlib
import json

import pytest
from django.utils import timezone

from partners.actions.group_changes import apply_change, change_group
from partners.actions.inforce import maps_in_force
from partners.actions.maps import GroupMap
from partners.actions.partners import add_partner
from partners.actions.releases import abandon, approve, cut, publish, roll_back
from partners.core.bundle import CA_NAME, manifest_of
from partners.core.errors import MapRefused, RefusedInput, SamePersonRefused, StaleRefused
from partners.models import Artefact, Candidate, CandidateMap, Change, RelayGroup, Release, User
from tests.actions.facts import seen
from tests.actions.people import approver, editor
from tests.kit.ca import root_ca
from tests.kit.lifted import lifted

pytestmark = pytest.mark.django_db

OLD, NEW = root_ca("Old public CA"), root_ca("New public CA")
KEY, NAME = "acme.example", "mx.acme.example"


@pytest.fixture
def group() -> RelayGroup:
    return RelayGroup.objects.create(name="main", ca_pem=OLD.pem)


@pytest.fixture
def people(group: RelayGroup) -> tuple[User, User, User]:
    return editor(), approver("ann"), approver("bob")


def named(by: User) -> Change:
    """A partner whose entry is held by a public CA's certificate."""
    change = add_partner("Acme", KEY, "secure", "ca-and-name", match=NAME, by=by, now=timezone.now())
    seen(KEY, OLD.leaf(NAME), at=timezone.now())
    return change


def agreed(candidate: Candidate, by: User) -> None:
    shown = (candidate.sha256, candidate.findings_sha256)
    approve(candidate, seen=shown, by=by, now=timezone.now(), word="read", accept_stops=True)


def released(by: User, second: User, *changes: Change) -> Release:
    candidate = cut(changes, by=by, now=timezone.now())
    agreed(candidate, second)
    return publish(candidate, by=by, now=timezone.now())


def new_set(group: RelayGroup, pem: str) -> None:
    """The group's set is another, whoever agreed to it."""
    RelayGroup.objects.filter(pk=group.pk).update(ca_pem=pem)


def test_a_release_carries_the_set(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """As it was when the candidate was cut; the manifest names its hash."""
    eda, ann, _bob = people
    artefact = released(eda, ann, named(eda)).artefacts.get()

    assert artefact.ca_pem == OLD.pem
    manifest = manifest_of(1, "main", artefact.text, artefact.tafiles, ca_pem=artefact.ca_pem)
    assert CA_NAME in [path for path, _sha256, _size in manifest.files]


def test_what_is_approved_is_the_set_too(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """The same map with another set is another candidate."""
    eda = people[0]
    change = named(eda)
    first = cut([change], by=eda, now=timezone.now())
    new_set(group, NEW.pem)

    second = cut([change], by=eda, now=timezone.now())

    assert first.maps.get().text == second.maps.get().text
    assert first.sha256 != second.sha256


def test_a_set_that_was_touched_is_not_published(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """Bytes that are not those that were cut are refused."""
    eda, ann, _bob = people
    candidate = cut([named(eda)], by=eda, now=timezone.now())
    agreed(candidate, ann)
    with lifted():
        CandidateMap.objects.update(ca_pem=NEW.pem)

    with pytest.raises(MapRefused):
        publish(candidate, by=eda, now=timezone.now())


def test_the_guard_judges_with_the_candidates_set(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """Without its CA the partner's mail would stop: no line of the map moved, and still the outcome is listed."""
    eda, ann, _bob = people
    released(eda, ann, named(eda))
    new_set(group, NEW.pem)

    findings = cut([], by=eda, now=timezone.now()).findings

    [outcome] = [one for one in findings if one["kind"] == "outcome"]
    assert (outcome["before"]["delivery"], outcome["after"]["delivery"]) == ("deliver", "defer")
    assert outcome["blocks"]


def test_another_set_is_a_weakening(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """One CA more accepts more: a second person agrees to the release as well."""
    eda, ann, _bob = people
    released(eda, ann, named(eda))
    new_set(group, OLD.pem + NEW.pem)

    candidate = cut([], by=eda, now=timezone.now())

    assert candidate.needs_second
    assert {one["kind"] for one in candidate.findings} == {"weakening"}
    with pytest.raises(SamePersonRefused):
        publish(candidate, by=eda, now=timezone.now())


def test_the_relays_are_judged_by_the_set_they_have(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """A change of the group's settings moves no verdict before its release."""
    eda, ann, bob = people
    released(eda, ann, named(eda))
    change = change_group(group, {"ca_pem": OLD.pem + NEW.pem}, version=1, by=ann, now=timezone.now())
    assert change is not None
    apply_change(change, by=bob, now=timezone.now())

    [before] = maps_in_force()
    released(eda, ann)
    [after] = maps_in_force()

    assert (before.relay.ca_pem.decode(), after.relay.ca_pem.decode()) == (OLD.pem, OLD.pem + NEW.pem)


def test_nothing_to_release_is_no_candidate(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """Neither before the first release nor where no byte differs."""
    eda, ann, _bob = people
    with pytest.raises(RefusedInput):
        cut([], by=eda, now=timezone.now())
    released(eda, ann, named(eda))

    with pytest.raises(RefusedInput):
        cut([], by=eda, now=timezone.now())


def test_a_way_back_takes_the_set_of_then(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """The older release comes back whole; from before sets were released, with the group's own."""
    eda, ann, _bob = people
    first = released(eda, ann, named(eda))
    new_set(group, OLD.pem + NEW.pem)
    released(eda, ann)

    back = roll_back(first, by=eda, now=timezone.now())
    assert back.maps.get().ca_pem == OLD.pem
    abandon(back, by=eda, now=timezone.now())

    with lifted():
        Artefact.objects.filter(release=first).update(ca_pem=None)
    assert roll_back(first, by=eda, now=timezone.now()).maps.get().ca_pem == OLD.pem + NEW.pem


def test_a_candidate_without_a_set_is_cut_again(group: RelayGroup, people: tuple[User, User, User]) -> None:
    """One from before sets were released says nothing about them."""
    eda = people[0]
    candidate = cut([named(eda)], by=eda, now=timezone.now())
    before = GroupMap(group, candidate.maps.get().text)
    with lifted():
        CandidateMap.objects.update(**before.columns)
    parts = json.dumps([["main", before.sha256]], separators=(",", ":"))
    Candidate.objects.update(sha256=hashlib.sha256(parts.encode()).hexdigest())

    with pytest.raises(StaleRefused, match="CA sets"):
        publish(candidate, by=eda, now=timezone.now())
