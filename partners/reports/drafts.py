"""What is edited and on no relay yet, change by change, with what each of them moves."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from partners.models import Candidate, Change, Channel
from partners.reports.names import person_name

__all__ = ["DraftChange", "MovedField", "open_change", "open_changes", "taken_back"]

_BY_NAME: Final = ("removed", "agreed", "lowered_until", "lowered_reason", "basis", "review_on", "comment")
_TAKEN_UP: Final = (
    "nexthops", "level", "match", "protocols", "ciphers", "exclude", "servername", "agreed", "basis", "review_on",
)  # fmt: skip
_COUNTED: Final = ("pins", "authorities")  # keys of rows say nothing to a person


@dataclass(frozen=True, slots=True)
class MovedField:
    """One field of a change. name: postconf(5)'s where it is of the entry, else ours; was, becomes: "" for nothing."""

    name: str
    was: str
    becomes: str
    of_entry: bool


@dataclass(frozen=True, slots=True)
class DraftChange:
    """One open change. is_new: it adds its channel; candidates: the open ones that hold it."""

    change: Change
    who: str
    made_at: datetime
    is_new: bool
    fields: tuple[MovedField, ...]
    candidates: tuple[int, ...] = ()


def open_changes(channel: Channel) -> tuple[DraftChange, ...]:
    """Return the open changes of *channel*, oldest first, in one query."""
    rows = Change.objects.filter(channel=channel, release__isnull=True, withdrawn_at__isnull=True)
    return tuple(_row(change) for change in rows.select_related("author"))


def open_change(pk: int) -> DraftChange | None:
    """Return one open change with the candidates that hold it, None where it is released or withdrawn; two queries."""
    rows = Change.objects.filter(pk=pk, release__isnull=True, withdrawn_at__isnull=True)
    change = rows.select_related("author", "channel__partner").first()
    if change is None:
        return None
    held = Candidate.objects.filter(changes=change, state=Candidate.State.OPEN).values_list("pk", flat=True)
    return _row(change, tuple(sorted(held)))


def taken_back(channel: Channel, pk: int) -> dict[str, Any]:
    """Return what the withdrawn change *pk* of *channel* set, as the form of an entry takes it; {} for none."""
    change = Change.objects.filter(pk=pk, channel=channel, withdrawn_at__isnull=False, before__isnull=False).first()
    if change is None or change.before is None:
        return {}
    before, after = change.before, change.after
    moved = {name: after[name] for name in _TAKEN_UP if after.get(name) != before.get(name)}
    return moved | ({"nexthops": ", ".join(moved["nexthops"])} if "nexthops" in moved else {})


def _row(change: Change, candidates: tuple[int, ...] = ()) -> DraftChange:
    fields = tuple(_moved(change.before or {}, change.after))
    return DraftChange(change, person_name(change.author), change.made_at, change.before is None, fields, candidates)


def _moved(before: dict[str, Any], after: dict[str, Any]) -> Iterator[MovedField]:
    for name in sorted(after):
        was, becomes = before.get(name), after[name]
        if (was or "") != (becomes or ""):
            yield MovedField(name, _told(name, was), _told(name, becomes), name not in _BY_NAME)


def _told(name: str, value: Any) -> str:
    """Return a kept value as a page shows it."""
    if not value:
        return ""
    if name in _COUNTED:
        return str(len(value))
    return " ".join(value) if isinstance(value, list) else str(value)
