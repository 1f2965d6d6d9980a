"""Write anew what is kept for the lists, from the rows that it follows from."""

from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from partners.actions.standings import index_search, restand_all
from partners.management.standing import StandingCommand


class Command(StandingCommand):
    """Mend the kept rows of the lists and their indexes; the portal may run meanwhile."""

    help = "Write anew where each channel stands, and say how many rows were wrong; safe to repeat at any time."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Write all, then the indexes of the search."""
        try:
            wrong = restand_all()
        except DatabaseError as cause:
            raise CommandError(f"database: {cause}".strip()) from cause
        self.stdout.write(f"{wrong} rows were written anew")
        if missing := index_search():
            self.stderr.write(
                f"the search has no index: {missing}\n"
                "install PostgreSQL's contrib package, let a superuser run CREATE EXTENSION pg_trgm, and run this again"
            )
