"""What is counted ahead for pages of a large estate, written down: sealed days, ends, uses of certificates, figures.

All of it can be counted again from the other rows at any time, and is: nothing rests on it but the speed of a page.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from partners.models import (
    Certificate,
    ChainLink,
    ChannelEnd,
    ComplianceInterval,
    DailyTally,
    KeptFigures,
    Pin,
    PrivateAuthority,
)

__all__ = [
    "is_figures_due",
    "keep_ends",
    "keep_figures",
    "note_uses",
    "recount_days",
    "refresh_statistics",
    "seal_days",
]

_GRACE = timedelta(hours=1)  # whoever judged before midnight has written by then
_PAUSE_SHORTEST, _PAUSE_LONGEST = timedelta(seconds=55), timedelta(minutes=5)
_PAUSE_SHARE = 50  # counting takes one part in so many of the time
_OPEN_PINS = (Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE)
_AT_ONCE = 1000


def seal_days(*, now: datetime) -> int:
    """Write down how many agreements stood in each state at the end of each day that is over; return how many days."""
    sealed = DailyTally.objects.order_by("-day").values_list("day", flat=True).first()
    first = sealed + timedelta(days=1) if sealed else _first_day()
    last = timezone.localdate(now - _GRACE) - timedelta(days=1)
    if first is None or first > last:
        return 0
    before = dict(DailyTally.objects.filter(day=sealed).values_list("state", "count")) if sealed else {}
    return _write_days(first, last, before)


def recount_days(*, keep: timedelta, now: datetime) -> int:
    """Count the sealed days again that intervals still tell of, younger than *keep*; return how many days."""
    oldest = _first_day()
    if oldest is None:
        return 0
    first = max(oldest, timezone.localdate(now - keep) + timedelta(days=1))
    last = timezone.localdate(now - _GRACE) - timedelta(days=1)
    with transaction.atomic():
        DailyTally.objects.filter(day__gte=first, day__lte=last).delete()
        return _write_days(first, last, None)


def keep_ends(channels: range, rows: Sequence[ChannelEnd]) -> int:
    """Write what differs of the ends of *channels*: *rows*, and none for the others; return how many rows that was."""
    wanted = {row.channel_id: row for row in rows}
    there = {row.channel_id: row for row in ChannelEnd.objects.filter(channel__in=channels)}
    names = [one.attname for one in ChannelEnd._meta.concrete_fields if not one.primary_key]  # noqa: SLF001  Django's documented model API
    moved = [row for pk, row in wanted.items() if pk not in there or _values(there[pk], names) != _values(row, names)]
    gone = there.keys() - wanted.keys()
    with transaction.atomic():
        ChannelEnd.objects.filter(channel__in=gone).delete()
        ChannelEnd.objects.bulk_create(
            moved, update_conflicts=True, unique_fields=["channel"], update_fields=names[1:], batch_size=_AT_ONCE
        )
    return len(moved) + len(gone)


def note_uses() -> int:
    """Note of each certificate whether somebody shows or announced it; return of how many that moved."""
    pins = Pin.objects.filter(certificate=OuterRef("pk"), state__in=_OPEN_PINS, channel__removed_at__isnull=True)
    trusted = PrivateAuthority.objects.filter(sha256=OuterRef("sha256"), channel__removed_at__isnull=True)
    announced = Exists(pins) | Exists(trusted)
    shown = ChainLink.objects.filter(
        certificate=OuterRef("pk"),
        observation__sightings__current=True,
        observation__sightings__endpoint__nexthops__isnull=False,
    )
    moved = _set(Certificate.objects.filter(announced, announced=False), announced=True)
    moved += _set(Certificate.objects.filter(~announced, announced=True), announced=False)
    used = Q(announced=True) | Exists(shown)
    moved += _set(Certificate.objects.filter(used, in_use=False), in_use=True)
    return moved + _set(Certificate.objects.filter(~Exists(shown), announced=False, in_use=True), in_use=False)


def is_figures_due(name: str, *, now: datetime) -> bool:
    """Whether *name* is to be counted again: counting takes a small share of the time, however long it takes."""
    row = KeptFigures.objects.filter(name=name).only("counted_at", "seconds").first()
    if row is None:
        return True
    pause = min(max(timedelta(seconds=row.seconds * _PAUSE_SHARE), _PAUSE_SHORTEST), _PAUSE_LONGEST)
    return row.counted_at <= now - pause


def keep_figures(name: str, size: int, figures: dict[str, Any], *, seconds: float, now: datetime) -> None:
    """Keep what was counted of *name*; what another worker counted later stays."""
    fields = {"size": size, "figures": figures, "seconds": seconds, "counted_at": now}
    if not KeptFigures.objects.filter(name=name, counted_at__lte=now).update(**fields):
        KeptFigures.objects.bulk_create([KeptFigures(name=name, **fields)], ignore_conflicts=True)


def refresh_statistics() -> None:
    """Let the database look at its tables, after very many rows came at once; autovacuum would do so minutes later."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _write_days(first: date, last: date, before: dict[str, int] | None) -> int:
    """Write the tallies from *first* to *last*; before: of the day before *first*, None to count what stood then."""
    end = timezone.make_aware(datetime.combine(last, time.max))
    days = ComplianceInterval.objects.by_day(first, now=end, before=before)
    rows = [
        DailyTally(day=day, state=state, count=count)
        for day, counts in days.items()
        for state, count in (counts or {ComplianceInterval.State.COMPLIANT.value: 0}).items()
        if count or not counts.total()
    ]
    DailyTally.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_AT_ONCE)
    return len(days)


def _first_day() -> date | None:
    """Return the day on which the oldest state began, None before anything was judged."""
    first = ComplianceInterval.objects.aggregate(first=Min("valid_from"))["first"]
    return timezone.localdate(first) if first else None


def _set(rows: "QuerySet[Certificate]", **fields: bool) -> int:
    """Set *fields* of *rows*, some at a time: a worker that keeps certificates is not held up."""
    pks = list(rows.values_list("pk", flat=True))
    for begin in range(0, len(pks), _AT_ONCE):
        Certificate.objects.filter(pk__in=pks[begin : begin + _AT_ONCE]).update(**fields)
    return len(pks)


def _values(row: ChannelEnd, names: Sequence[str]) -> list[Any]:
    return [getattr(row, name) for name in names]
