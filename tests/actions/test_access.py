"""Who may do what, and when one person may be two."""

import pytest

from partners.actions.access import give_role, may_approve, may_edit, may_propose, single_operator_mode
from partners.models import Partner, User
from tests.actions.people import approver, editor, member, person

pytestmark = pytest.mark.django_db


class TestPredicates:
    def test_an_account_without_a_role_may_nothing(self) -> None:
        """Deny by default, a superuser included."""
        nobody = User.objects.create_superuser("root@house.example")

        assert not may_edit(nobody)
        assert not may_approve(nobody)

    def test_management_only_reads(self) -> None:
        """The read-only audience drafts and approves nothing."""
        boss = person("boss", User.Role.MANAGEMENT)

        assert not may_edit(boss)
        assert not may_approve(boss)

    def test_an_editor_drafts_and_an_approver_does_both(self) -> None:
        """An approver edits too, and may then not approve that edit (elsewhere)."""
        assert may_edit(editor())
        assert not may_approve(User.objects.get(email="eda@house.example"))
        assert may_approve(approver())

    def test_a_partners_account_never_edits(self) -> None:
        """A role of the house given by mistake to a partner's account opens nothing."""
        mixed = person("mix", User.Role.PARTNER, User.Role.APPROVER)

        assert not may_edit(mixed)
        assert not may_approve(mixed)

    def test_a_member_proposes_for_the_own_partner_alone(self) -> None:
        """A membership opens one partner and no other."""
        own, other = Partner.objects.create(name="Own"), Partner.objects.create(name="Other")
        pat = member(own, invited_by=approver())

        assert may_propose(pat, own)
        assert not may_propose(pat, other)

    def test_an_account_switched_off_may_nothing(self) -> None:
        """is_active is asked every time."""
        gone = approver()
        gone.is_active = False

        assert not may_edit(gone)
        assert not may_approve(gone)


class TestSingleOperatorMode:
    def test_one_approver_is_alone(self) -> None:
        """A portal with a single approver is marked, whoever edits beside."""
        approver()
        editor()

        assert single_operator_mode()

    def test_it_ends_with_the_second_approver(self) -> None:
        """Giving the role reports the end, so that the caller records it."""
        approver()

        ended = give_role(person("bob"), User.Role.APPROVER)

        assert ended
        assert not single_operator_mode()

    def test_switching_the_second_one_off_does_not_bring_it_back(self) -> None:
        """An approver cannot become single again by closing the other account."""
        approver()
        bob = approver("bob")

        bob.is_active = False
        bob.save()

        assert not single_operator_mode()
