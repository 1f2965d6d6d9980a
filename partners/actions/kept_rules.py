"""Which rule of the database refused a row: told by its name, never guessed."""

import re

from django.db import IntegrityError
from django.utils.translation import gettext as _

from partners.core.errors import SamePersonRefused, StaleRefused

__all__ = ["broken_rule", "told_by_rule"]

_STALE = {
    "partners_release_number_key",  # as PostgreSQL and SQLite name it
    "partners_release.number",
    "second_person_approval_of_these_bytes",
}

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


def told_by_rule(cause: IntegrityError, subject: str, stale: StaleRefused) -> Exception:
    """Return what the rule that the database names says: *stale*, or who is missing; *cause* where it is none of them.

    stale: what is to be said where somebody else was first.
    """
    rule = broken_rule(cause)
    if rule in _STALE:
        return stale
    if rule.startswith(_SECOND_PERSON):
        return SamePersonRefused(
            subject, _("the database finds no approval by a second person: %s") % rule, _("ask an approver")
        )
    return cause
