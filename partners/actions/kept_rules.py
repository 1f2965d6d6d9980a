"""Which rule of the database refused a row: told by its name, never guessed."""

import re

from django.db import IntegrityError

__all__ = ["broken_rule", "is_second_person_rule"]

_SQLITE = re.compile(r"(?:CHECK|UNIQUE) constraint failed: (?:index '(?P<index>[^']+)'|(?P<name>[\w.]+))")
_SECOND_PERSON = (
    "second_person_",
    "release_second_person",
    "release_two_people",
    "approval_by_second_person",
    "pin_second_person",
    "group_change_second_person",
    "invitation_two_people",
)


def broken_rule(refused: IntegrityError) -> str:
    """Return the constraint that *refused* names: its name, or table.column of a unique one on SQLite; "" for none."""
    diag = getattr(refused.__cause__, "diag", None)  # psycopg's
    if diag is not None:
        return diag.constraint_name or ""
    found = _SQLITE.search(str(refused))
    return (found["index"] or found["name"]) if found else ""


def is_second_person_rule(name: str) -> bool:
    """Whether the constraint *name* asks for two people."""
    return name.startswith(_SECOND_PERSON)
