"""A partner only adds, and two persons are two people."""

import pytest
from django.db import IntegrityError

from partners.actions.approvals import approve_pin, refuse_pin, retire_pin
from partners.actions.changes import withdraw_change
from partners.actions.drafts import draft_of
from partners.core.errors import (
    ActionRefused,
    GuardRefused,
    NotAllowed,
    RefusedInput,
    SamePersonRefused,
    StaleRefused,
)
from partners.models import AuditEntry, Change, Channel, Partner, Pin, RelayGroup, User
from tests.actions.people import NOON, approver, channel, editor, member, proposed

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return approver("ann")


@pytest.fixture
def bob() -> User:
    return approver("bob")


@pytest.fixture
def acme(ann: User) -> Channel:
    return channel(Partner.objects.create(name="Acme"), "acme.example", by=ann)


class TestApprovePin:
    def test_it_enters_beside_the_old_one(self, acme: Channel, ann: User, bob: User) -> None:
        """The old pin stays; the change names the proposer, the pin the second person."""
        pat = member(acme.partner, invited_by=ann)
        old = proposed(acme, by=pat)
        approve_pin(old, by=bob, now=NOON, word="called back")
        new = proposed(acme, by=pat, byte=0xCD)

        change = approve_pin(new, by=bob, now=NOON, word="called back")

        assert change.after["pins"] == [old.pk, new.pk]
        assert change.author == pat
        assert (new.state, new.decided_by, new.word) == (Pin.State.STAGED, bob, "called back")
        assert AuditEntry.objects.filter(act="pin.approved", by=bob).count() == 2

    @pytest.mark.usefixtures("bob")
    def test_whoever_invited_the_contact_does_not_decide(self, acme: Channel, ann: User) -> None:
        """An approver cannot make up a contact and agree to what it sends."""
        pin = proposed(acme, by=member(acme.partner, invited_by=ann))

        with pytest.raises(SamePersonRefused, match="invited"):
            approve_pin(pin, by=ann, now=NOON, word="x")
        assert Pin.objects.get(pk=pin.pk).state == Pin.State.PROPOSED
        assert Change.objects.count() == 1

    def test_whoever_proposed_does_not_decide(self, acme: Channel, bob: User) -> None:
        """And the database would not take it either."""
        pin = proposed(acme, by=bob)

        with pytest.raises(SamePersonRefused):
            approve_pin(pin, by=bob, now=NOON, word="x")
        with pytest.raises(IntegrityError):
            Pin.objects.filter(pk=pin.pk).update(state="staged", decided_by=bob)

    def test_a_single_operator_is_marked(self, acme: Channel, ann: User) -> None:
        """A team of one is not stuck, and everybody can see that it was one."""
        pin = proposed(acme, by=ann)

        approve_pin(pin, by=ann, now=NOON, word="own test")

        assert pin.single_operator
        assert AuditEntry.objects.get(act="pin.approved").detail["single_operator"] is True

    def test_neither_editor_nor_partner_decides(self, acme: Channel, ann: User) -> None:
        """Only approvers say yes."""
        pin = proposed(acme, by=ann)
        for person in (editor(), member(acme.partner, invited_by=ann)):
            with pytest.raises(NotAllowed):
                approve_pin(pin, by=person, now=NOON, word="x")

    def test_it_is_decided_once(self, acme: Channel, ann: User, bob: User) -> None:
        """The second of two clicks finds nothing to do."""
        pin = proposed(acme, by=ann)
        stale = Pin.objects.get(pk=pin.pk)
        refuse_pin(pin, by=bob, now=NOON, word="not yours")

        with pytest.raises(StaleRefused):
            approve_pin(stale, by=bob, now=NOON, word="x")
        assert draft_of(acme)["pins"] == []

    def test_a_digest_that_a_relay_group_does_not_compare_is_refused(self, acme: Channel, ann: User, bob: User) -> None:
        """It could never be written into that map."""
        RelayGroup.objects.create(name="old", main_cf={"smtp_tls_fingerprint_digest": "sha1"})

        with pytest.raises(RefusedInput, match="sha1"):
            approve_pin(proposed(acme, by=ann), by=bob, now=NOON, word="x")

    def test_a_decision_needs_a_word(self, acme: Channel, ann: User, bob: User) -> None:
        """Blanks are none."""
        with pytest.raises(ActionRefused):
            approve_pin(proposed(acme, by=ann), by=bob, now=NOON, word=" \n")

    def test_withdrawing_the_change_asks_for_a_new_decision(self, acme: Channel, ann: User, bob: User) -> None:
        """The approval was for that change."""
        pin = proposed(acme, by=ann)
        change = approve_pin(pin, by=bob, now=NOON, word="x")

        withdraw_change(change, by=ann, now=NOON)

        pin.refresh_from_db()
        assert (pin.state, pin.decided_by) == (Pin.State.PROPOSED, None)
        assert draft_of(acme)["pins"] == []


class TestRetirePin:
    def test_the_old_pin_stays_until_the_new_one_was_seen_everywhere(self, acme: Channel, ann: User, bob: User) -> None:
        """A pin leaves only when another one of the channel does its work."""
        old, new = proposed(acme, by=ann), proposed(acme, by=ann, byte=0xCD)
        for pin in (old, new):
            approve_pin(pin, by=bob, now=NOON, word="x")
        with pytest.raises(GuardRefused):
            retire_pin(old, by=ann, now=NOON)

        Pin.objects.filter(pk=new.pk).update(seen_everywhere_at=NOON)

        assert retire_pin(old, by=ann, now=NOON).after["pins"] == [new.pk]

    def test_its_own_sighting_does_not_free_it(self, acme: Channel, ann: User, bob: User) -> None:
        """The last pin never leaves."""
        pin = proposed(acme, by=ann)
        approve_pin(pin, by=bob, now=NOON, word="x")
        Pin.objects.filter(pk=pin.pk).update(seen_everywhere_at=NOON)

        with pytest.raises(GuardRefused):
            retire_pin(pin, by=ann, now=NOON)
