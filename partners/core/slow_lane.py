"""Which addresses are left to the slow lane, and how long it waits for them: as long as Postfix would.

The probe waits shorter than smtp(8), so that a dead server costs a cycle little. An address that timed out twice in a
row may be one that Postfix reaches all the same: from then on the slow lane alone speaks to it, with slots of its own
and the relays' patience, until it was quick several times in a row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from partners.core.observation import NotMeasuredCause

__all__ = [
    "HELD_LONGEST",
    "POSTFIX_PATIENCE",
    "QUICK",
    "QUICK_TO_LEAVE",
    "SLOW_SESSION",
    "TIMEOUTS",
    "TIMEOUTS_TO_ENTER",
    "Lane",
    "Patience",
    "next_lane",
    "patience_among",
]

TIMEOUTS_TO_ENTER: Final = 2  # in a row
QUICK_TO_LEAVE: Final = 3  # in a row: one that is slow now and then would be unknown each time it is
QUICK: Final = timedelta(seconds=15)  # a whole session; no wait of the fast lane is shorter, so none would have ended
SLOW_SESSION: Final = timedelta(minutes=15)  # in all: who uses up Postfix's patience at each step is no mail server
HELD_LONGEST: Final = timedelta(minutes=40)  # an address with two TLS profiles: one session after the other
TIMEOUTS: Final = frozenset({NotMeasuredCause.CONNECT_TIMEOUT.value, NotMeasuredCause.TIMEOUT.value})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long smtp(8) waits, in seconds; each read begins anew. Source: postconf(5), Postfix's own defaults."""

    connect: int = 30  # smtp_connect_timeout
    helo: int = 300  # smtp_helo_timeout: greeting and EHLO
    starttls: int = 300  # smtp_starttls_timeout: its reply and the handshake


POSTFIX_PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class Lane:
    """Where an address is looked at next. streak: looks in a row that speak for the other lane."""

    is_slow: bool = False
    streak: int = 0


def next_lane(lane: Lane, *, is_timed_out: bool, longest: timedelta | None) -> Lane:
    """Return the lane after a look. longest: of its sessions that gave a fact; None where none did.

    Whoever leaves the slow lane comes back after one time-out.
    """
    if not lane.is_slow:
        streak = lane.streak + 1 if is_timed_out else 0
        return Lane(is_slow=True) if streak >= TIMEOUTS_TO_ENTER else Lane(streak=streak)
    if is_timed_out or longest is None or longest >= QUICK:
        return Lane(is_slow=True)
    streak = lane.streak + 1
    return Lane(streak=TIMEOUTS_TO_ENTER - 1) if streak >= QUICK_TO_LEAVE else Lane(is_slow=True, streak=streak)


def patience_among(relays: Iterable[Patience]) -> Patience:
    """Return the patience of the most patient of *relays* at each step, Postfix's own where there is none.

    A time-out of 0 disables the limit of the connect alone, which the kernel ends; all are bounded by SLOW_SESSION.
    """
    known = list(relays) or [POSTFIX_PATIENCE]
    bound = int(SLOW_SESSION.total_seconds())
    return Patience(
        *(min(max(getattr(one, name) or bound for one in known), bound) for name in ("connect", "helo", "starttls"))
    )
