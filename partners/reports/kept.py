"""The figures of a large estate, counted ahead by a task: a page reads one row where it would scan a million.

An estate of fewer than LARGE agreements is counted for each page anew, and so is any whose figures are too old to be
told as the state of now (the workers stand still).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from partners.models import KeptFigures

__all__ = ["ESTATE", "LARGE", "STALE", "Kept", "kept_figures"]

ESTATE: Final = "estate"
LARGE: Final = 2000
STALE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was counted, and when."""

    counted_at: datetime
    figures: dict[str, Any]


def kept_figures(*, now: datetime) -> Kept | None:
    """Return the figures of a large estate, None where the caller is to count for itself; one query."""
    row = KeptFigures.objects.filter(name=ESTATE, size__gte=LARGE, counted_at__gt=now - STALE).first()
    return Kept(row.counted_at, row.figures) if row else None
