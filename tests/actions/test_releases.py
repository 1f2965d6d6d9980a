"""Nothing reaches the relays that was not looked at, and what was approved is what is published."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from partners.actions.approvals import approve_pin
from partners.actions.certificates import submit
from partners.actions.leases import JUDGE_STALE, PROBE_ASKED
from partners.actions.partners import add_partner, edit_channel, remove_channel
from partners.actions.releases import active_text, approve, cut, head, publish, roll_back
from partners.core.errors import GuardRefused, MapRefused, SamePersonRefused, StaleRefused
from partners.models import (
    Artefact,
    AuditEntry,
    Candidate,
    CandidateMap,
    Change,
    Nexthop,
    Pin,
    RelayGroup,
    Release,
    User,
)
from partners.tasks.alerts import judge_stale
from partners.tasks.probing import probe_asked
from tests.actions.facts import seen
from tests.actions.people import NOON, approver, editor
from tests.kit.ca import self_signed
from tests.kit.lifted import lifted
from tests.web.candidate_world import world

pytestmark = pytest.mark.django_db

OLD, NEW = self_signed("mx.acme.example"), self_signed("mx.acme.example")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def group() -> RelayGroup:
    return RelayGroup.objects.create(name="main")


@pytest.fixture
def eda(group: RelayGroup) -> User:
    return editor()


@pytest.fixture
def ann(eda: User) -> User:
    approver("bob")
    return approver("ann")


def pinned(by: User, name: str = "Acme", key: str = "acme.example") -> Change:
    return add_partner(name, key, "fingerprint", "pin", match=OLD.cert_fingerprint("sha256"), by=by, now=NOON)


def yes(candidate: Candidate, by: User, **more: object) -> None:
    seen_by = (candidate.sha256, candidate.findings_sha256)
    approve(candidate, seen=seen_by, by=by, now=NOON, word="looked at it", **more)  # type: ignore[arg-type]


def published(change: Change, by: User, second: User) -> Release:
    candidate = cut([change], by=by, now=NOON)
    yes(candidate, second, accept_stops=True)
    return publish(candidate, by=by, now=NOON)


class TestCost:
    def test_many_channels_at_once(self, eda: User, group: RelayGroup) -> None:
        """The guard reads the facts of all nexthops that a candidate touches together."""
        spent = []
        for names in (["a"], ["b", "c", "d", "e", "f", "g"]):
            changes = [pinned(eda, name, f"{name}.example") for name in names]
            for name in names:
                seen(f"{name}.example", OLD, at=NOON)
            with CaptureQueriesContext(connection) as queries:
                cut(changes, by=eda, now=NOON)
            spent.append(len(queries))

        assert spent[1] <= spent[0] + 2


class TestNudge:
    def test_a_release_wakes_the_judge(self, eda: User, ann: User, django_capture_on_commit_callbacks) -> None:
        """States follow a release at once, not with the next tick."""
        with django_capture_on_commit_callbacks() as woken:
            published(pinned(eda), eda, ann)

        assert [one.args for one in woken][-1] == ("partners.tasks.alerts.judge_stale",)

    def test_the_name_is_that_of_the_task(self) -> None:
        """Actions name the task, for they may not import it."""
        assert judge_stale.name == JUDGE_STALE
        assert probe_asked.name == PROBE_ASKED


class TestCut:
    def test_it_freezes_bytes_and_what_would_happen(self, eda: User, group: RelayGroup) -> None:
        """Mail would be verified where it went unprotected: the outcome is listed, nothing is weaker."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)

        candidate = cut([change], by=eda, now=NOON)

        line = f"acme.example\tfingerprint match={OLD.cert_fingerprint('sha256')}\n"
        assert candidate.maps.get(group=group).text == line
        [finding] = candidate.findings
        assert finding["nexthop"] == "acme.example"
        assert (finding["after"]["delivery"], finding["after"]["tls_status"]) == ("deliver", "Verified")
        assert not finding["blocks"]
        assert not candidate.needs_second

    def test_a_nexthop_never_looked_at_blocks(self, eda: User) -> None:
        """Unknown is not good, and the probe is asked at once."""
        candidate = cut([pinned(eda)], by=eda, now=NOON)

        [finding] = candidate.findings
        assert finding["blocks"]
        assert finding["cause"].startswith("unknown")
        assert Nexthop.objects.get().asked_by == "guard"

    def test_mail_that_would_stop_blocks(self, eda: User) -> None:
        """The peer shows another certificate than the one that is pinned."""
        change = pinned(eda)
        seen("acme.example", NEW, at=NOON)

        [finding] = cut([change], by=eda, now=NOON).findings

        assert finding["blocks"]
        assert (finding["before"]["delivery"], finding["after"]["delivery"]) == ("deliver", "defer")

    def test_an_untouched_partner_is_not_asked(self, eda: User, ann: User) -> None:
        """Only entries that change are looked at: a silent partner does not hold up the others."""
        published(pinned(eda), eda, ann)
        change = pinned(eda, "Other", "other.example")
        seen("other.example", OLD, at=NOON)

        assert [finding["nexthop"] for finding in cut([change], by=eda, now=NOON).findings] == ["other.example"]

    def test_a_weaker_level_is_named(self, eda: User, ann: User) -> None:
        """From a pin to any certificate: mail flows, and a second person is needed."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        published(change, eda, ann)

        weaker = edit_channel(
            change.channel, {"level": "encrypt", "match": "", "agreed": "encrypted"}, version=1, by=eda, now=NOON
        )
        candidate = cut([weaker], by=eda, now=NOON)

        assert candidate.needs_second
        assert "weakening" in {finding["kind"] for finding in candidate.findings}

    def test_the_last_entry_does_not_leave_an_empty_map(self, eda: User, ann: User) -> None:
        """An empty result never replaces a good one."""
        change = pinned(eda)
        published(change, eda, ann)

        removal = remove_channel(change.channel, version=1, by=eda, now=NOON)
        with pytest.raises(MapRefused):
            cut([removal], by=eda, now=NOON)


class TestPublish:
    def test_the_frozen_bytes_become_the_release(self, eda: User, group: RelayGroup) -> None:
        """Without a weakening or a stop nobody else is needed; changes and head follow."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        candidate = cut([change], by=eda, now=NOON)

        release = publish(candidate, by=eda, now=NOON + MINUTE)

        assert head() == release
        assert active_text(group) == candidate.maps.get().text == Artefact.objects.get().text
        change.refresh_from_db()
        assert change.release == release

    def test_a_stop_needs_a_second_person_who_knows(self, eda: User, ann: User) -> None:
        """The approver accepts it by name, with a word; the author is no second person."""
        candidate = cut([pinned(eda)], by=eda, now=NOON)
        with pytest.raises(GuardRefused):
            yes(candidate, ann)
        with pytest.raises(SamePersonRefused):
            publish(candidate, by=eda, now=NOON)

        seen("acme.example", NEW, at=NOON)
        candidate = cut([Change.objects.get()], by=eda, now=NOON)
        with pytest.raises(SamePersonRefused):
            publish(candidate, by=eda, now=NOON)
        yes(candidate, ann, accept_stops=True)

        release = publish(candidate, by=eda, now=NOON)
        assert (release.needs_second, release.approver, release.single_operator) == (True, ann, False)

    def test_the_trail_names_it_alike_in_every_language(self, eda: User, ann: User) -> None:
        """Whoever approves in German leaves the subject by which cutting and publishing are found."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        candidate = cut([change], by=eda, now=NOON)
        with translation.override("de"):
            yes(candidate, ann)

        acts = ("candidate.cut", "candidate.approved")
        told = AuditEntry.objects.filter(act__in=acts).order_by("pk").values_list("subject", flat=True)
        assert list(told) == [f"candidate {candidate.pk}"] * 2

    def test_an_author_does_not_approve(self, ann: User) -> None:
        """Neither of the candidate nor of a change in it, whoever cuts."""
        change = pinned(ann)
        own, others = (
            cut([change], by=ann, now=NOON),
            cut([change], by=User.objects.get(email__startswith="bob"), now=NOON),
        )

        for candidate in (own, others):
            with pytest.raises(SamePersonRefused):
                yes(candidate, ann, accept_stops=True)

    def test_an_outcome_that_moves_voids_approvals(self, eda: User, ann: User) -> None:
        """The partner renews between approval and publication: nothing is published."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        candidate = cut([change], by=eda, now=NOON)
        yes(candidate, ann)

        seen("acme.example", NEW, at=NOON + MINUTE)
        with pytest.raises(GuardRefused, match="moved"):
            publish(candidate, by=eda, now=NOON + MINUTE)

        assert head() is None
        with pytest.raises(SamePersonRefused):
            publish(candidate, by=eda, now=NOON + MINUTE)

    def test_old_facts_are_no_facts(self, eda: User) -> None:
        """After 15 minutes the probe looks again first."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        candidate = cut([change], by=eda, now=NOON)

        with pytest.raises(GuardRefused, match="15 minutes"):
            publish(candidate, by=eda, now=NOON + 16 * MINUTE)
        assert Nexthop.objects.get().due_at == NOON + 16 * MINUTE

    def test_of_two_candidates_the_second_is_cut_again(self, eda: User) -> None:
        """A candidate is published on the release it was cut from, or not at all."""
        first, second = pinned(eda), pinned(eda, "Other", "other.example")
        seen("acme.example", OLD, at=NOON)
        seen("other.example", OLD, at=NOON, address="192.0.2.26")
        one, two = cut([first], by=eda, now=NOON), cut([second], by=eda, now=NOON)

        publish(one, by=eda, now=NOON)
        with pytest.raises(StaleRefused):
            publish(two, by=eda, now=NOON)

    @pytest.mark.parametrize("text", ["", "acme.example\tnone\n"])
    def test_a_byte_that_moved_is_never_published(self, text: str, eda: User) -> None:
        """What lies in the database is compared with what was cut."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        candidate = cut([change], by=eda, now=NOON)

        with lifted():
            CandidateMap.objects.update(text=text)

        with pytest.raises(MapRefused):
            publish(candidate, by=eda, now=NOON)
        assert head() is None

    def test_a_removed_key_is_free_after_the_release(self, eda: User, ann: User) -> None:
        """Not before: the map still holds it until then."""
        change = pinned(eda)
        published(change, eda, ann)
        published(pinned(eda, "Other", "other.example"), eda, ann)

        published(remove_channel(change.channel, version=1, by=eda, now=NOON), eda, ann)

        assert not Nexthop.objects.filter(key="acme.example").exists()
        assert pinned(eda, "Acme again")


class TestPinsFollowTheMap:
    def test_a_new_pin_becomes_active_beside_the_old(self, eda: User, ann: User, group: RelayGroup) -> None:
        """Both stand in the line; a pin that was added is a weakening that a second person saw."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        published(change, eda, ann)
        pin = submit(change.channel, NEW.pem, by=eda, now=NOON)

        published(approve_pin(pin, by=ann, now=NOON, word="called back"), eda, ann)

        both = f"{OLD.cert_fingerprint('sha256')}|{NEW.cert_fingerprint('sha256')}"
        assert active_text(group) == f"acme.example\tfingerprint match={both}\n"
        assert Pin.objects.get().state == Pin.State.ACTIVE

    def test_an_urgent_pin_goes_ahead_of_a_draft(self, eda: User, ann: User, group: RelayGroup) -> None:
        """The draft that was begun before stays a draft, and takes nothing away when it follows."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        published(change, eda, ann)
        draft = edit_channel(change.channel, {"protocols": ">=TLSv1.2"}, version=1, by=eda, now=NOON)
        pin = submit(change.channel, NEW.pem, by=eda, now=NOON)

        published(approve_pin(pin, by=ann, now=NOON, word="urgent"), eda, ann)
        assert "protocols" not in active_text(group)
        published(draft, eda, ann)

        assert active_text(group).endswith(f"|{NEW.cert_fingerprint('sha256')} protocols=>=TLSv1.2\n")

    def test_a_single_operator_is_marked_on_the_release(self, eda: User) -> None:
        """One approver alone is not stuck, and the release says so for ever."""
        sole = approver("sole")
        change = pinned(sole)

        release = published(change, sole, sole)

        assert (release.single_operator, release.approver) == (True, sole)
        approver("bob")
        again = cut([edit_channel(change.channel, {"comment": "x"}, version=1, by=sole, now=NOON)], by=sole, now=NOON)
        assert publish(again, by=sole, now=NOON).single_operator is False


class TestRollBack:
    def test_the_old_bytes_go_the_whole_way_again(self, eda: User, ann: User, group: RelayGroup) -> None:
        """A new release with the text of the old one; channels and drafts stand as then."""
        change = pinned(eda)
        seen("acme.example", OLD, at=NOON)
        first = published(change, eda, ann)
        text = active_text(group)
        published(edit_channel(change.channel, {"comment": "x"}, version=1, by=eda, now=NOON), eda, ann)
        assert active_text(group) != text

        candidate = roll_back(first, by=eda, now=NOON)
        release = publish(candidate, by=eda, now=NOON)

        assert (release.number, active_text(group)) == (3, text)
        change.channel.refresh_from_db()
        assert change.channel.comment == ""

    def test_the_published_release_is_nothing_to_go_back_to(self, eda: User, ann: User) -> None:
        """Only older ones are."""
        release = published(pinned(eda), eda, ann)
        with pytest.raises(StaleRefused):
            roll_back(release, by=eda, now=NOON)


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        pytest.param(
            "UPDATE partners_candidate SET findings_sha256 = 'moved' WHERE state = 'open'", StaleRefused, id="findings"
        ),
        pytest.param("UPDATE partners_user SET is_active = false", SamePersonRefused, id="account"),
    ],
)
def test_what_moves_while_somebody_approves_is_told(statement: str, refused: type[Exception]) -> None:
    """The database decides last, and its answer is a sentence."""
    here = world()
    candidate = here.candidate
    shown = candidate.sha256, candidate.findings_sha256

    def meanwhile(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT INTO") and "partners_approval" in sql:
            execute(statement, (), many, context)
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(meanwhile), pytest.raises(refused):
        approve(candidate, seen=shown, by=here.bob, now=timezone.now(), word="seen", accept_stops=True)
    assert not candidate.approvals.exists()
