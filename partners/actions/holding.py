"""When a nexthop is judged again without a new fact: at the first moment at which time may change what was judged, or
at once where something else did that no probe tells of.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from partners.actions.endings import ends_shown
from partners.actions.inforce import InForce
from partners.actions.stored import Stored
from partners.core.certificates import turning_points
from partners.core.compliance import Compliance
from partners.core.holding import holds_until, tlsa_certificates, turns_of_age, turns_of_end
from partners.core.observation import PeerFacts
from partners.models import Channel, VerdictRow

__all__ = ["judge_again", "judge_seen_again", "next_moment"]


def next_moment(
    channel: Channel,
    facts: Mapping[int, Stored],
    maps: Iterable[InForce],
    state: Compliance | None,
    *,
    share: float,
    now: datetime,
) -> datetime | None:
    """Return until when what was judged of *channel* holds, None where time changes nothing. share: of a lifetime."""
    moments: set[datetime] = set()
    for stored in facts.values():
        moments |= turning_points(_certificates(stored))
        for end in ends_shown(stored):
            moments.update(turns_of_end(end, share=share))
    for one in maps:
        moments |= one.map.turning_points
    if state is not None:
        moments.update(turns_of_age(state))
    if channel.lowered_until is not None:
        moments.add(channel.lowered_until)
    return holds_until(moments, now)


def judge_again(channels: Collection[int], *, now: datetime) -> None:
    """Let *channels* be judged at the next tick: a decision, an agreement or a setting of theirs changes.

    It comes first in the caller's transaction: whoever judges locks verdicts before pins, and sees what was changed, or
    comes before and leaves this mark alone.
    """
    _mark(VerdictRow.objects.filter(nexthop__channel__in=channels), now=now)


def judge_seen_again(*, nexthops: Collection[int] = (), endpoints: Collection[int] = (), now: datetime) -> None:
    """Let be judged what was just recorded, in its transaction: whoever recorded it may die before he judges it."""
    if nexthops:
        _mark(VerdictRow.objects.filter(nexthop__in=nexthops), now=now)
    if endpoints:
        _mark(VerdictRow.objects.filter(nexthop__endpoints__in=endpoints), now=now)


def _mark(rows: "QuerySet[VerdictRow]", *, now: datetime) -> None:
    """Mark *rows*, locked first in the order in which the judge takes them, so that no two wait for each other."""
    if connection.features.has_select_for_update:
        locked = rows.select_for_update(of=("self",)).order_by("nexthop_id", "group_id")
        rows = VerdictRow.objects.filter(pk__in=set(locked.values_list("pk", flat=True)))
    rows.update(holds_until=now)


def _certificates(stored: Stored) -> Iterator[bytes]:
    for peer in stored.peers:
        if isinstance(peer, PeerFacts) and peer.tls is not None:
            yield from peer.tls.chain
    if stored.dns is not None:
        yield from tlsa_certificates(stored.dns)
