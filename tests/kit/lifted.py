"""Take away the rules of the database for what was released, as whoever owns the database could, and put them back."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from partners.migrations._released import RULES

__all__ = ["lifted"]


@contextmanager
def lifted() -> Iterator[None]:
    """Let released rows be changed inside of the block."""
    with connection.cursor() as cursor:
        for statement in RULES.removing(connection.vendor):
            cursor.execute(statement)
        try:
            yield
        finally:
            for statement in RULES.installing(connection.vendor):
                cursor.execute(statement)
