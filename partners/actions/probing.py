"""What sessions gave becomes rows: observations kept once, sightings that say since when, and when to come again.

Many results are written in one short transaction that first checks the leases: what a worker without the current token
reports is dropped, for another worker has the row by now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from partners.actions.answers import Answer, record_answers, record_dns
from partners.actions.holding import judge_seen_again
from partners.actions.judging import judge_nexthops
from partners.actions.leases import AddressClaim, Target, set_aside, spoken_to
from partners.actions.observations import keep_sessions
from partners.actions.pace import Pace, dice, pace_of_addresses
from partners.actions.rows import update_rows
from partners.actions.standings import note_seen
from partners.core.certificates import clean_text
from partners.core.observation import NotMeasured, NotMeasuredCause, PeerFacts
from partners.core.schedule import CRASHES_MAX, next_look, next_try
from partners.core.slow_lane import TIMEOUTS, Lane, next_lane
from partners.core.vantage import seen_key
from partners.models import Address, Endpoint, Nexthop, Sighting

__all__ = ["Answer", "Result", "record_answers", "record_dns", "record_peers"]

_DETAIL_MAX = 512
# What fails a second look alone says nothing of the address, which is judged by the first.
_BESIDE = frozenset(NotMeasuredCause) - {NotMeasuredCause.TEMPORARY_REPLY, NotMeasuredCause.CRASHED}
_CLOSING = 421  # RFC 5321 section 3.8: the peer shuts the channel, whatever was asked

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What one session gave, under the claim on its address."""

    claim: AddressClaim
    target: Target
    facts: PeerFacts | NotMeasured


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen at one endpoint: the row of its facts, and when."""

    observation: int
    at: datetime


def record_peers(batch: Sequence[Result], *, now: datetime) -> int:
    """Keep a batch of results and judge the nexthops concerned; return how many were kept.

    A result that measured nothing only marks its endpoint. The last result of a claim ends its lease.
    """
    keys = {row.target.pk: seen_key(row.facts, row.claim.vantage) for row in batch if isinstance(row.facts, PeerFacts)}
    facts = {keys[row.target.pk]: row.facts for row in batch if isinstance(row.facts, PeerFacts)}
    seen, leaf_ends = keep_sessions(facts, now=now)
    paces = pace_of_addresses({row.claim.pk for row in batch})
    kept: list[Result] = []
    with transaction.atomic():
        # In one order, as tie_endpoints() takes them, so that no two wait for each other.
        rows = Address.objects.select_for_update(no_key=True).filter(pk__in={row.claim.pk for row in batch})
        held = {(row.pk, row.lease_token): row for row in rows.order_by("pk") if row.lease_token}
        kept = [row for row in batch if (row.claim.pk, row.claim.token) in held]
        _mark_endpoints(kept, leaf_ends)
        measured = [(row.target.pk, row.facts) for row in kept if isinstance(row.facts, PeerFacts)]
        moved = _note_peers({pk: _Seen(seen[keys[pk]], one.seen_at) for pk, one in measured})
        failed = {row.target.pk for row in kept if not isinstance(row.facts, PeerFacts)}
        judge_seen_again(endpoints=sorted(moved | failed), now=now)
        for row in kept:
            row.claim.is_moved |= row.target.pk in moved
        ended = {row.claim.pk: row.claim for row in kept if not row.claim.open}
        _end_leases([(held[pk, claim.token], claim) for pk, claim in ended.items()], paces, now=now)
    for row in batch:
        if (row.claim.pk, row.claim.token) not in held:
            log.warning("probe.dropped", address=row.claim.address, cause="lease lost")
    note_seen([row.target.pk for row in kept if isinstance(row.facts, PeerFacts)])
    concerned = Nexthop.objects.filter(endpoints__in=[row.target.pk for row in kept]).order_by()
    judge_nexthops(list(concerned.values_list("pk", flat=True).distinct()) if kept else [], now=now)
    return len(kept)


def _mark_endpoints(rows: Sequence[Result], leaf_ends: Mapping[bytes, datetime]) -> None:
    """Say on each endpoint when it was tried and what came of it, and on its claim what the next round is to know."""
    marked = []
    for row in rows:
        facts = row.facts
        row.claim.open.discard(row.target.pk)
        if isinstance(facts, PeerFacts):
            marked.append(Endpoint(pk=row.target.pk, tried_at=facts.seen_at))
            row.claim.longest = max(row.claim.longest or timedelta(0), timedelta(milliseconds=facts.duration_ms))
            chain = facts.tls.chain if facts.tls else ()
            row.claim.leaf_ends += [leaf_ends[chain[0]]] if chain and chain[0] in leaf_ends else []
            row.claim.failed |= {NotMeasuredCause.TEMPORARY_REPLY.value} if _asks_for_rest(facts) else set()
            continue
        if not (row.target.profile.leaf_key and facts.cause in _BESIDE):
            row.claim.failed.add(facts.cause.value)
        if facts.cause is not NotMeasuredCause.CANCELLED:
            detail = clean_text(facts.detail, _DETAIL_MAX)
            marked.append(
                Endpoint(
                    pk=row.target.pk,
                    tried_at=facts.tried_at,
                    not_measured=facts.cause.value,
                    not_measured_detail=detail,
                )
            )
    update_rows(marked, ["tried_at", "not_measured", "not_measured_detail"])


def _asks_for_rest(facts: PeerFacts) -> bool:
    """Whether the peer said that it is busy: any 4xx to the greeting or to EHLO, or 421 at all."""
    codes = (facts.greeting_code, facts.ehlo_code, facts.ehlo_tls_code)
    return any(400 <= (code or 0) <= 499 for code in codes) or facts.starttls_code == _CLOSING


def _note_peers(seen: Mapping[int, _Seen]) -> set[int]:
    """Prolong the current sighting of each endpoint if it is of the same facts, else close it and begin a new one.

    Return the endpoints at which something else was seen than before.
    """
    current = {one.endpoint_id: one for one in Sighting.objects.filter(endpoint__in=seen, current=True)} if seen else {}
    same = [one for one in current.values() if one.observation_id == seen[one.endpoint_id].observation]
    for one in same:
        one.last_seen, one.times = max(seen[one.endpoint_id].at, one.last_seen), one.times + 1
    update_rows(same, ["last_seen", "times"])
    new = seen.keys() - {one.endpoint_id for one in same}
    if closed := [one.pk for pk, one in current.items() if pk in new]:
        Sighting.objects.filter(pk__in=closed).update(current=False)
    if new:
        Sighting.objects.bulk_create(
            Sighting(endpoint_id=pk, observation_id=seen[pk].observation, first_seen=seen[pk].at, last_seen=seen[pk].at)
            for pk in sorted(new)
        )
    return new & current.keys()


def _end_leases(ended: Sequence[tuple[Address, AddressClaim]], paces: Mapping[int, Pace], *, now: datetime) -> None:
    """Say when each address is due again, and free it; a new endpoint that nobody tried yet makes it due at once."""
    if not ended:
        return
    pks = [address.pk for address, _claim in ended]
    untried = Endpoint.objects.filter(spoken_to(now), address__in=pks, tried_at__isnull=True)
    waiting = set(untried.values_list("address_id", flat=True))
    for address, claim in ended:
        pace = paces.get(address.pk, Pace())
        _set_due(address, claim, pace, is_untried=address.pk in waiting, now=now)
    names = ["lease_token", "lease_until", "crashes", "set_aside_at", "failing_since", "due_at", "backed_off_until"]
    update_rows([address for address, _claim in ended], [*names, "asked_at", "is_slow", "streak"])


def _set_due(address: Address, claim: AddressClaim, pace: Pace, *, is_untried: bool, now: datetime) -> None:
    """Set on *address*, unsaved, what follows from the results of *claim*."""
    failed = claim.failed - {NotMeasuredCause.NOT_ALLOWED.value}
    address.lease_token, address.lease_until = "", None
    address.crashes = address.crashes + 1 if NotMeasuredCause.CRASHED.value in failed else 0
    if address.crashes >= CRASHES_MAX:
        address.set_aside_at = now
        set_aside(address, now=now)
    if failed == {NotMeasuredCause.CANCELLED.value}:
        return
    lane = Lane(address.is_slow, address.streak)
    lane = next_lane(lane, is_timed_out=bool(failed & TIMEOUTS), longest=claim.longest)
    address.is_slow, address.streak = lane.is_slow, lane.streak
    address.asked_at = now if is_untried and address.asked_at else None
    if failed:
        address.failing_since = address.failing_since or now
        address.due_at = next_try(now, failing_since=address.failing_since, jitter=dice.random())
        if NotMeasuredCause.TEMPORARY_REPLY.value in failed:
            address.backed_off_until = address.due_at
        return
    address.failing_since = address.backed_off_until = None
    ends, is_soon = min(claim.leaf_ends, default=None), pace.is_soon or claim.is_moved
    address.due_at = next_look(now, jitter=dice.random(), not_after=ends, interval=pace.interval, is_soon=is_soon)
    address.due_at = now if is_untried else address.due_at
