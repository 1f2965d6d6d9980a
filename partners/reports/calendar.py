"""What ends in which week of the next twelve months."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import Count
from django.db.models.functions import TruncWeek
from django.utils.formats import date_format
from django.utils.translation import ngettext

from partners.reports.certificates import in_use
from partners.reports.kept import Kept

__all__ = ["Month", "Week", "expiry_calendar", "months_of", "week_counts"]

WEEKS: Final = 53
_COLUMNS: Final = 5
_HEATS: Final = ((5, "heat3"), (2, "heat2"), (1, "heat1"))  # so many or more


@dataclass(frozen=True, slots=True)
class Week:
    """One week, by its Monday. heat: a class of the calendar; text: for whoever does not see the place in the table."""

    monday: date
    count: int
    heat: str
    url: str
    text: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Month:
    """The weeks that begin in one month; None fills the row where there is none."""

    label: str
    weeks: tuple[Week | None, ...]


def expiry_calendar(link: Callable[[date], str], kept: Kept | None, *, now: datetime) -> tuple[Month, ...]:
    """Return the weeks from this one on with how many certificates in use end in each, in one query at most."""
    if kept is None:
        return months_of(week_counts(now=now), _monday(now), link)
    counts = {date.fromisoformat(week): count for week, count in kept.figures["weeks"].items()}
    return months_of(counts, _monday(now), link)


def week_counts(*, now: datetime) -> dict[date, int]:
    """Return how many certificates in use end in each week of the calendar, by its Monday."""
    first = _monday(now)
    begin = datetime.combine(first, datetime.min.time(), tzinfo=UTC)
    ends = in_use().filter(not_after__gte=begin, not_after__lt=begin + timedelta(weeks=WEEKS))
    counted = ends.annotate(week=TruncWeek("not_after", tzinfo=UTC)).values("week").annotate(n=Count("pk")).order_by()
    return {row["week"].date(): row["n"] for row in counted}


def months_of(counts: Mapping[date, int], first: date, link: Callable[[date], str]) -> tuple[Month, ...]:
    """Return WEEKS weeks from the Monday *first* on, by the month in which each begins."""
    rows: dict[tuple[int, int], list[Week]] = {}
    for step in range(WEEKS):
        monday = first + timedelta(weeks=step)
        count = counts.get(monday, 0)
        heat = next((name for least, name in _HEATS if count >= least), "")
        text = ngettext("%(n)s ends in the week of %(day)s", "%(n)s end in the week of %(day)s", count) % {
            "n": count,
            "day": date_format(monday, "j M Y"),
        }
        week = Week(monday, count, heat, link(monday), text, is_current=step == 0)
        rows.setdefault((monday.year, monday.month), []).append(week)
    return tuple(
        Month(date_format(date(year, month, 1), "M Y"), _filled(weeks)) for (year, month), weeks in rows.items()
    )


def _filled(weeks: list[Week]) -> tuple[Week | None, ...]:
    """Return *weeks* in the columns of their month: the first Monday of a month is in the first column."""
    columns: list[Week | None] = [None] * _COLUMNS
    for week in weeks:
        columns[(week.monday.day - 1) // 7] = week
    return tuple(columns)


def _monday(now: datetime) -> date:
    day = now.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())
