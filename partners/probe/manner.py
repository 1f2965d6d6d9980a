"""How one relay behaves in a session, where that is another way than the probe's own: its patience, how much of a reply
it reads, and its client certificates. What it asks of the peer's TLS is the profile.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from partners.probe.limits import Limits
from partners.probe.reply import LINE_LIMIT

__all__ = ["USUAL", "Manner"]


@dataclass(frozen=True, slots=True)
class Manner:
    """connect, helo, starttls: seconds, 0 for the probe's own; smtp(8) gives helo and starttls to each read anew.

    line_limit: postconf(5) line_length_limit. certificates: paths of certificate and key.
    """

    connect: int = 0
    helo: int = 0
    starttls: int = 0
    line_limit: int = LINE_LIMIT
    certificates: tuple[tuple[str, str], ...] = ()

    def limited(self, limits: Limits) -> Limits:
        """Return *limits* where none is above the relay's patience; no session becomes longer than the probe's."""
        if self == USUAL:
            return limits
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
