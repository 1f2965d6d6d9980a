"""`manage.py relay_token GROUP`: make the token with which the relays of a group fetch their map."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from partners.actions.tokens import make_relay_token
from partners.core.errors import PortalError
from partners.management.commands.invite import inviter
from partners.management.standing import StandingCommand
from partners.models import RelayGroup


class Command(StandingCommand):
    """Print a new token; it is shown this once."""

    help = "Make a token for the relays of a group; it is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the relay group and who makes the token."""
        parser.add_argument("group", metavar="GROUP")
        parser.add_argument("--by", metavar="EMAIL", help="an approver; may be left out while one is alone")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Make the token and print it."""
        group = RelayGroup.objects.filter(name=options["group"]).first()
        if group is None:
            raise CommandError(f"relay group {options['group']}: there is none of that name")
        by = inviter(options["by"])
        if by is None:
            raise CommandError("--by is missing: nobody is in the portal yet; invite an approver first")
        try:
            self.stdout.write(make_relay_token(group, by=by, now=timezone.now()))
        except PortalError as refused:
            raise CommandError(str(refused)) from refused
