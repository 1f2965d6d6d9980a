"""The share that was protected as agreed, day by day, from the intervals of compliance; and the releases beside it."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.utils.timezone import localdate

from partners.models import ComplianceInterval, DailyTally, Release
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


def trend(*, now: datetime, marked: bool = True) -> Trend:
    """Return the last 90 days in five queries, however many agreements there are; sealed days are not counted again.

    marked: with the releases.
    """
    start = localdate(now) - timedelta(days=DAYS)
    published = Release.objects.filter(published_at__date__gte=start, published_at__lte=now)
    releases = list(published.select_related("published_by")) if marked else []
    marks = tuple(
        Mark(chr(ord("A") + index), one.number, one.published_at, name_of(one.published_by), one.reason)
        for index, one in enumerate(reversed(releases[:MARKS_MAX]))
    )
    return Trend(_points(start, now), marks, len(releases))


def _points(start: date, now: datetime) -> tuple[Point, ...]:
    """Return a point per day: of sealed days what was counted then, of later ones what moved since."""
    days: dict[date, Counter[str]] = defaultdict(Counter)
    for day, state, count in DailyTally.objects.filter(day__gte=start, day__lt=localdate(now)).values_list(
        "day", "state", "count"
    ):
        days[day][state] += count
    last = max(days, default=None)
    first = last + timedelta(days=1) if last else start
    days |= ComplianceInterval.objects.by_day(first, now=now, before=days[last] if last else None)
    points: list[Point] = []
    for day in sorted(days):
        counts = days[day]
        if points or counts.total():
            points.append(Point(day, sum(counts[state] for state in PROTECTED), counts.total()))
    return tuple(points)
