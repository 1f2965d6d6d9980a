"""When a nexthop is to be looked up again, and when an address is to be spoken to again. Jitter is passed in.

A row that answers comes round once an interval. One that does not answer waits as long again as it has been failing, so
that a partner in trouble is spoken to less and less, between two bounds. Near the end of a certificate it comes sooner.
"""

from datetime import datetime, timedelta

__all__ = [
    "CRASHES_MAX",
    "INTERVAL",
    "NEAR_END",
    "NEAR_END_INTERVAL",
    "RETRY_LONGEST",
    "RETRY_SHORTEST",
    "next_look",
    "next_try",
    "retry_wait",
]

INTERVAL = timedelta(hours=1)
SPREAD = 0.1  # of the wait, to either side
NEAR_END = timedelta(days=2)  # a certificate that ends so soon is about to be renewed
NEAR_END_INTERVAL = timedelta(minutes=15)
AFTER_END = timedelta(seconds=30)  # the look that tells whether it was
RETRY_SHORTEST = timedelta(minutes=5)  # Postfix itself comes back after minimal_backoff_time, 300 s
RETRY_LONGEST = timedelta(hours=4)  # a queued message bounces after days, so a partner that came back is seen in time
CRASHES_MAX = 3


def next_look(now: datetime, *, jitter: float, not_after: datetime | None = None) -> datetime:
    """Return when a row that answered is due again.

    jitter: from 0.0 to 1.0. not_after: the earliest end of the leaf certificates seen there.
    """
    if not_after is None or not_after <= now:
        return now + _spread(INTERVAL, jitter)
    wait = INTERVAL if not_after - now > NEAR_END else NEAR_END_INTERVAL
    return min(now + _spread(wait, jitter), max(not_after + AFTER_END, now + RETRY_SHORTEST))


def next_try(now: datetime, *, failing_since: datetime, jitter: float) -> datetime:
    """Return when a row that did not answer is due again."""
    return now + _spread(retry_wait(now - failing_since), jitter)


def retry_wait(failing: timedelta) -> timedelta:
    """Return the wait after *failing* for so long: as long again, between the two bounds."""
    return min(max(failing, RETRY_SHORTEST), RETRY_LONGEST)


def _spread(wait: timedelta, jitter: float) -> timedelta:
    if not 0.0 <= jitter <= 1.0:
        raise ValueError(f"jitter {jitter} is not between 0 and 1")
    return wait * (1 - SPREAD + 2 * SPREAD * jitter)
