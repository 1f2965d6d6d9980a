"""How long Postfix keeps a message that it defers, and when the first of those that wait comes back to its sender."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

__all__ = ["TIME_UNITS", "first_bounce", "queue_lifetime", "seconds_of"]

_TIME = re.compile(r"([0-9]{1,10})([smhdw]?)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SECONDS_MAX: Final = 2**31 - 1  # an int of Postfix; it refuses what is longer
_LIFETIME: Final = "5d"  # postconf(5), maximal_queue_lifetime
TIME_UNITS: Final = {  # postconf(5): of a bare number
    "minimal_backoff_time": "s",
    "maximal_queue_lifetime": "d",
    "smtp_connect_timeout": "s",
    "smtp_helo_timeout": "s",
    "smtp_starttls_timeout": "s",
}


def seconds_of(text: str, unit: str) -> int:
    """Return the seconds of a time as main.cf writes it ("5d", "300s"); ValueError for anything else.

    unit: the parameter's own (s, m, h, d, w), for a number that has none.
    """
    found = _TIME.fullmatch(text.strip())
    seconds = int(found[1]) * _SECONDS[found[2] or unit] if found else -1
    if not 0 <= seconds <= _SECONDS_MAX:
        raise ValueError(text)
    return seconds


def queue_lifetime(text: str) -> timedelta:
    """Return maximal_queue_lifetime as main.cf writes it, Postfix's own where *text* is empty."""
    return timedelta(seconds=seconds_of(text.strip() or _LIFETIME, TIME_UNITS["maximal_queue_lifetime"]))


def first_bounce(seen_at: datetime, lifetimes: Iterable[timedelta]) -> datetime:
    """Return by when the first message bounces, at the latest, if mail waits since before *seen_at*.

    seen_at: when it was first seen that mail would be deferred. It may wait longer than that, for the peer changed
    some time before: so it is never later than this, and may be sooner. lifetimes: one per relay group that defers.
    """
    return seen_at + min(lifetimes)
