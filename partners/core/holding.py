"""Until when a judgement holds: the moments at which time alone may change it, without any new fact.

A certificate begins or ceases to count, its end comes near enough to be told, or what is not known has been so for too
long. What else changes a judgement (a fact, a release, a setting, a decision) has whoever wrote it say so.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from partners.core.alarms import UNKNOWN_LONG, End, warning_time
from partners.core.compliance import Compliance, State
from partners.core.observation import NexthopFacts

__all__ = ["holds_until", "tlsa_certificates", "turns_of_age", "turns_of_end"]

_FULL_CERTIFICATE = (0, 0)  # selector, matching type: RFC 6698 sections 2.1.2 and 2.1.3


def holds_until(moments: Iterable[datetime], now: datetime) -> datetime | None:
    """Return the first of *moments* that lies ahead, None where time changes nothing any more."""
    return min((moment for moment in moments if moment > now), default=None)


def turns_of_end(end: End, *, share: float) -> Iterator[datetime]:
    """Yield when *end* comes near enough to be told, and when it is over. share: of the lifetime."""
    yield end.at - warning_time(end.lifetime, share)
    yield end.at


def turns_of_age(state: Compliance) -> Iterator[datetime]:
    """Yield when *state* has been unknown for so long that it is told."""
    since = state.unknown_since or (state.since if state.state is State.UNKNOWN else None)
    if since is not None:
        yield since + UNKNOWN_LONG


def tlsa_certificates(facts: NexthopFacts) -> Iterator[bytes]:
    """Yield the certificates that TLSA records carry whole: their dates count as those of a chain do."""
    for host in facts.hosts:
        for lookup in host.tlsa:
            yield from (one.data for one in lookup.records if (one.selector, one.matching_type) == _FULL_CERTIFICATE)
