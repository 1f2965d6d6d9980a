"""The share that was protected as agreed, day by day, from the intervals of compliance; and the releases beside it."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Case, Count, DateField, Q, Value, When
from django.db.models.functions import TruncDate

from partners.models import ComplianceInterval, Release
from partners.reports.agreements import PROTECTED, percent
from partners.reports.people import name_of

__all__ = ["DAYS", "Mark", "Point", "Trend", "trend"]

DAYS: Final = 90
MARKS_MAX: Final = 8  # letters that a chart can carry


@dataclass(frozen=True, slots=True)
class Point:
    """How many agreements stood at the end of a day (for today: now), and how many of them were protected."""

    day: date
    protected: int
    total: int

    @property
    def share(self) -> float:
        """Percent that was protected."""
        return percent(self.protected, self.total) or 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A release on the chart. letter: "A" is the oldest of those shown."""

    letter: str
    number: int
    published_at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Points begin with the first day on which anything was judged. releases: how many there were in all."""

    points: tuple[Point, ...]
    marks: tuple[Mark, ...]
    releases: int

    def days_ago(self, days: int) -> Point | None:
        """Return the point of *days* ago, None where nothing was judged then."""
        return self.points[-1 - days] if len(self.points) > days else None


def trend(*, now: datetime) -> Trend:
    """Return the last 90 days in two queries, however many agreements there are."""
    start = now.date() - timedelta(days=DAYS)
    releases = list(
        Release.objects.filter(published_at__date__gte=start, published_at__lte=now).select_related("published_by")
    )
    marks = tuple(
        Mark(chr(ord("A") + index), one.number, one.published_at, name_of(one.published_by), one.reason)
        for index, one in enumerate(reversed(releases[:MARKS_MAX]))
    )
    return Trend(_points(start, now), marks, len(releases))


def _points(start: date, now: datetime) -> tuple[Point, ...]:
    """Return a point per day. An interval counts on each day at whose end it stood."""
    begun, ended = Counter[tuple[date, bool]](), Counter[tuple[date, bool]]()
    before = When(valid_from__date__lte=start, then=Value(start, output_field=DateField()))
    rows = (
        ComplianceInterval.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__date__gt=start), valid_from__lte=now)
        .annotate(
            begins=Case(before, default=TruncDate("valid_from"), output_field=DateField()), ends=TruncDate("valid_to")
        )
        .values_list("begins", "ends", "state")
        .annotate(count=Count("pk"))
        .order_by()
    )
    for begins, ends, state, count in rows:
        begun[begins, state in PROTECTED] += count
        if ends is not None:
            ended[ends, state in PROTECTED] += count
    points: list[Point] = []
    standing = Counter[bool]()
    for offset in range(DAYS + 1):
        day = start + timedelta(days=offset)
        for good in (True, False):
            standing[good] += begun[day, good] - ended[day, good]
        if points or standing.total():
            points.append(Point(day, standing[True], standing.total()))
    return tuple(points)
