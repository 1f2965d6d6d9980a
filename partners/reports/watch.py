"""The watch on the watch: computed where it is read, so that a worker that is dead cannot hide it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from django.conf import settings
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from partners.core.vantage import HERE
from partners.models import Cycle, RelayGroup, VantageToken

__all__ = ["CYCLES", "WatchState", "watch_banner", "watch_state"]

CYCLES: Final = ("probe", "alerts")  # a dead worker of either queue is an alarm
_BANNER_SECONDS: Final = 20.0
_begun_at = timezone.now()  # a portal that was just started is given the time of one cycle
_kept: dict[str, tuple[float, "WatchState"]] = {}


@dataclass(frozen=True, slots=True)
class WatchState:
    """late: the cycles that did not come to an end for too long. ended_at: when each did last, None for never.

    A vantage by which a relay group is judged counts like a cycle: its probe has to ask for work.
    """

    late: tuple[str, ...]
    ended_at: dict[str, datetime | None]
    minutes: int

    @property
    def is_blind(self) -> bool:
        """Whether servers are looked at no more, from here or from a vantage."""
        return any(name != "alerts" for name in self.late)

    @property
    def last_at(self) -> datetime | None:
        """When the first of those that are late came to its end last."""
        return min((at for name in self.late if (at := self.ended_at[name])), default=None)


def watch_state() -> WatchState:
    """Return which cycles are late, by the clock of the database, in two queries; none if nobody is to watch."""
    minutes = int(settings.CYCLE_LATE_MINUTES)
    if not minutes:
        return WatchState((), dict.fromkeys(CYCLES), 0)
    rows = {row.name: row for row in Cycle.objects.filter(name__in=CYCLES).annotate(moment=Now())}
    limit, running = timedelta(minutes=minutes), timezone.now() - _begun_at
    late = [
        name
        for name in CYCLES
        if running > limit and (name not in rows or rows[name].moment - rows[name].finished_at > limit)
    ]
    ended = {name: rows[name].finished_at if name in rows else None for name in CYCLES}
    asked = _vantages_asked()
    now = timezone.now()
    late += [name for name, at in asked.items() if running > limit and (at is None or now - at > limit)]
    return WatchState(tuple(late), {**ended, **asked}, minutes)


def _vantages_asked() -> dict[str, datetime | None]:
    """Return when the probe of each vantage asked for work last, by the name it has among the cycles."""
    needed = sorted(set(RelayGroup.objects.exclude(vantage=HERE).values_list("vantage", flat=True)))
    tokens = VantageToken.objects.filter(vantage__in=needed, revoked_at__isnull=True).order_by()
    asked = dict(tokens.values_list("vantage").annotate(Max("used_at"))) if needed else {}
    return {f"vantage {name}": asked.get(name) for name in needed}


def watch_banner() -> WatchState | None:
    """Return the state if somebody must be told on every page; read anew every few seconds a process."""
    if not settings.CYCLE_LATE_MINUTES:
        return None
    read_at, state = _kept.get("state", (0.0, None))
    if state is None or monotonic() - read_at > _BANNER_SECONDS:
        state = watch_state()
        _kept["state"] = monotonic(), state
    return state if state.late else None
