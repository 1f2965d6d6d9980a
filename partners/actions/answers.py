"""What the DNS said becomes rows: observations kept once, sightings that say since when, endpoints to be spoken to.

Many answers are written in one short transaction that first checks their leases; what a worker without the current
token reports is dropped, for another worker has the row by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction

from partners.actions.endpoints import Tying, tie_nexthops, tying_of
from partners.actions.holding import judge_seen_again
from partners.actions.inforce import maps_in_force
from partners.actions.judging import judge_nexthops
from partners.actions.leases import NexthopClaim
from partners.actions.observations import keep_observations
from partners.actions.pace import Pace, dice, pace_of_nexthops
from partners.actions.rows import update_rows
from partners.actions.second_looks import second_looks_of, with_announced
from partners.core.facts_json import facts_key
from partners.core.observation import LookupStatus, NexthopFacts
from partners.core.schedule import next_look, next_try
from partners.models import DnsSighting, Nexthop

__all__ = ["Answer", "record_answers", "record_dns"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one lookup gave, under the claim on its nexthop."""

    claim: NexthopClaim
    facts: NexthopFacts


@dataclass(slots=True)
class _Noted:
    """What one answer changes: the row of its facts, the sighting that is current after it, and what it is tied to."""

    answer: Answer
    observation: int
    tying: Tying
    sighting: DnsSighting | None = None
    is_first: bool = False
    is_new: bool = False


def record_dns(claim: NexthopClaim, facts: NexthopFacts, *, now: datetime) -> bool:
    """Record one answer; False without the lease."""
    return bool(record_answers([Answer(claim, facts)], now=now))


def record_answers(batch: Sequence[Answer], *, now: datetime) -> int:
    """Keep what the DNS said, make endpoints of the addresses, judge what moved; return how many answers were kept.

    Where a lookup failed, the endpoints known before stay: a resolver in trouble moves nobody's mail. The answer of the
    last round, with the same endpoints, moves nothing and is not judged again.
    """
    noted = _prepared(batch)
    paces = pace_of_nexthops(noted)
    with transaction.atomic():
        rows = Nexthop.objects.select_for_update(no_key=True).filter(pk__in=noted).order_by("pk")
        held = {row.pk: row for row in rows if row.lease_token == noted[row.pk].answer.claim.token}
        kept = {pk: noted[pk] for pk in held}
        _note(kept)
        moved = tie_nexthops([one.tying for one in kept.values()], now=now)
        to_judge = sorted(pk for pk, one in kept.items() if one.is_new or pk in moved)
        judge_seen_again(nexthops=to_judge, now=now)
        for pk, row in held.items():
            one = kept[pk]
            row.lease_token, row.lease_until, row.crashes, row.asked_by = "", None, 0, ""
            row.due_at = _next_due(one, paces.get(pk, Pace()), is_moved=pk in moved, now=now)
        update_rows(list(held.values()), ["lease_token", "lease_until", "crashes", "asked_by", "due_at"])
    for claim in (answer.claim for answer in batch if answer.claim.pk not in held):
        log.warning("probe.dropped", nexthop=claim.key, cause="lease lost")
    judge_nexthops(to_judge, now=now)
    return len(kept)


def _prepared(batch: Sequence[Answer]) -> dict[int, _Noted]:
    """Return by nexthop what its answer means, as far as it needs no lock."""
    nexthops = with_announced(Nexthop.objects.filter(pk__in=[one.claim.pk for one in batch]))
    rows = {row.pk: row for row in nexthops}
    present = [one for one in batch if one.claim.pk in rows]
    keys = {one.claim.pk: facts_key(one.facts) for one in present}
    seen = keep_observations({keys[one.claim.pk]: one.facts for one in present})
    maps = maps_in_force() if present else []
    second = second_looks_of(nexthops, maps)
    return {
        one.claim.pk: _Noted(
            one,
            seen[keys[one.claim.pk]],
            tying_of(
                rows[one.claim.pk],
                one.facts,
                maps,
                second,
                keep_others=_is_failed(one.facts),
                asked_at=one.claim.asked_at,
            ),
        )
        for one in present
    }


def _note(kept: dict[int, _Noted]) -> None:
    """Prolong the current sighting of each nexthop if it is of the same facts, else close it and begin a new one."""
    current = {one.nexthop_id: one for one in DnsSighting.objects.filter(nexthop__in=kept, current=True)}
    same, closed, new = [], [], []
    for pk, one in kept.items():
        before, at = current.get(pk), one.answer.facts.looked_up_at
        one.is_first = before is None
        if before is not None and before.observation_id == one.observation:
            before.last_seen, before.times = max(before.last_seen, at), before.times + 1
            same.append(before)
            one.sighting = before
            continue
        closed += [before.pk] if before is not None else []
        one.is_new = True
        one.sighting = DnsSighting(nexthop_id=pk, observation_id=one.observation, first_seen=at, last_seen=at)
        new.append(one.sighting)
    update_rows(same, ["last_seen", "times"])
    if closed:
        DnsSighting.objects.filter(pk__in=closed).update(current=False)
    if new:
        DnsSighting.objects.bulk_create(new)


def _next_due(one: _Noted, pace: Pace, *, is_moved: bool, now: datetime) -> datetime:
    """Return when the nexthop is looked up again: soon after it moved, or where a second look waits for the first, and
    less and less while lookups fail.
    """
    if _is_failed(one.answer.facts):
        since = now if one.sighting is None or one.is_new else one.sighting.first_seen
        return next_try(now, failing_since=since, jitter=dice.random())
    is_soon = pace.is_soon or (one.tying.is_unseen if one.is_first else one.is_new or is_moved)
    return next_look(now, jitter=dice.random(), interval=pace.interval, is_soon=is_soon)


def _is_failed(facts: NexthopFacts) -> bool:
    """Whether a lookup of ours failed, so that hosts or addresses may be missing."""
    return LookupStatus.FAILED in {facts.mx_status, *(host.status for host in facts.hosts)}
