"""Bring database and static files to this release; safe to repeat before every start."""

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from partners.actions.access import has_approver
from partners.actions.invitations import invite
from partners.actions.sending import link_of
from partners.actions.standings import restand_missing
from partners.core.errors import PortalError
from partners.models import User

FIRST_LINK_MARK = "first-link "  # `manage.py up` reads the rest of that line and shows it when the portal answers
_STAND_AT_ONCE = 1000
STAMP_NAME = ".collected"


class Command(BaseCommand):
    """Apply migrations, make the cache's table, collect static files; say one line for each that had work."""

    help = "Bring database and static files to this release."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address of the first person."""
        parser.add_argument(
            "--first-account", metavar="EMAIL", help="while the portal has no approver, print a link for this address"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Do what is missing."""
        try:
            self._migrate()
        except DatabaseError as cause:
            raise CommandError(f"database: {cause}".strip()) from cause
        self._collect()
        if options["first_account"] and not has_approver():
            self._invite(options["first_account"])

    def _migrate(self) -> None:
        """Apply the steps that are missing, and make the table of the cache."""
        executor = MigrationExecutor(connection)
        steps = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if steps:
            self.stdout.write(f"database: applying {steps} steps")
            call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        while restand_missing(_STAND_AT_ONCE):
            pass

    def _collect(self) -> None:
        """Collect static files where the sources differ from those collected last."""
        stamp = Path(settings.STATIC_ROOT) / STAMP_NAME
        wanted = _state_of_sources()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self.stdout.write("pages: collecting static files")
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(wanted)

    def _invite(self, email: str) -> None:
        """Print the single-use link with which the first person joins."""
        try:
            invited = invite(email, User.Role.APPROVER, by=None, now=timezone.now())
        except PortalError as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(FIRST_LINK_MARK + link_of(invited))


def _state_of_sources() -> str:
    """Return a digest over our static files' names, sizes and times, and over the versions of the packages."""
    digest = hashlib.sha256((settings.BASE_DIR / "requirements.lock").read_bytes())
    for folder in settings.STATICFILES_DIRS:
        for path in sorted(Path(folder).rglob("*")):
            state = path.stat()
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
