"""What the probe saw becomes rows: observations kept once, sightings that say since when, endpoints for the next round.

All is written in short transactions that first check the lease: what a worker without the current token reports is
dropped, for another worker has the row by now.
"""

import hashlib
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import DateTimeField, F, Subquery, Value
from django.db.models.functions import Greatest

from partners.actions.chains import link_chains
from partners.actions.endpoints import places_of, tie_endpoints, tie_nexthop
from partners.actions.judging import judge_nexthops
from partners.actions.leases import AddressClaim, NexthopClaim, Target, set_aside, spoken_to
from partners.core.certificates import CertificateFacts, certificate_facts, clean_text, spki_of
from partners.core.errors import CertificateRefused
from partners.core.facts_json import facts_key, facts_to_json
from partners.core.observation import (
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    NotMeasuredCause,
    PeerFacts,
)
from partners.core.schedule import CRASHES_MAX, next_look, next_try
from partners.models import Address, Certificate, DnsSighting, Endpoint, Nexthop, Observation, Sighting

__all__ = ["Result", "keep_observation", "record_dns", "record_peers", "tie_endpoints"]

_TEXT_MAX = 300
_DETAIL_MAX = 512
_CLOSING = 421  # RFC 5321 section 3.8: the peer shuts the channel, whatever was asked

log = structlog.get_logger(__name__)
_dice = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Result:
    """What one session gave, under the claim on its address."""

    claim: AddressClaim
    target: Target
    facts: PeerFacts | NotMeasured


def record_dns(claim: NexthopClaim, facts: NexthopFacts, *, now: datetime) -> bool:
    """Keep what the DNS said of the nexthop, make endpoints of its addresses, judge it; False without the lease.

    Where a lookup failed, the endpoints known before stay: a resolver in trouble moves nobody's mail. The answer of the
    last round, with the same endpoints, moves nothing and is not judged again.
    """
    kept = Observation.objects.filter(facts_key=facts_key(facts)).values("pk")[:1]
    rows = Nexthop.objects.select_related("channel").annotate(seen=Subquery(kept))
    nexthop = rows.filter(pk=claim.pk).first()
    seen = nexthop.seen or next(iter(_observations([facts]).values())) if nexthop else 0
    places = places_of(nexthop, facts) if nexthop else {}
    failed = _is_failed(facts)
    due = (
        next_try(now, failing_since=_failing_since(claim.pk, seen, now), jitter=_dice.random())
        if failed
        else next_look(now, jitter=_dice.random())
    )
    with transaction.atomic():
        mine = Nexthop.objects.filter(pk=claim.pk, lease_token=claim.token)
        if nexthop is None or not mine.update(lease_token="", lease_until=None, crashes=0, asked_by="", due_at=due):
            log.warning("probe.dropped", nexthop=claim.key, cause="lease lost")
            return False
        is_new = _note_dns(claim.pk, seen, facts.looked_up_at)
        is_moved = tie_nexthop(nexthop, places, keep_others=failed, asked=claim.asked, now=now)
    if is_new or is_moved:
        judge_nexthops([claim.pk], now=now)
    return True


def record_peers(batch: Sequence[Result], *, now: datetime) -> int:
    """Keep a small batch of results and judge the nexthops concerned; return how many were kept.

    A result that measured nothing only marks its endpoint. The last result of a claim ends its lease.
    """
    seen = _observations([row.facts for row in batch if isinstance(row.facts, PeerFacts)])
    _keep_certificates({der for row in batch for der in _chain(row.facts)}, now=now)
    link_chains((seen[facts_key(row.facts)], _chain(row.facts)) for row in batch if isinstance(row.facts, PeerFacts))
    kept: list[Result] = []
    with transaction.atomic():
        # In one order, as tie_endpoints() takes them, so that no two wait for each other.
        locked = Address.objects.select_for_update().filter(pk__in={row.claim.pk for row in batch}).order_by("pk")
        held = {(address.pk, address.lease_token): address for address in locked if address.lease_token}
        for row in batch:
            if (row.claim.pk, row.claim.token) in held:
                kept.append(row)
            else:
                log.warning("probe.dropped", address=row.claim.address, cause="lease lost")
        _mark_endpoints(kept)
        measured = [(row.target.pk, row.facts) for row in kept if isinstance(row.facts, PeerFacts)]
        _note_peers({pk: (seen[facts_key(facts)], facts.seen_at) for pk, facts in measured})
        ended = {row.claim.pk: row.claim for row in kept if not row.claim.open}
        _end_leases([(held[pk, claim.token], claim) for pk, claim in ended.items()], now=now)
    concerned = Nexthop.objects.filter(endpoints__in=[row.target.pk for row in kept]).distinct()
    judge_nexthops(list(concerned.values_list("pk", flat=True)) if kept else [], now=now)
    return len(kept)


def keep_observation(facts: NexthopFacts | PeerFacts) -> Observation:
    """Return the row of *facts*, kept once."""
    return Observation.objects.get(pk=next(iter(_observations([facts]).values())))


def _observations(seen: Iterable[NexthopFacts | PeerFacts]) -> dict[str, int]:
    """Return the row of each of *seen* by its key, kept once.

    It never changes, so it needs no part in the transaction of a report.
    """
    facts = {facts_key(one): one for one in seen}
    rows = Observation.objects.filter(facts_key__in=facts)
    known = dict(rows.values_list("facts_key", "pk")) if facts else {}
    new = sorted(facts.keys() - known.keys())
    if new:
        Observation.objects.bulk_create(
            [Observation(facts_key=key, facts=facts_to_json(facts[key])) for key in new], ignore_conflicts=True
        )
        known |= dict(Observation.objects.filter(facts_key__in=new).values_list("facts_key", "pk"))
    return known


def _mark_endpoints(rows: Sequence[Result]) -> None:
    """Say on each endpoint when it was tried and what came of it, and on its claim what the next round is to know."""
    marked = []
    for row in rows:
        facts = row.facts
        row.claim.open.discard(row.target.pk)
        if isinstance(facts, PeerFacts):
            marked.append(Endpoint(pk=row.target.pk, tried_at=facts.seen_at))
            row.claim.leaf_ends += _leaf_end(facts)
            row.claim.failed |= {NotMeasuredCause.TEMPORARY_REPLY.value} if _asks_for_rest(facts) else set()
            continue
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
    if marked:
        Endpoint.objects.bulk_update(marked, ["tried_at", "not_measured", "not_measured_detail"])


def _asks_for_rest(facts: PeerFacts) -> bool:
    """Whether the peer said that it is busy: any 4xx to the greeting or to EHLO, or 421 at all."""
    codes = (facts.greeting_code, facts.ehlo_code, facts.ehlo_tls_code)
    return any(400 <= (code or 0) <= 499 for code in codes) or facts.starttls_code == _CLOSING


def _note_peers(seen: Mapping[int, tuple[int, datetime]]) -> None:
    """Prolong the current sighting of each endpoint if it is of the same facts, else close it and begin a new one.

    seen: endpoint -> observation and moment.
    """
    if not seen:
        return
    current = {one.endpoint_id: one for one in Sighting.objects.filter(endpoint__in=seen, current=True)}
    same = [one for one in current.values() if one.observation_id == seen[one.endpoint_id][0]]
    for one in same:
        one.last_seen, one.times = max(seen[one.endpoint_id][1], one.last_seen), one.times + 1
    if same:
        Sighting.objects.bulk_update(same, ["last_seen", "times"])
    new = seen.keys() - {one.endpoint_id for one in same}
    if closed := [one.pk for pk, one in current.items() if pk in new]:
        Sighting.objects.filter(pk__in=closed).update(current=False)
    Sighting.objects.bulk_create(
        Sighting(endpoint_id=pk, observation_id=seen[pk][0], first_seen=seen[pk][1], last_seen=seen[pk][1])
        for pk in sorted(new)
    )


def _end_leases(ended: Sequence[tuple[Address, AddressClaim]], *, now: datetime) -> None:
    """Say when each address is due again, and free it; a new endpoint that nobody tried yet makes it due at once."""
    if not ended:
        return
    pks = [address.pk for address, _claim in ended]
    untried = Endpoint.objects.filter(spoken_to(now), address__in=pks, tried_at__isnull=True)
    waiting = set(untried.values_list("address_id", flat=True))
    for address, claim in ended:
        _set_due(address, claim, is_untried=address.pk in waiting, now=now)
    names = ["lease_token", "lease_until", "crashes", "set_aside_at", "failing_since", "due_at", "backed_off_until"]
    Address.objects.bulk_update([address for address, _claim in ended], names)


def _set_due(address: Address, claim: AddressClaim, *, is_untried: bool, now: datetime) -> None:
    """Set on *address*, unsaved, what follows from the results of *claim*."""
    failed = claim.failed - {NotMeasuredCause.NOT_ALLOWED.value}
    address.lease_token, address.lease_until = "", None
    address.crashes = address.crashes + 1 if NotMeasuredCause.CRASHED.value in failed else 0
    if address.crashes >= CRASHES_MAX:
        address.set_aside_at = now
        set_aside(address, now=now)
    if failed and failed != {NotMeasuredCause.CANCELLED.value}:
        address.failing_since = address.failing_since or now
        address.due_at = next_try(now, failing_since=address.failing_since, jitter=_dice.random())
        if NotMeasuredCause.TEMPORARY_REPLY.value in failed:
            address.backed_off_until = address.due_at
    elif not failed:
        address.failing_since = address.backed_off_until = None
        address.due_at = next_look(now, jitter=_dice.random(), not_after=min(claim.leaf_ends, default=None))
        address.due_at = now if is_untried else address.due_at


def _note_dns(nexthop: int, seen: int, at: datetime) -> bool:
    """Prolong or begin the sighting of what the DNS says; return whether it is another answer than before."""
    current = DnsSighting.objects.filter(nexthop=nexthop, current=True)
    last = Greatest("last_seen", Value(at, output_field=DateTimeField()))
    if current.filter(observation=seen).update(last_seen=last, times=F("times") + 1):
        return False
    current.update(current=False)
    DnsSighting.objects.create(nexthop_id=nexthop, observation_id=seen, first_seen=at, last_seen=at)
    return True


def _is_failed(facts: NexthopFacts) -> bool:
    """Whether a lookup of ours failed, so that hosts or addresses may be missing."""
    return LookupStatus.FAILED in {facts.mx_status, *(host.status for host in facts.hosts)}


def _failing_since(nexthop: int, seen: int, now: datetime) -> datetime:
    """Return since when the lookup of *nexthop* gives the observation *seen*."""
    current = DnsSighting.objects.filter(nexthop=nexthop, current=True, observation=seen).first()
    return current.first_seen if current else now


def _chain(facts: PeerFacts | NotMeasured) -> tuple[bytes, ...]:
    return facts.tls.chain if isinstance(facts, PeerFacts) and facts.tls else ()


def _leaf_end(facts: PeerFacts) -> list[datetime]:
    """Return the end of the leaf, where it can be read."""
    try:
        end = certificate_facts(_chain(facts)[0]).not_after if _chain(facts) else None
    except CertificateRefused:
        end = None
    return [end] if end else []


def _keep_certificates(chains: Collection[bytes], *, now: datetime) -> None:
    """Keep each certificate that has no row yet."""
    rows = {one.sha256: one for der in chains if (one := _certificate(der, now)) is not None}
    known = set(Certificate.objects.filter(sha256__in=rows).values_list("sha256", flat=True))
    new = [rows[sha256] for sha256 in sorted(rows.keys() - known)]
    Certificate.objects.bulk_create(new, ignore_conflicts=True)


def _certificate(der: bytes, now: datetime) -> Certificate | None:
    """Return the unsaved row of *der*, None where it is no certificate at all (its bytes are in the facts)."""
    try:
        facts: CertificateFacts = certificate_facts(der)
        spki = spki_of(der)
    except CertificateRefused:
        return None
    return Certificate(
        der=der,
        sha256=hashlib.sha256(der).hexdigest(),
        spki_sha256=hashlib.sha256(spki).hexdigest(),
        subject=clean_text(facts.subject, _TEXT_MAX),
        issuer=clean_text(facts.issuer, _TEXT_MAX),
        dns_ids=list(facts.dns_ids),
        not_before=facts.not_before,
        not_after=facts.not_after,
        key_type=f"{facts.key_type} {facts.key_bits or ''}".strip(),
        first_seen_at=now,
    )
