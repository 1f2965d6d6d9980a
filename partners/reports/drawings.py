"""Numbers and texts laid out for the eye: shares, a ring, a time axis, fingerprints, a line of the map.

Pure: the finished rows go to the components of templates/cotton and to documents alike.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from django.utils.formats import date_format as format_date

AXIS_WIDTH: Final = 800
_ROW_HEIGHT: Final = 58
_FIRST_ROW: Final = 32
_LEAST_WIDTH: Final = 0.6  # percent; a single partner among thousands is still seen
_RING_GAP: Final = 0.8
_GROUPS_IN_ROW: Final = 8
_LETTER: Final = 6.1  # the mean width of a letter at 11.5 px; a guess is enough to keep clear of a line
_TONES: Final = {"A": "barA", "B": "barB"}


@dataclass(frozen=True, slots=True)
class Slice:
    """One share of a bar, in percent of its width."""

    state: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Arc:
    """One share of a ring whose circumference is 100."""

    state: str
    word: str
    count: int
    length: float
    rest: float
    offset: float
    url: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A validity to be drawn; tone: "A", "B" or a state; a span may begin or end outside the axis."""

    label: str
    note: str
    start: datetime
    end: datetime
    tone: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A span on the axis, in its units."""

    label: str
    note: str
    tone: str
    style: str
    x: float
    y: int
    width: float
    text_x: float
    text_y: int
    at_end: bool
    cut_x: float | None
    cut_y: int
    used: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The first of a month."""

    x: float
    text_x: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """One time axis with its bars; foot: where the hairlines end."""

    width: int
    height: int
    foot: int
    text_y: int
    now_x: float
    now_label: str
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One byte of a digest."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A digest in rows of 8 bytes; differing: how many of its bytes are not those it was compared with."""

    rows: tuple[tuple[Group, ...], ...]
    differing: int
    total: int

    @property
    def most_differ(self) -> bool:
        """Whether more than half of the groups differ: then they are marked quietly."""
        return self.differing * 2 > self.total


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a map line; a line break may follow each part.

    kind: k (key), l (level), a (grey), pa and pb (pins), or empty.
    """

    kind: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapLine:
    """A line of the map; joined, its pieces are the line byte for byte."""

    pieces: tuple[Piece, ...]


def share(counts: Sequence[tuple[str, int]]) -> tuple[Slice, ...]:
    """Return a slice for each (state, count) that is not zero, in the order given, together 100 wide."""
    present = [(state, count) for state, count in counts if count > 0]
    total = sum(count for _state, count in present)
    widths = [max(100 * count / total, _LEAST_WIDTH) for _state, count in present]
    scale = 100 / sum(widths) if widths else 0
    slices, x = [], 0.0
    for (state, count), width in zip(present, widths, strict=True):
        slices.append(Slice(state, count, round(x, 2), round(width * scale, 2)))
        x += width * scale
    return tuple(slices)


def donut(rows: Sequence[tuple[str, str, int, str]]) -> tuple[Arc, ...]:
    """Return an arc for each (state, word, count, url) that is not zero, clockwise from the top."""
    slices = share([(state, count) for state, _word, count, _url in rows])
    present = [row for row in rows if row[2] > 0]
    gap = _RING_GAP if len(slices) > 1 else 0.0
    arcs = []
    for one, (state, word, count, url) in zip(slices, present, strict=True):
        length = round(max(one.width - gap, 0.1), 2)
        arcs.append(Arc(state, word, count, length, round(100 - length, 2), round(25 - one.x, 2), url))
    return tuple(arcs)


def axis(spans: Sequence[Span], *, start: datetime, end: datetime, now: datetime, now_label: str) -> Axis:
    """Return the axis from *start* to *end* with one bar for each span."""
    if not start < end:
        raise ValueError(f"axis: its end {end:%Y-%m-%d} is not after its start {start:%Y-%m-%d}")

    def place(at: datetime) -> float:
        return round(AXIS_WIDTH * min(max((at - start) / (end - start), 0.0), 1.0), 1)

    foot = _FIRST_ROW + _ROW_HEIGHT * max(len(spans), 1) - 22
    bars = tuple(
        _bar(span, row, x=place(span.start), until=place(span.end), now_x=place(now), used=_used(span, now))
        for row, span in enumerate(spans)
    )
    ticks = _ticks(start, end)
    return Axis(
        width=AXIS_WIDTH,
        height=foot + 16,
        foot=foot,
        text_y=foot + 13,
        now_x=place(now),
        now_label=now_label,
        ticks=tuple(Tick(place(at), place(at) + 4, label) for at, label in ticks if place(at) < AXIS_WIDTH - 30),
        bars=bars,
    )


def fingerprint(digest: str, against: str = "") -> Fingerprint:
    """Return *digest* (hexadecimal, with or without colons) in rows, each byte compared with *against*, if given."""
    own, other = _bytes(digest), _bytes(against)
    groups = [
        Group(text, bool(other) and (index >= len(other) or text != other[index])) for index, text in enumerate(own)
    ]
    rows = tuple(tuple(groups[at : at + _GROUPS_IN_ROW]) for at in range(0, len(groups), _GROUPS_IN_ROW))
    return Fingerprint(rows, sum(group.differs for group in groups), len(groups))


def map_line(line: str, pins: Mapping[str, str] | None = None) -> MapLine:
    """Return *line* ("key TAB level name=value ...") in pieces; *pins* names digests "A" or "B"."""
    wanted = {"".join(_bytes(digest)): f"p{name.lower()}" for digest, name in (pins or {}).items()}
    match = re.fullmatch(r"(\S+)(\s+)(\S+)(.*)", line, re.DOTALL)
    if match is None:
        return MapLine((Piece("", (line,)),))
    key, space, level, rest = match.groups()
    pieces = [Piece("k", (key,)), Piece("", (space,)), Piece("l", (level,))]
    for gap, name, value in re.findall(r"(\s+)([^\s=]+=)?(\S*)", rest):
        pieces.append(Piece("a", (gap + name,)))
        pieces.extend(_value(value, wanted))
    return MapLine(tuple(piece for piece in pieces if any(piece.parts)))


def _value(value: str, wanted: Mapping[str, str]) -> list[Piece]:
    """Return the pieces of an attribute's value: digests between "|", names between ":"."""
    pieces: list[Piece] = []
    for part in re.split(r"(\|)", value):
        kind = "a" if part == "|" else wanted.get("".join(_bytes(part)), "")
        pieces.append(Piece(kind, tuple(re.findall(r"[^:]*:|[^:]+", part))))
    return pieces


def _bytes(digest: str) -> list[str]:
    """Return the bytes of a hexadecimal digest in upper case; whatever separates them does not count."""
    text = re.sub(r"[^0-9A-Fa-f]", "", digest).upper()
    return [text[at : at + 2] for at in range(0, len(text), 2)]


def _bar(span: Span, row: int, *, x: float, until: float, now_x: float, used: int) -> Bar:
    """Return the bar of *span* in the row *row*, from *x* to *until*; its label is clear of today's line."""
    text_y = _FIRST_ROW + _ROW_HEIGHT * row
    text_x, at_end = _label(x, until, now_x, width=_LETTER * (len(span.label) + len(span.note)) + 10)
    is_cut = until >= AXIS_WIDTH
    return Bar(
        label=span.label,
        note=span.note,
        tone={"A": "pinA", "B": "pinB"}.get(span.tone, span.tone),
        style=_TONES.get(span.tone, f"f-{span.tone}"),
        x=x,
        y=text_y + 7,
        width=round(max(until - x, 2.0), 1),
        text_x=text_x,
        text_y=text_y,
        at_end=at_end,
        cut_x=until - 9 if is_cut else None,
        cut_y=text_y + 6,
        used=used,
    )


def _label(x: float, until: float, now_x: float, *, width: float) -> tuple[float, bool]:
    """Return where a label of about *width* begins, or, if the second value is true, where it ends."""
    if x + width > AXIS_WIDTH:
        return min(until, AXIS_WIDTH), True
    if not x - 4 < now_x < x + width + 4:
        return x, False
    if now_x + 8 + width <= AXIS_WIDTH:
        return round(now_x + 8, 1), False
    return round(now_x - 8, 1), True


def _used(span: Span, now: datetime) -> int:
    """Return how much of *span* is over, in percent, rounded down."""
    whole = span.end - span.start
    if whole.total_seconds() <= 0:
        return 100
    return math.floor(100 * min(max((now - span.start) / whole, 0.0), 1.0))


def _ticks(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Return the first of each month within the axis; of more than 14 months, only each third and so on."""
    months = [
        datetime(start.year + (start.month + step) // 12, (start.month + step) % 12 + 1, 1, tzinfo=UTC)
        for step in range((end.year - start.year) * 12 + end.month - start.month)
    ]
    stride = next(step for step in (1, 3, 6, 12, 24, 60, 120, 1200) if len(months) <= 14 * step or step == 1200)
    shown = [month for month in months if (month.year * 12 + month.month - 1) % stride == 0]
    first_of_year = {month for before, month in pairwise(shown) if month.year != before.year}
    return [(month, format_date(month, "M Y" if month in first_of_year else "M")) for month in shown]
