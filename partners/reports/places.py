"""Paging by key: an order in segments, each of which an index holds, and a place in it as a word for an address."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.sql.compiler import SQLCompiler

__all__ = ["Place", "Segment", "neighbours"]

_BOUND: Final = 2**62  # what any column holds
_MOMENTS: Final = frozenset({"breaks_at", "seen__seen_at", "tried_at", "address__failing_since"})
_NUMBERS: Final = frozenset({"harm_rank", "pk", "seen__standing_id"})


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an order: the rows that *only* leaves, by *columns*, of which the last one is unique."""

    only: Q
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands. number: how many rows there were up to it, itself counted, when its page was made.

    values: of the columns of its segment.
    """

    number: int
    segment: int
    values: tuple[str | int | datetime, ...]

    @property
    def word(self) -> str:
        """The place as an address carries it."""
        plain = [one.isoformat() if isinstance(one, datetime) else one for one in self.values]
        text = json.dumps([self.number, self.segment, *plain])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, word: str, segments: Sequence[Segment]) -> "Place | None":
        """Return the place that *word* says, None where it is none of ours."""
        try:
            raw = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            number, index, *values = raw if isinstance(raw, list) else []
            if not 0 <= _number(index) < len(segments):
                return None
            columns = segments[index].columns
            return cls(_number(number), index, tuple(_value(*one) for one in zip(columns, values, strict=True)))
        except (ValueError, TypeError):
            return None


def neighbours(
    found: QuerySet[Any, dict[str, Any]],
    segments: Sequence[Segment],
    place: Place | None,
    *,
    count: int,
    backwards: bool,
) -> list[tuple[int, dict[str, Any]]]:
    """Return up to *count* rows of *found* that come after *place* (before it: backwards), nearest first.

    Each with its segment. A segment costs a query, and is not asked once there are enough.
    """
    rows: list[tuple[int, dict[str, Any]]] = []
    indexes = range(len(segments))
    for index in reversed(indexes) if backwards else indexes:
        if place and (index > place.segment if backwards else index < place.segment):
            continue
        part = found.filter(segments[index].only)
        columns = segments[index].columns
        if place and index == place.segment:
            part = part.filter(_Beyond(columns, place.values, sign="<" if backwards else ">"))
        ordered = part.order_by(*(f"-{column}" if backwards else column for column in columns))
        rows += [(index, row) for row in ordered[: count - len(rows)]]
        if len(rows) >= count:
            break
    return rows


class _Beyond(Func):
    """Compare rows as a whole, which an index over the same columns answers; ORs of single columns it does not."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, columns: Sequence[str], values: Sequence[object], *, sign: str) -> None:
        super().__init__(*map(F, columns), *map(Value, values))
        self.sign = sign

    def as_sql(self, compiler: SQLCompiler, connection: Any, **_context: Any) -> tuple[str, list[Any]]:  # type: ignore[override]  # noqa: ARG002  Django's signature
        """Return `(column, ...) > (value, ...)`."""
        parts = [compiler.compile(one) for one in self.source_expressions]
        half = len(parts) // 2
        columns, values = (", ".join(sql for sql, _given in side) for side in (parts[:half], parts[half:]))
        return f"({columns}) {self.sign} ({values})", [one for _sql, given in parts for one in given]


def _number(raw: Any) -> int:
    """Return *raw* as a number that a column may hold, else raise ValueError."""
    if type(raw) is not int or abs(raw) > _BOUND:
        raise ValueError(raw)
    return raw


def _value(column: str, raw: Any) -> str | int | datetime:
    """Return *raw* as the type of *column*; ValueError for what no key of ours holds."""
    if column in _NUMBERS:
        return _number(raw)
    if not isinstance(raw, str) or "\0" in raw:
        raise ValueError(raw)
    if column not in _MOMENTS:
        return raw
    moment = datetime.fromisoformat(raw)
    if moment.tzinfo is None:
        raise ValueError(raw)
    return moment
