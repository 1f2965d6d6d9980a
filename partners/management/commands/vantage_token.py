"""`manage.py vantage_token NAME`: make, list and revoke the tokens of probes elsewhere."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from partners.actions.vantages import make_vantage_token, revoke_vantage_token
from partners.core.errors import PortalError
from partners.management.commands.invite import inviter
from partners.management.standing import StandingCommand
from partners.models import VantageToken


class Command(StandingCommand):
    """Print a new token; it is shown this once."""

    help = "Make a token for the probe at a vantage; it is shown once. --list shows, --revoke PREFIX ends one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the vantage and who makes or ends the token."""
        parser.add_argument("vantage", metavar="NAME", nargs="?", help="where the probe stands, like dmz")
        parser.add_argument("--by", metavar="EMAIL", help="an approver; may be left out while one is alone")
        parser.add_argument("--list", action="store_true", help="show what tokens there are")
        parser.add_argument("--revoke", metavar="PREFIX", help="end the token with this prefix")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Do the one thing that was asked for."""
        if options["list"]:
            for one in VantageToken.objects.all():
                state = "revoked" if one.revoked_at else "in use"
                used = f"{one.used_at:%Y-%m-%d %H:%M} UTC" if one.used_at else "never"
                self.stdout.write(f"{one.vantage}\t{one.prefix}\t{state}\tused {used}")
            return
        by = inviter(options["by"])
        if by is None:
            raise CommandError("--by is missing: nobody is in the portal yet; invite an approver first")
        try:
            if options["revoke"]:
                token = VantageToken.objects.filter(prefix=options["revoke"]).first()
                if token is None:
                    raise CommandError(f"vantage token {options['revoke']}: there is none of that prefix")
                revoke_vantage_token(token, by=by, now=timezone.now())
            elif options["vantage"]:
                self.stdout.write(make_vantage_token(options["vantage"], by=by, now=timezone.now()))
            else:
                raise CommandError("NAME is missing: say where the probe stands, like dmz")
        except PortalError as refused:
            raise CommandError(str(refused)) from refused
