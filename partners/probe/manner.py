"""How one relay behaves in a session, where that is another way than the probe's own: its patience, how much of a reply
it reads, and its client certificates. What it asks of the peer's TLS is the profile.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from partners.core.slow_lane import SLOW_SESSION, Patience
from partners.probe.limits import Limits
from partners.probe.reply import LINE_LIMIT

__all__ = ["USUAL", "Manner", "manner_of_lane"]


@dataclass(frozen=True, slots=True)
class Manner:
    """connect, helo, starttls: seconds, 0 for the probe's own; smtp(8) gives helo and starttls to each read anew.

    line_limit: postconf(5) line_length_limit. certificates: paths of certificate and key. is_patient: wait that long,
    also where the probe would not; the slow lane does.
    """

    connect: int = 0
    helo: int = 0
    starttls: int = 0
    line_limit: int = LINE_LIMIT
    certificates: tuple[tuple[str, str], ...] = ()
    is_patient: bool = False

    def limited(self, limits: Limits) -> Limits:
        """Return *limits* where none is above the relay's patience; no session becomes longer than the probe's.

        Of one that is patient, each wait is the relay's own, and the session is bounded by SLOW_SESSION.
        """
        if self == USUAL:
            return limits
        if self.is_patient:
            connect, helo, starttls = (timedelta(seconds=one) for one in (self.connect, self.helo, self.starttls))
            return replace(
                limits,
                connect=connect,
                greeting=helo,
                reply=helo,
                starttls=starttls,
                handshake=starttls,
                session=SLOW_SESSION,
            )
        return replace(
            limits,
            connect=_least(limits.connect, self.connect),
            greeting=_least(limits.greeting, self.helo),
            reply=_least(limits.reply, self.helo),
            starttls=_least(limits.starttls, self.starttls),
            handshake=_least(limits.handshake, self.starttls),
        )


def _least(bound: timedelta, seconds: int) -> timedelta:
    return min(bound, timedelta(seconds=seconds)) if seconds else bound


USUAL = Manner()


def manner_of_lane(patience: Patience, *, is_slow: bool) -> Manner:
    """Return how relays with *patience* are stood for: in the slow lane they wait as long as they do.

    In the fast lane only what is shorter than the probe's own counts: the rest is not told apart from it.
    """
    if is_slow:
        return Manner(patience.connect, patience.helo, patience.starttls, is_patient=True)
    usual = Limits()

    def shorter(seconds: int, bound: timedelta) -> int:
        return seconds if seconds < bound.total_seconds() else 0

    return Manner(
        connect=shorter(patience.connect, usual.connect),
        helo=shorter(patience.helo, usual.greeting),
        starttls=shorter(patience.starttls, usual.starttls),
    )
