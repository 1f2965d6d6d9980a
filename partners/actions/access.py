"""Who may do what: small predicates, and the refusals that actions raise."""

from django.contrib.auth.models import Group
from django.db.models import Exists
from django.utils.translation import gettext as _

from partners.core.errors import NotAllowed
from partners.models import AuditEntry, Membership, Partner, User

__all__ = [
    "SINGLE_OPERATOR_ENDED",
    "demand_approver",
    "demand_editor",
    "give_role",
    "has_approver",
    "is_member",
    "lone_acts_count",
    "may_approve",
    "may_edit",
    "may_propose",
    "single_operator_mode",
]

SINGLE_OPERATOR_ENDED = "single-operator.ended"  # act in the audit trail; once written it counts for ever


def may_edit(user: User) -> bool:
    """Whether *user* may draft changes: an active editor or approver who is not on a partner's side."""
    return user.is_active and user.is_mail_team and user.sees_everything


def may_approve(user: User) -> bool:
    """Whether *user* may say yes to what others drafted: an active approver who is not on a partner's side."""
    return may_edit(user) and User.Role.APPROVER.value in user.roles


def is_member(user: User, partner: Partner) -> bool:
    """Whether *user* is on the side of *partner* now."""
    return user.is_active and Membership.objects.filter(partner=partner, user=user, ended_at__isnull=True).exists()


def may_propose(user: User, partner: Partner) -> bool:
    """Whether *user* may announce a certificate for *partner*: its own people and the mail team."""
    return may_edit(user) or is_member(user, partner)


def has_approver() -> bool:
    """Whether any account, active or not, holds the role of an approver."""
    return User.objects.filter(groups__name=User.Role.APPROVER.value).exists()


def single_operator_mode() -> bool:
    """Whether one approver alone may act as the second person, marked as such.

    It ends for good with the second approver: the audit entry of that moment stays, whatever becomes of the accounts.
    Accounts that cannot sign in any more count too, so that switching one off does not bring the mode back.
    """
    ended = AuditEntry.objects.filter(act=SINGLE_OPERATOR_ENDED)
    return User.objects.filter(~Exists(ended), groups__name=User.Role.APPROVER.value).count() == 1


def lone_acts_count() -> bool:
    """Whether what one person did alone is agreed: in single-operator mode, and while nobody could agree."""
    return single_operator_mode() or not has_approver()


def give_role(user: User, role: User.Role) -> bool:
    """Put *user* into the group of *role*; return whether this ended the single-operator mode.

    The caller holds the transaction and writes the audit entries.
    """
    alone = single_operator_mode()
    group, _made = Group.objects.get_or_create(name=role.value)
    user.groups.add(group)
    user.__dict__.pop("roles", None)  # a cached property: the next question reads the groups again
    return alone and not single_operator_mode()


def demand_editor(user: User) -> None:
    """Raise NotAllowed unless *user* may draft changes."""
    if not may_edit(user):
        raise NotAllowed(str(user), _("only the mail team may do this"), _("ask an editor"))


def demand_approver(user: User) -> None:
    """Raise NotAllowed unless *user* may approve."""
    if not may_approve(user):
        raise NotAllowed(str(user), _("only an approver may do this"), _("ask an approver"))
