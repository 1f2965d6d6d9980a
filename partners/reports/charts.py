"""A line over days laid out for SVG: pure, so that a page, its print and a document draw the same."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.utils.formats import date_format as format_date
from django.utils.formats import number_format
from django.utils.timezone import localtime

from partners.reports.trend import Mark, Point

__all__ = ["Chart", "ChartMark", "GridLine", "Strip", "StripDay", "strip", "trend_chart"]

_LEFT: Final = 44
_RIGHT: Final = 64  # the last value stands there
_TOP: Final = 12
_FOOT: Final = 36  # marks and months
_STEPS: Final = (1, 2, 5, 10, 20, 25, 50)  # percent between two grid lines
_LINES_MAX: Final = 5
_COLUMN: Final = 19.2  # of the strip of days
_BLOCKS_MAX: Final = 4
_LETTER_APART: Final = 18  # letters that would cover each other share one place


@dataclass(frozen=True, slots=True)
class GridLine:
    """A line across, or a tick below, with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class ChartMark:
    """A release; letters of releases of the same days stand together."""

    x: float
    letter: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in its own units. line, area: SVG path data; end_y: of the last value; from_zero: from 0 on."""

    width: int
    height: int
    left: int
    right: int
    foot: int
    label_y: int
    line: str
    area: str
    end_x: float
    end_y: float
    end_label: str
    lowest: str
    lowest_day: str
    grid: tuple[GridLine, ...]
    ticks: tuple[GridLine, ...]
    marks: tuple[ChartMark, ...]
    from_zero: bool


@dataclass(frozen=True, slots=True)
class StripDay:
    """A day with a block for each certificate that ends. blocks: (state, y); more: those that found no place."""

    x: float
    text_x: float
    label: str
    blocks: tuple[tuple[str, int], ...]
    more: int


@dataclass(frozen=True, slots=True)
class Strip:
    """Two weeks of ends, in units of its own. words: the same as a sentence."""

    width: float
    days: tuple[StripDay, ...]
    words: str


def strip(ends: Mapping[date, tuple[int, int]], *, now: datetime, days: int) -> Strip:
    """Return a column per day from today; *ends* tells of a day how many have a successor, and how many have none."""
    first = localtime(now).date()
    columns, told = [], []
    for offset in range(days + 1):
        at = first + timedelta(days=offset)
        known, missing = ends.get(at, (0, 0))
        here = [True] * min(known, _BLOCKS_MAX) + [False] * min(missing, _BLOCKS_MAX)
        label = format_date(at, "j M" if at.day == 1 else "j") if offset % 2 == 0 else ""
        blocks = tuple(("ok" if is_known else "risk", 43 - 9 * row) for row, is_known in enumerate(here[:_BLOCKS_MAX]))
        x = 1 + _COLUMN * offset
        columns.append(StripDay(x, x + 8, label, blocks, max(known + missing - _BLOCKS_MAX, 0)))
        if here:
            told.append(f"{format_date(at, 'j F')} {known + missing}")
    return Strip(_COLUMN * (days + 1), tuple(columns), ", ".join(told))


def trend_chart(points: Sequence[Point], marks: Sequence[Mark], *, width: int = 680, height: int = 262) -> Chart | None:
    """Return the share of *points* as a chart; None of fewer than two days, which make no line."""
    if len(points) < 2:
        return None
    days = len(points) - 1
    right, foot = width - _RIGHT, height - _FOOT
    floor, step = _floor(min(point.share for point in points))

    def x_of(day: date) -> float:
        return round(_LEFT + (right - _LEFT) * (day - points[0].day).days / days, 1)

    def y_of(share: float) -> float:
        return round(foot - (foot - _TOP) * (share - floor) / (100 - floor), 1)

    line = "M" + " L".join(f"{x_of(point.day)} {y_of(point.share)}" for point in points)
    lowest = min(points, key=lambda point: point.share)
    return Chart(
        width=width,
        height=height,
        left=_LEFT,
        right=right,
        foot=foot,
        label_y=height - 4,
        line=line,
        area=f"{line} L{right} {foot} L{_LEFT} {foot} Z",
        end_x=x_of(points[-1].day),
        end_y=y_of(points[-1].share),
        end_label=_percent(points[-1].share),
        lowest=_percent(lowest.share),
        lowest_day=format_date(lowest.day, "j F"),
        grid=tuple(GridLine(y_of(share), _percent(share)) for share in range(floor, 101, step)),
        ticks=_ticks(points, x_of, right=right),
        marks=_marks([(x_of(max(mark.published_at.date(), points[0].day)), mark.letter) for mark in marks]),
        from_zero=floor == 0,
    )


def _floor(lowest: float) -> tuple[int, int]:
    """Return where the axis begins and its step, so that at most six lines reach 100."""
    for step in _STEPS:
        floor = 100 - step * math.ceil((100 - lowest) / step)
        if (100 - floor) / step <= _LINES_MAX:
            return min(max(floor, 0), 100 - step), step
    return 0, _STEPS[-1]


def _ticks(points: Sequence[Point], x_of: Callable[[date], float], *, right: int) -> tuple[GridLine, ...]:
    """Return the first day, and the first of each month that stands clear of it and of the end."""
    first = points[0].day
    ticks = [GridLine(x_of(first), format_date(first, "j M"))]
    months = [point.day for point in points[1:] if point.day.day == 1]
    clear = [day for day in months if x_of(day) - ticks[0].at > 48 and right - x_of(day) > 14]
    return (*ticks, *(GridLine(x_of(day), format_date(day, "M")) for day in clear))


def _marks(placed: Sequence[tuple[float, str]]) -> tuple[ChartMark, ...]:
    """Return a mark per place; the letters of those that would cover each other stand together."""
    marks: list[ChartMark] = []
    for x, letter in placed:
        if marks and x - marks[-1].x < _LETTER_APART:
            first = marks[-1].letter.split("-")[0]
            marks[-1] = ChartMark(marks[-1].x, f"{first}-{letter}")
        else:
            marks.append(ChartMark(x, letter))
    return tuple(marks)


def _percent(share: float) -> str:
    return f"{number_format(f'{share:g}')}\u202f%"
