"""From changes to the state of a channel: folded in order, released ones first, never taken from a half-made row.

A snapshot is the JSON in Change.before and Change.after:
    agreed basis review_on level match protocols ciphers exclude servername comment
    lowered_until lowered_reason   texts, as the Channel row has them
    removed                    whether the channel is given up
    nexthops                   keys as Postfix looks them up
    pins, authorities          primary keys of accepted Pin rows, SHA-256 of PrivateAuthority rows; none is ever deleted
The Channel row shows the newest draft; what is on the relays is the fold over released changes alone.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from partners.core.errors import StaleRefused
from partners.models import Change, Channel, Pin

__all__ = [
    "LISTS",
    "TEXTS",
    "Snapshot",
    "draft_of",
    "fold",
    "in_order",
    "merge",
    "project",
    "released_at",
    "row_snapshot",
    "with_changes",
]

Snapshot = dict[str, Any]

TEXTS = (
    "agreed",
    "basis",
    "review_on",
    "level",
    "match",
    "protocols",
    "ciphers",
    "exclude",
    "servername",
    "comment",
    "lowered_until",
    "lowered_reason",
)
LISTS = ("nexthops", "pins", "authorities")
_SCALARS = (*TEXTS, "removed")


def row_snapshot(channel: Channel) -> Snapshot:
    """Return the snapshot of the rows as they stand, for a channel that has no Change yet."""
    shot: Snapshot = {name: _text(getattr(channel, name)) for name in TEXTS}
    shot["removed"] = channel.removed_at is not None
    shot["nexthops"] = sorted(channel.nexthops.values_list("key", flat=True))
    accepted = channel.pins.filter(state__in=[Pin.State.STAGED, Pin.State.ACTIVE])
    shot["pins"] = sorted(accepted.values_list("pk", flat=True))
    shot["authorities"] = sorted(channel.authorities.values_list("sha256", flat=True))
    return shot


def draft_of(channel: Channel) -> Snapshot:
    """Return *channel* with every change that was not withdrawn, released or not."""
    changes = Change.objects.filter(channel=channel, withdrawn_at__isnull=True).select_related("release")
    return fold(in_order(changes)).get(channel.pk) or row_snapshot(channel)


def released_at(number: int | None) -> dict[int, Snapshot]:
    """Return channel key -> snapshot as of release *number* (None: before the first release)."""
    if number is None:
        return {}
    changes = Change.objects.filter(release__number__lte=number, withdrawn_at__isnull=True).select_related("release")
    return fold(in_order(changes))


def with_changes(base: dict[int, Snapshot], changes: Iterable[Change]) -> dict[int, Snapshot]:
    """Return *base* with the chosen *changes*, oldest first; StaleRefused where one rests on another not chosen."""
    return fold(sorted(changes, key=lambda change: (change.made_at, change.pk)), base)


def fold(changes: Iterable[Change], base: dict[int, Snapshot] | None = None) -> dict[int, Snapshot]:
    """Apply *changes* in the order given to a copy of *base*."""
    shots = dict(base or {})
    for change in changes:
        shots[change.channel_id] = merge(shots.get(change.channel_id), change)
    return shots


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Return *changes*, read with their releases, as fold() takes them: by release, then by age; open ones last."""
    return sorted(changes, key=_order)


def merge(base: Snapshot | None, change: Change) -> Snapshot:
    """Return *base* with what *change* did, and nothing that another change did.

    Lists: what was added or taken away. Texts: the new value, if the old one is what *base* has.
    """
    after: Snapshot = change.after
    if change.before is None:
        if base is not None:
            raise StaleRefused(_("change %s") % change.pk, _("its channel exists already"))
        return dict(after)
    if base is None:
        raise StaleRefused(
            _("change %s") % change.pk,
            _("the change that adds its channel is not chosen"),
            _("choose that one too"),
        )
    result = dict(base)
    for name in _SCALARS:
        old, new = change.before.get(name), after.get(name)
        if old != new and base.get(name) not in (old, new):
            raise StaleRefused(
                _("change %s") % change.pk,
                _("it rests on an earlier change of %s that is not chosen") % name,
                _("choose the earlier one too"),
            )
        if old != new:
            result[name] = new
    for name in LISTS:
        old_items, new_items = change.before.get(name, []), after.get(name, [])
        kept = [item for item in base.get(name, []) if item in new_items or item not in old_items]
        result[name] = sorted({*kept, *(item for item in new_items if item not in old_items)})
    return result


def project(channel: Channel, shot: Snapshot) -> None:
    """Set the fields of *channel* (not saved) to what *shot* says; removed_at is the caller's moment."""
    for name in TEXTS:
        value = shot[name]
        if name == "review_on":
            value = parse_date(value) if value else None
        elif name == "lowered_until":
            value = parse_datetime(value) if value else None
        setattr(channel, name, value)


def _order(change: Change) -> tuple[float, datetime, int]:
    """Released changes by release, then by age; open ones last."""
    number = change.release.number if change.release else float("inf")
    return number, change.made_at, change.pk


def _text(value: object) -> str:
    """Return a field's value as JSON keeps it."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)
