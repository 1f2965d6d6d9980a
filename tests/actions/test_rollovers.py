"""The old pin leaves once the new one is seen on every address of every MX, and not before."""

from datetime import timedelta

import pytest

from partners.actions.drafts import draft_of, row_snapshot
from partners.actions.rollovers import retire_digest, set_backup, to_retire
from partners.core.errors import ActionRefused, GuardRefused, NotAllowed, StaleRefused
from partners.core.pins import PinState
from partners.models import AuditEntry, Change, Channel, Nexthop, Pin, User
from tests.actions.people import NOON, editor, member
from tests.actions.watched import ask_dns, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
OLD, NEW = self_signed("mx.example.com"), self_signed("mx.example.com")
LATER = NOON + timedelta(hours=2)


def pin(channel: Channel, leaf, *, at, by: User, state: str = "active") -> Pin:
    """A pin of *leaf* that was accepted at *at*."""
    return Pin.objects.create(
        channel=channel, of_key=False, digests={"sha256": leaf.cert_fingerprint()}, state=state, proposed_at=at,
        proposed_by=by, decided_by=editor(f"x{Pin.objects.count()}"), decided_at=at,
    )  # fmt: skip


@pytest.fixture
def eda() -> User:
    return editor()


@pytest.fixture
def nexthop(eda: User) -> Nexthop:
    """example.com with two addresses, and the old digest in match=."""
    row = watched(by=eda, match=OLD.cert_fingerprint())
    ask_dns(row, "192.0.2.1", "192.0.2.2")
    return row


class TestToRetire:
    def test_first_pin_was_a_text(self, nexthop, eda):
        """The digest that was written by hand leaves as any old pin does, once the new one is everywhere."""
        pin(nexthop.channel, NEW, at=NOON, by=eda)
        see(NEW)
        assert to_retire(nexthop.channel).digests == ()

        see(NEW)
        assert to_retire(nexthop.channel).digests == (OLD.cert_fingerprint(),)

    def test_one_address_still_shows_the_old(self, nexthop, eda):
        """While one address presents the old certificate, nothing is proposed."""
        old = pin(nexthop.channel, OLD, at=NOON - timedelta(days=9), by=eda)
        pin(nexthop.channel, NEW, at=NOON, by=eda)
        see(NEW)
        see(OLD)

        leaving = to_retire(nexthop.channel)
        assert (leaving.pins, leaving.digests) == ((), ())
        assert Pin.objects.get(pk=old.pk).seen_on == 1

    def test_a_new_pin_never_leaves_for_an_old_one(self, nexthop, eda):
        """A pin that is still to come is not what an old one, seen everywhere, drives out."""
        pin(nexthop.channel, OLD, at=NOON - timedelta(days=9), by=eda)
        pin(nexthop.channel, NEW, at=NOON, by=eda, state="staged")
        see(OLD)
        see(OLD)

        assert to_retire(nexthop.channel).pins == ()

    def test_backup_stays(self, nexthop, eda):
        """An old pin that is kept on purpose is not proposed for retirement."""
        old = pin(nexthop.channel, OLD, at=NOON - timedelta(days=9), by=eda)
        pin(nexthop.channel, NEW, at=NOON, by=eda)
        see(NEW)
        see(NEW)
        assert to_retire(nexthop.channel).pins == (old,)

        set_backup(old, backup=True, by=eda, now=LATER)
        assert to_retire(nexthop.channel).pins == ()

    def test_same_key_in_another_form(self, nexthop, eda):
        """A digest in match= that is of what is still shown is no old one."""
        Channel.objects.update(match=NEW.pkey_fingerprint())
        pin(nexthop.channel, NEW, at=NOON, by=eda)
        see(NEW)
        see(NEW)

        assert to_retire(Channel.objects.get()).digests == ()


class TestRetireDigest:
    def test_too_early(self, nexthop, eda):
        """Until the new pin is seen everywhere the digest stays."""
        pin(nexthop.channel, NEW, at=NOON, by=eda)
        Change.objects.update(after=row_snapshot(Channel.objects.get()))
        see(NEW)

        with pytest.raises(GuardRefused):
            retire_digest(nexthop.channel, OLD.cert_fingerprint(), by=eda, now=LATER)

    def test_its_change(self, nexthop, eda):
        """Then a change takes it out, and the pin stays."""
        new = pin(nexthop.channel, NEW, at=NOON, by=eda)
        Change.objects.update(after=row_snapshot(Channel.objects.get()))
        see(NEW)
        see(NEW)

        change = retire_digest(nexthop.channel, OLD.cert_fingerprint(), by=eda, now=LATER)
        assert (change.after["match"], change.after["pins"]) == ("", [new.pk])
        assert draft_of(nexthop.channel)["match"] == ""
        with pytest.raises(StaleRefused):
            retire_digest(nexthop.channel, OLD.cert_fingerprint(), by=eda, now=LATER)


class TestBackup:
    def test_trace_and_way_back(self, nexthop, eda):
        """The mark is an act of a person, and can be taken away again."""
        spare = pin(nexthop.channel, OLD, at=NOON, by=eda)
        set_backup(spare, backup=True, by=eda, now=NOON)
        with pytest.raises(StaleRefused):
            set_backup(spare, backup=True, by=eda, now=NOON)
        set_backup(spare, backup=False, by=eda, now=NOON)

        assert not Pin.objects.get().is_backup
        assert AuditEntry.objects.filter(act="pin.backup").count() == 2

    def test_who_and_which(self, nexthop, eda):
        """Only the mail team marks, and nothing that is out of the map for good."""
        spare = pin(nexthop.channel, OLD, at=NOON, by=eda, state="retired")
        with pytest.raises(NotAllowed):
            set_backup(spare, backup=True, by=member(nexthop.channel.partner, invited_by=eda), now=NOON)
        with pytest.raises(ActionRefused):
            set_backup(spare, backup=True, by=eda, now=NOON)


def test_states_are_those_of_core():
    """The rows know the states that core tells the transitions of, and no other."""
    assert {state.value for state in PinState} == set(Pin.State.values)
