"""Make a single-use link that brings a person in."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.actions.invitations import invite
from partners.actions.sending import hand_over
from partners.core.errors import PortalError
from partners.management.standing import StandingCommand
from partners.models import Partner, User


class Command(StandingCommand):
    """Mail the link, or print it once where the portal sends no mail; only its hash is kept."""

    help = "Make a single-use link (72 hours) with which EMAIL joins the portal."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address, the role, the partner and who invites."""
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--role", required=True, choices=User.Role.values)
        parser.add_argument("--partner", metavar="NAME", help="the partner's name; with --role partner only")
        parser.add_argument("--by", metavar="EMAIL", help="who invites; may be left out while one approver is alone")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Invite, hand the link over and say what became of it; the link alone goes to standard output."""
        by, now = inviter(options["by"]), timezone.now()
        try:
            invited = invite(
                options["email"], User.Role(options["role"]), partner=_partner(options["partner"]), by=by, now=now
            )
        except PortalError as refused:
            raise CommandError(str(refused)) from refused
        handed = hand_over(invited, by=by, now=now)
        if handed.fault:
            raise CommandError(
                _("the mail did not leave (%s); the invitation stands, send it again under Approvals") % handed.fault
            )
        if handed.link:
            self.stdout.write(handed.link)
        elif handed.mailed_to:
            self.stderr.write(_("The link was mailed to %s.") % handed.mailed_to)
        else:
            self.stderr.write(
                _("It waits until another approver has agreed to it in the portal; then the link is made.")
            )


def inviter(email: str | None) -> User | None:
    """Return the account named, or the only approver where none is named; None in a portal without an approver."""
    if email:
        account = User.objects.filter(email=email.strip().lower(), is_active=True).first()
        if account is None:
            raise CommandError(_("--by %s: there is no such account") % email)
        return account
    approvers = list(User.objects.filter(groups__name=User.Role.APPROVER.value, is_active=True)[:2])
    if len(approvers) > 1:
        raise CommandError(_("--by is missing: there are several approvers, so say who acts"))
    return approvers[0] if approvers else None


def _partner(name: str | None) -> Partner | None:
    """Return the partner of that name."""
    if name is None:
        return None
    partner = Partner.objects.filter(name=name).first()
    if partner is None:
        raise CommandError(_("--partner %s: there is no such partner") % name)
    return partner
