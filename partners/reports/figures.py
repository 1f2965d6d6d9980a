"""All that pages count over the whole estate, counted once: the one definition of each figure, kept or not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Max
from django.utils.timezone import localtime

from partners.models import Channel
from partners.reports.agreements import PROTECTED, Tally, tally, unjudged
from partners.reports.calendar import week_counts
from partners.reports.certificates import view_counts
from partners.reports.forecast import Ending, Forecast, endings, first_kept, kept_channels, with_names
from partners.reports.kept import Kept
from partners.reports.today_agreements import ROWS, SOON, Counts, counts, first_open, first_violated

__all__ = [
    "WINDOWS",
    "Ends",
    "Standing",
    "all_endings",
    "counted_tally",
    "ends_ahead",
    "estate_figures",
    "standing",
]

WINDOWS: Final = (14, 30, 90)
_AT_ONCE: Final = 5000  # channels


@dataclass(frozen=True, slots=True)
class Ends:
    """What ends within each of WINDOWS. kept: of how many agreements that are protected now.

    by_day: for the days of SOON, how many ends have a successor and how many have none. first: those without.
    channels: of which something ends by a day, as what a query takes.
    """

    under_way: Mapping[int, int]
    breaks: Mapping[int, int]
    kept: Mapping[int, int]
    by_day: Mapping[date, tuple[int, int]]
    first: tuple[Forecast, ...]
    channels: Callable[[datetime], Any]

    def total(self, days: int) -> int:
        """Return of how many agreements something ends within *days*."""
        return self.under_way[days] + self.breaks[days]


@dataclass(frozen=True, slots=True)
class Standing:
    """The groups of Today, counted. open: of a large estate, the channels to be shown; None: whichever are found."""

    counts: Counts
    open: tuple[int, ...] | None


def ends_ahead(kept: Kept | None, *, now: datetime, days: int = max(WINDOWS), is_named: bool = False) -> Ends:
    """Return what ends within *days* at most; three queries, of a large estate none; one more is_named: the first."""
    if kept is None:
        return _ends(endings(now=now, until=now + timedelta(days=days)), now=now, days=days, is_named=is_named)
    told = kept.figures["ends"]
    under_way, breaks, protected = (
        {int(days): count for days, count in told[name].items()} for name in ("under_way", "breaks", "kept")
    )
    by_day = {date.fromisoformat(day): (known, missing) for day, (known, missing) in told["by_day"].items()}
    first = first_kept(now=now, until=now + SOON, count=ROWS) if is_named else ()
    return Ends(under_way, breaks, protected, by_day, first, lambda until: kept_channels(now=now, until=until))


def standing(kept: Kept | None, *, now: datetime) -> Standing:
    """Return the groups of Today; one query. Whose mail stops is asked anew, whatever was counted when."""
    if kept is None:
        return Standing(counts(now=now), None)
    told = kept.figures["today"]
    shown = {*first_violated(), *(channel for channels in told["open"].values() for channel in channels)}
    return Standing(Counts(told["states"], told["groups"], told["bounced"]), tuple(sorted(shown)))


def all_endings(*, now: datetime) -> Iterator[tuple[range, tuple[Ending, ...]]]:
    """Yield what ends ahead, some thousand channels at a time, with the keys that were looked through."""
    last = Channel.objects.aggregate(last=Max("pk"))["last"] or 0
    until = now + timedelta(days=max(WINDOWS))
    for begin in range(0, last + 1, _AT_ONCE):
        some = range(begin, begin + _AT_ONCE)
        yield some, endings(now=now, until=until, channels=some)


def estate_figures(ends: Sequence[Ending], *, now: datetime) -> tuple[int, dict[str, Any]]:
    """Return how many agreements there are, and all figures as JSON. ends: as all_endings() yields them, joined."""
    counted, grouped = tally(), counts(now=now)
    told = _ends(ends, now=now, days=max(WINDOWS))
    open_now = {"open": first_open(now=now)}
    figures = {
        "tally": counted.as_json(),
        "today": {"states": grouped.states, "groups": grouped.groups, "bounced": grouped.bounced, **open_now},
        "unjudged": unjudged(),
        "ends": {
            "under_way": told.under_way,
            "breaks": told.breaks,
            "kept": told.kept,
            "by_day": {day.isoformat(): numbers for day, numbers in told.by_day.items()},
        },
        "certificates": view_counts(now=now),
        "weeks": {week.isoformat(): count for week, count in week_counts(now=now).items()},
    }
    return counted.total, figures


def counted_tally(kept: Kept | None) -> Tally:
    """Return all agreements, counted; no query of a large estate, else one."""
    return Tally.of_json(kept.figures["tally"]) if kept else tally()


def _ends(rows: Sequence[Ending], *, now: datetime, days: int, is_named: bool = False) -> Ends:
    """Count *rows* by window and day; whether one is under way depends on the day that is asked about."""
    windows = [one for one in WINDOWS if one <= days]
    under_way, breaks, kept = (dict.fromkeys(windows, 0) for _ in range(3))
    by_day: dict[date, tuple[int, int]] = {}
    first: list[Forecast] = []
    for row in rows:
        for window in windows:
            told = row.until(now + timedelta(days=window))
            if row.at > now + timedelta(days=window):
                continue
            kept[window] += row.state in PROTECTED
            (under_way if told.under_way else breaks)[window] += 1
            if window == SOON.days:
                day = localtime(row.at).date()
                known, missing = by_day.get(day, (0, 0))
                by_day[day] = (known + told.under_way, missing + (not told.under_way))
                first += [told] if not told.under_way and len(first) < ROWS else []
    named = with_names(first) if is_named else ()
    return Ends(under_way, breaks, kept, by_day, named, lambda until: [row.channel for row in rows if row.at <= until])
