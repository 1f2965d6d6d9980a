"""What the probe saw becomes rows: observations kept once, sightings that say since when, endpoints for the next round.

All is written in short transactions that first check the lease: what a worker without the current token reports is
dropped, for another worker has the row by now.
"""

import hashlib
import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from django.db import transaction

from partners.actions.chains import link_chains
from partners.actions.judging import judge_nexthops, profiles_asked
from partners.actions.leases import AddressClaim, NexthopClaim, Target, set_aside
from partners.core.certificates import CertificateFacts, certificate_facts, clean_text, spki_of
from partners.core.effective import nexthop_port
from partners.core.errors import CertificateRefused
from partners.core.facts_json import facts_key, facts_to_json, profile_key, profile_to_json
from partners.core.observation import (
    PERMISSIVE,
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    NotMeasuredCause,
    PeerFacts,
    TlsProfile,
)
from partners.core.schedule import CRASHES_MAX, next_look, next_try
from partners.models import Address, Certificate, DnsSighting, Endpoint, Nexthop, Observation, Sighting

__all__ = ["Result", "record_dns", "record_peers"]

_TEXT_MAX = 300
_DETAIL_MAX = 512
_ADDRESSES_MAX = 200  # of one nexthop; smtp(8) itself tries smtp_mx_address_limit = 5

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

    Where a lookup failed, the endpoints known before stay: a resolver in trouble moves nobody's mail.
    """
    seen = _observation(facts)
    nexthop = Nexthop.objects.select_related("channel").filter(pk=claim.pk).first()
    wanted = set(_wanted(nexthop, facts)) if nexthop else set()
    failed = _is_failed(facts)
    due = (
        next_try(now, failing_since=_failing_since(claim.pk, facts, now), jitter=_dice.random())
        if failed
        else next_look(now, jitter=_dice.random())
    )
    with transaction.atomic():
        mine = Nexthop.objects.filter(pk=claim.pk, lease_token=claim.token)
        if not mine.update(lease_token="", lease_until=None, crashes=0, asked_by="", due_at=due):
            log.warning("probe.dropped", nexthop=claim.key, cause="lease lost")
            return False
        _note_dns(claim.pk, seen, facts.looked_up_at)
        _set_endpoints(claim, wanted, keep_others=failed, now=now)
    judge_nexthops([claim.pk], now=now)
    return True


def record_peers(batch: Sequence[Result], *, now: datetime) -> int:
    """Keep a small batch of results and judge the nexthops concerned; return how many were kept.

    A result that measured nothing only marks its endpoint. The last result of a claim ends its lease.
    """
    batch = sorted(batch, key=lambda row: row.claim.address)  # as record_dns, so that no two wait for each other
    seen = [None if isinstance(row.facts, NotMeasured) else _observation(row.facts) for row in batch]
    _keep_certificates({der for row in batch for der in _chain(row.facts)}, now=now)
    link_chains((one.pk, _chain(row.facts)) for row, one in zip(batch, seen, strict=True) if one is not None)
    kept: list[Result] = []
    with transaction.atomic():
        for row, observation in zip(batch, seen, strict=True):
            mine = Address.objects.select_for_update().filter(pk=row.claim.pk, lease_token=row.claim.token).first()
            if mine is None:
                log.warning("probe.dropped", address=row.claim.address, cause="lease lost")
                continue
            _keep(mine, row, observation, now=now)
            kept.append(row)
    concerned = Nexthop.objects.filter(endpoints__in=[row.target.pk for row in kept]).distinct()
    judge_nexthops(list(concerned.values_list("pk", flat=True)), now=now)
    return len(kept)


def _observation(facts: NexthopFacts | PeerFacts) -> Observation:
    """Return the row of *facts*, kept once. It never changes, so it needs no part in the transaction of a report."""
    return Observation.objects.get_or_create(facts_key=facts_key(facts), defaults={"facts": facts_to_json(facts)})[0]


def _keep(address: Address, row: Result, seen: Observation | None, *, now: datetime) -> None:
    """Write one result and, if it is the last of its claim, end the lease."""
    claim, facts = row.claim, row.facts
    endpoint = Endpoint.objects.filter(pk=row.target.pk)
    if isinstance(facts, NotMeasured):
        if facts.cause is not NotMeasuredCause.CANCELLED:
            detail = clean_text(facts.detail, _DETAIL_MAX)
            endpoint.update(tried_at=facts.tried_at, not_measured=facts.cause.value, not_measured_detail=detail)
        claim.failed.add(facts.cause.value)
    elif seen is not None:
        endpoint.update(tried_at=facts.seen_at, not_measured="", not_measured_detail="")
        _note_peer(row.target.pk, seen, facts.seen_at)
        claim.leaf_ends += _leaf_end(facts)
    claim.open.discard(row.target.pk)
    if not claim.open:
        _end_lease(address, claim, now=now)


def _end_lease(address: Address, claim: AddressClaim, *, now: datetime) -> None:
    """Say when *address* is due again, and free it; a new endpoint that nobody tried yet makes it due at once."""
    failed = claim.failed - {NotMeasuredCause.NOT_ALLOWED.value}
    untried = address.endpoints.filter(tried_at__isnull=True, nexthops__isnull=False).exists()
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
        address.due_at = now if untried else address.due_at
    address.save()


def _note_peer(endpoint: int, seen: Observation, at: datetime) -> None:
    """Prolong the current sighting if it is of the same facts, else close it and begin a new one."""
    current = Sighting.objects.filter(endpoint=endpoint, current=True).first()
    if current is not None and current.observation_id == seen.pk:
        current.last_seen, current.times = max(at, current.last_seen), current.times + 1
        current.save(update_fields=["last_seen", "times"])
        return
    Sighting.objects.filter(endpoint=endpoint, current=True).update(current=False)
    Sighting.objects.create(endpoint_id=endpoint, observation=seen, first_seen=at, last_seen=at)


def _note_dns(nexthop: int, seen: Observation, at: datetime) -> None:
    """The same for what the DNS says."""
    current = DnsSighting.objects.filter(nexthop=nexthop, current=True).first()
    if current is not None and current.observation_id == seen.pk:
        current.last_seen, current.times = max(at, current.last_seen), current.times + 1
        current.save(update_fields=["last_seen", "times"])
        return
    DnsSighting.objects.filter(nexthop=nexthop, current=True).update(current=False)
    DnsSighting.objects.create(nexthop_id=nexthop, observation=seen, first_seen=at, last_seen=at)


def _wanted(nexthop: Nexthop, facts: NexthopFacts) -> Iterator[tuple[str, int, TlsProfile]]:
    """Yield address, port and profile of each session that judging this nexthop needs; a bounded number."""
    named = list(dict.fromkeys(address for host in facts.hosts for address in host.addresses))
    if len(named) > _ADDRESSES_MAX:
        log.warning("probe.too-many-addresses", nexthop=nexthop.key, count=len(named), kept=_ADDRESSES_MAX)
    usable = named[:_ADDRESSES_MAX]
    yield from ((address, nexthop_port(nexthop.key), PERMISSIVE) for address in usable)
    for address, port, profile in profiles_asked(nexthop, facts):
        # A permissive handshake stands for one that restricts nothing (verdict.py): it is not made twice.
        if address in usable and replace(profile, strict=False, anonymous=False) != PERMISSIVE:
            yield address, port, profile


def _set_endpoints(
    claim: NexthopClaim, wanted: Iterable[tuple[str, int, TlsProfile]], *, keep_others: bool, now: datetime
) -> None:
    """Tie the nexthop to the endpoints *wanted*; new ones are due now, and all of them if somebody waits."""
    tied = []
    for text, port, profile in sorted(wanted, key=lambda one: (one[0], one[1], profile_key(one[2]))):
        address = Address.objects.get_or_create(address=text, defaults={"due_at": now})[0]
        endpoint, made = Endpoint.objects.get_or_create(
            address=address, port=port, profile_key=profile_key(profile), defaults={"profile": profile_to_json(profile)}
        )
        if made or claim.asked or address.due_at is None:
            Address.objects.filter(pk=address.pk).update(due_at=now)
        tied.append(endpoint)
    nexthop = Nexthop.objects.get(pk=claim.pk)
    if keep_others:
        nexthop.endpoints.add(*tied)
    else:
        nexthop.endpoints.set(tied)


def _is_failed(facts: NexthopFacts) -> bool:
    """Whether a lookup of ours failed, so that hosts or addresses may be missing."""
    return LookupStatus.FAILED in {facts.mx_status, *(host.status for host in facts.hosts)}


def _failing_since(nexthop: int, facts: NexthopFacts, now: datetime) -> datetime:
    """Return since when the lookup of *nexthop* gives what it gives now."""
    key = facts_key(facts)
    current = DnsSighting.objects.filter(nexthop=nexthop, current=True, observation__facts_key=key).first()
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
