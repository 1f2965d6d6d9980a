"""A link brings in exactly the person it was made for, once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from partners.actions.access import lone_acts_count, single_operator_mode
from partners.actions.invitations import (
    LINK_LIFETIME,
    accept,
    approve_invitation,
    invite,
    open_invitation,
    revoke_invitation,
    send_again,
)
from partners.core.errors import NotAllowed, RefusedInput, SamePersonRefused, StaleRefused
from partners.models import AuditEntry, Invitation, Membership, Partner, User
from partners.models.invitations import AGREEMENT_LIFETIME
from partners.reports.approvals import inbox
from tests.actions.people import NOON, approver, editor, member

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"
PARTNER, APPROVER, EDITOR = User.Role.PARTNER, User.Role.APPROVER, User.Role.EDITOR


@pytest.fixture
def acme() -> Partner:
    return Partner.objects.create(name="Acme")


class TestInvite:
    def test_the_token_itself_is_not_kept(self, acme: Partner) -> None:
        """The row holds a hash of 64 digits, and the audit trail nothing of the token."""
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=approver(), now=NOON)

        row = Invitation.objects.get()
        assert invited.token not in (row.sha256, row.email)
        assert len(row.sha256) == 64
        assert invited.token not in str(list(AuditEntry.objects.values()))

    def test_there_is_no_link_before_two_people_agreed(self, acme: Partner) -> None:
        """Whoever invites never holds the link; its 72 hours begin with the agreement."""
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=editor(), now=NOON)
        row = Invitation.objects.get()
        assert (invited.waits, invited.token, row.sha256, row.expires_at) == (True, "", None, None)
        assert not acme.contacts.exists()

        later = NOON + timedelta(days=5)
        agreed = approve_invitation(invited.invitation, by=approver(), now=later)

        assert open_invitation(agreed.token, now=later + LINK_LIFETIME - timedelta(seconds=1)) == invited.invitation
        assert acme.contacts.get().email == "pat@acme.example"

    def test_the_database_keeps_no_link_before_the_agreement(self, acme: Partner) -> None:
        """Whatever writes the row: a hash without a second person is refused."""
        invite("pat@acme.example", PARTNER, partner=acme, by=editor(), now=NOON)

        with pytest.raises(IntegrityError), transaction.atomic():
            Invitation.objects.update(sha256="a" * 64)

    def test_an_invitation_is_decided_once(self, acme: Partner) -> None:
        """A second yes makes no second link, and a withdrawn one none at all."""
        ann, bob = approver(), approver("bob")
        first, second = (invite(f"{name}@acme.example", PARTNER, partner=acme, by=ann, now=NOON) for name in "pq")
        approve_invitation(first.invitation, by=bob, now=NOON)
        revoke_invitation(second.invitation, by=ann, now=NOON)

        for invited in (first, second):
            with pytest.raises(StaleRefused):
                approve_invitation(invited.invitation, by=bob, now=NOON)

    def test_an_approver_does_not_agree_to_the_own_invitation(self, acme: Partner) -> None:
        """With two approvers, two people are two people."""
        ann, _bob = approver(), approver("bob")
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=ann, now=NOON)

        with pytest.raises(SamePersonRefused):
            approve_invitation(invited.invitation, by=ann, now=NOON)

    def test_nobody_agrees_to_a_role_for_the_own_address(self) -> None:
        """An invited approver does not second it."""
        ann, bob = approver(), approver("bob")
        invited = invite(bob.email, EDITOR, by=ann, now=NOON)

        with pytest.raises(SamePersonRefused):
            approve_invitation(invited.invitation, by=bob, now=NOON)

    def test_an_editor_does_not_bring_in_an_approver(self) -> None:
        """Roles of the mail team come from an approver."""
        approver()
        with pytest.raises(NotAllowed):
            invite("new@house.example", APPROVER, by=editor(), now=NOON)

    def test_a_partners_person_invites_nobody(self, acme: Partner) -> None:
        """A stolen partner login brings in no second one."""
        with pytest.raises(NotAllowed):
            invite("x@acme.example", PARTNER, partner=acme, by=member(acme, invited_by=approver()), now=NOON)

    def test_the_console_brings_in_the_first_people_only(self) -> None:
        """Without an approver nobody could agree; afterwards somebody has to be named."""
        first = invite("ann@house.example", APPROVER, by=None, now=NOON)
        ann = accept(first.token, password=PASSWORD, now=NOON)
        assert single_operator_mode()
        assert "approver" in ann.roles

        with pytest.raises(NotAllowed):
            invite("bob@house.example", APPROVER, by=None, now=NOON)

    @pytest.mark.parametrize("email", ["", "pat", "pat@acme.example\nBcc: x@y.example", "a b@acme.example"])
    def test_an_address_that_is_none_is_refused(self, email: str, acme: Partner) -> None:
        """No line break reaches a mail."""
        with pytest.raises(RefusedInput):
            invite(email, PARTNER, partner=acme, by=approver(), now=NOON)

    def test_the_partner_role_needs_a_partner(self, acme: Partner) -> None:
        """And no other role takes one."""
        with pytest.raises(RefusedInput):
            invite("a@acme.example", PARTNER, by=approver(), now=NOON)
        with pytest.raises(RefusedInput):
            invite("a@acme.example", EDITOR, partner=acme, by=approver("bob"), now=NOON)


class TestSendAgain:
    def test_a_fresh_link_kills_the_old_one(self, acme: Partner) -> None:
        """And lives for 72 hours of its own."""
        ann = approver()
        old = invite("pat@acme.example", PARTNER, partner=acme, by=ann, now=NOON)
        later = NOON + LINK_LIFETIME

        new = send_again(old.invitation, by=ann, now=later)

        with pytest.raises(StaleRefused):
            accept(old.token, password=PASSWORD, now=NOON)
        assert accept(new.token, password=PASSWORD, now=later).email == "pat@acme.example"

    def test_nothing_is_sent_without_an_agreement(self, acme: Partner) -> None:
        """Sending again is no way round the second person."""
        waiting = invite("pat@acme.example", PARTNER, partner=acme, by=editor(), now=NOON)

        with pytest.raises(StaleRefused):
            send_again(waiting.invitation, by=approver(), now=NOON)

    def test_an_agreement_ages(self, acme: Partner) -> None:
        """A yes of last year opens no door today."""
        ann = approver()
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=ann, now=NOON)

        with pytest.raises(StaleRefused):
            send_again(invited.invitation, by=ann, now=NOON + AGREEMENT_LIFETIME)

    def test_without_mail_whoever_invited_is_shown_nothing(self, acme: Partner, settings: Any) -> None:
        """The link would be shown instead of mailed: an approver who did not invite may have it, nobody else."""
        ann, bob = approver(), approver("bob")
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=ann, now=NOON)
        approve_invitation(invited.invitation, by=bob, now=NOON)

        with pytest.raises(SamePersonRefused):
            send_again(invited.invitation, by=ann, now=NOON)
        with pytest.raises(NotAllowed):
            send_again(invited.invitation, by=editor(), now=NOON)
        settings.MAIL_CONFIGURED = True
        assert send_again(invited.invitation, by=ann, now=NOON).token


class TestAccept:
    def test_it_makes_an_account_that_sees_this_partner_alone(self, acme: Partner) -> None:
        """The membership remembers who invited."""
        ann = approver()
        other = Partner.objects.create(name="Other")
        invited = invite("Pat@Acme.example", PARTNER, partner=acme, by=ann, now=NOON)

        pat = accept(invited.token, password=PASSWORD, name="Pat", now=NOON)

        assert pat.email == "pat@acme.example"
        assert pat.check_password(PASSWORD)
        assert list(Partner.objects.visible_to(pat)) == [acme]
        assert Membership.objects.get(user=pat).invited_by == ann
        assert other not in Partner.objects.visible_to(pat)

    def test_it_works_once(self, acme: Partner) -> None:
        """A second use is refused, even by the same person."""
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=approver(), now=NOON)
        pat = accept(invited.token, password=PASSWORD, now=NOON)

        with pytest.raises(StaleRefused):
            accept(invited.token, user=pat, now=NOON)

    def test_it_ends_after_72_hours(self, acme: Partner) -> None:
        """The last moment is the one before."""
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=approver(), now=NOON)

        open_invitation(invited.token, now=NOON + LINK_LIFETIME - timedelta(seconds=1))
        with pytest.raises(StaleRefused):
            accept(invited.token, password=PASSWORD, now=NOON + LINK_LIFETIME)

    def test_an_address_with_an_account_has_to_sign_in(self) -> None:
        """A stolen link neither sets a password nor opens somebody else's account."""
        bob = approver("bob")
        invited = invite("eda@house.example", EDITOR, by=bob, now=NOON)
        eda = User.objects.create_user("eda@house.example")

        with pytest.raises(NotAllowed):
            accept(invited.token, password=PASSWORD, now=NOON)
        with pytest.raises(NotAllowed):
            accept(invited.token, user=bob, now=NOON)
        assert accept(invited.token, user=eda, now=NOON) == eda
        assert not eda.has_usable_password()

    def test_no_account_is_on_both_sides(self, acme: Partner) -> None:
        """Of the house or of a partner, never both."""
        ann = approver()
        invited = invite(editor().email, PARTNER, partner=acme, by=ann, now=NOON)

        with pytest.raises(NotAllowed):
            accept(invited.token, user=User.objects.get(email="eda@house.example"), now=NOON)

    def test_a_weak_password_is_refused_and_the_link_stays(self, acme: Partner) -> None:
        """Nothing is consumed by a mistake."""
        invited = invite("pat@acme.example", PARTNER, partner=acme, by=approver(), now=NOON)

        with pytest.raises(RefusedInput):
            accept(invited.token, password="short", now=NOON)
        assert open_invitation(invited.token, now=NOON)

    def test_the_second_approver_ends_links_that_one_person_made_alone(self) -> None:
        """The mode ends for good, for what it left behind too, and is in the audit trail."""
        ann = approver()
        second = invite("bob@house.example", APPROVER, by=ann, now=NOON)
        third = invite("cid@house.example", APPROVER, by=ann, now=NOON)

        assert inbox(now=NOON, alone_counts=lone_acts_count()).invitations == ()
        bob = accept(second.token, password=PASSWORD, now=NOON)

        assert not single_operator_mode()
        assert AuditEntry.objects.filter(act="single-operator.ended").count() == 1
        with pytest.raises(StaleRefused):
            accept(third.token, password=PASSWORD, now=NOON)
        waits = inbox(now=NOON, alone_counts=lone_acts_count())
        assert (waits.invitations, waits.sent) == ((third.invitation,), ())
        agreed = approve_invitation(third.invitation, by=bob, now=NOON)
        with pytest.raises(StaleRefused):
            accept(third.token, password=PASSWORD, now=NOON)
        assert accept(agreed.token, password=PASSWORD, now=NOON).email == "cid@house.example"

    def test_two_links_for_one_address_make_one_account(self, acme: Partner) -> None:
        """The second one is kept, and told to sign in first."""
        ann = approver()
        one, two = (invite("pat@acme.example", PARTNER, partner=acme, by=ann, now=NOON) for _n in range(2))
        pat = accept(one.token, password=PASSWORD, now=NOON)

        with pytest.raises(NotAllowed):
            accept(two.token, password=PASSWORD, now=NOON)
        assert accept(two.token, user=pat, now=NOON) == pat
