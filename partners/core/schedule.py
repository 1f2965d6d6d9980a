"""When a nexthop is to be looked up again, and when an address is to be spoken to again. Jitter is passed in.

A row that answers comes round once an interval. One that does not answer waits as long again as it has been failing, so
that a partner in trouble is spoken to less and less, between two bounds. Near the end of a certificate, after something
moved, and while a new key is announced it comes sooner.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

__all__ = [
    "CRASHES_MAX",
    "INTERVAL",
    "NEAR_END",
    "PROBE_MINUTES",
    "PROBE_MINUTES_LEAST",
    "PROBE_MINUTES_MOST",
    "RETRY_LONGEST",
    "RETRY_SHORTEST",
    "SOON_INTERVAL",
    "Quiet",
    "next_look",
    "next_try",
    "provider_of",
    "quiet_until",
    "retry_wait",
]

PROBE_MINUTES, PROBE_MINUTES_LEAST, PROBE_MINUTES_MOST = 60, 5, 1440  # between two looks at a partner's servers
INTERVAL = timedelta(minutes=PROBE_MINUTES)
SPREAD = 0.1  # of the wait, to either side
NEAR_END = timedelta(days=2)  # a certificate that ends so soon is about to be renewed
SOON_INTERVAL = timedelta(minutes=15)  # then, after something moved, and while a new key is announced
AFTER_END = timedelta(seconds=30)  # the look that tells whether it was
RETRY_SHORTEST = timedelta(minutes=5)  # Postfix itself comes back after minimal_backoff_time, 300 s
RETRY_LONGEST = timedelta(hours=4)  # a queued message bounces after days, so a partner that came back is seen in time
CRASHES_MAX = 3
_DAY = timedelta(days=1)
_SHORT_LABEL = 3  # "co" of co.uk, "com" of com.br: such a name is nobody's own


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of each day in which nobody connects, [since, until) in *zone*; they may go over midnight."""

    since: time
    until: time
    zone: tzinfo


def next_look(
    now: datetime,
    *,
    jitter: float,
    not_after: datetime | None = None,
    interval: timedelta = INTERVAL,
    is_soon: bool = False,
) -> datetime:
    """Return when a row that answered is due again.

    jitter: from 0.0 to 1.0. not_after: the earliest end of the leaf certificates seen there. interval: as the partner
    has it. is_soon: something moved, or is announced to move.
    """
    soon = min(interval, SOON_INTERVAL)
    if not_after is None or not_after <= now:
        return now + _spread(soon if is_soon else interval, jitter)
    is_near = not_after - now <= NEAR_END
    wait = soon if is_soon or is_near else interval
    return min(now + _spread(wait, jitter), max(not_after + AFTER_END, now + RETRY_SHORTEST))


def next_try(now: datetime, *, failing_since: datetime, jitter: float) -> datetime:
    """Return when a row that did not answer is due again."""
    return now + _spread(retry_wait(now - failing_since), jitter)


def retry_wait(failing: timedelta) -> timedelta:
    """Return the wait after *failing* for so long: as long again, between the two bounds."""
    return min(max(failing, RETRY_SHORTEST), RETRY_LONGEST)


def quiet_until(now: datetime, hours: Iterable[Quiet | None]) -> datetime | None:
    """Return when the first of *hours* ends, None where one of them is over, never was, or none is given.

    Several partners may be behind one address: it is spoken to as soon as one of them allows it.
    """
    ends = [None if quiet is None else _end_of(quiet, now) for quiet in hours]
    return min((end for end in ends if end is not None), default=None) if None not in ends else None


def provider_of(mx_host: str) -> str:
    """Return the base domain of *mx_host*: its last two labels, three below names like co.uk.

    It only groups what is spoken to at one pace: two companies below one unusual suffix wait for each other a little.
    """
    labels = mx_host.strip(".").lower().split(".")
    size = len(labels)
    is_suffix = size > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _SHORT_LABEL
    return ".".join(labels[-3:] if is_suffix else labels[-2:])


def _end_of(quiet: Quiet, now: datetime) -> datetime | None:
    """Return when *quiet* ends if *now* lies in it."""
    local = now.astimezone(quiet.zone)
    if quiet.since == quiet.until:
        return None
    for day in (local.date() - _DAY, local.date()):
        begins = datetime.combine(day, quiet.since, quiet.zone)
        ends = datetime.combine(day if quiet.since < quiet.until else day + _DAY, quiet.until, quiet.zone)
        if begins <= local < ends:
            return ends.astimezone(now.tzinfo)
    return None


def _spread(wait: timedelta, jitter: float) -> timedelta:
    if not 0.0 <= jitter <= 1.0:
        raise ValueError(f"jitter {jitter} is not between 0 and 1")
    return wait * (1 - SPREAD + 2 * SPREAD * jitter)
