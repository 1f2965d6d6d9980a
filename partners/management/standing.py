"""What a command at the console stands on: a database of this release."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _


class StandingCommand(BaseCommand):
    """A command that reads or writes the portal's rows, also where `up` has never run."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run once the database is there; one that cannot be used is one line."""
        try:
            self._stand()
        except DatabaseError as cause:
            raise CommandError(_("database: %s") % str(cause).strip()) from cause
        return super().execute(*args, **options)

    def _stand(self) -> None:
        """Make the schema in a new embedded database; refuse one of another release."""
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if not missing:
            return
        if executor.loader.applied_migrations or settings.ENVIRONMENT != "embedded":
            cause = _("database: %d steps of this release are missing; run `python3 manage.py prepare` once")
            raise CommandError(cause % missing)
        call_command("migrate", interactive=False, verbosity=0)
