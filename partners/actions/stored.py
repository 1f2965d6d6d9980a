"""What is known of a nexthop now, read back from the rows that the probe left."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from partners.core.facts_json import facts_from_json, profile_from_json
from partners.core.observation import NexthopFacts, NotMeasured, NotMeasuredCause, PeerFacts
from partners.core.verdict import PeerKey
from partners.models import DnsSighting, Endpoint, Nexthop, Sighting

__all__ = ["Stored", "facts_of", "peers_of"]

_DETAIL_MAX = 512
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest facts of a nexthop. dns: None before the first lookup; peers: one per address and TLS profile.

    Second looks (core/second_look.py) are no peers: no session of Postfix's is like them, and no verdict rests on one.

    vantages: from where each of the peers was seen; empty where that was not asked for, as of a look.
    unreadable: why what is stored of the DNS cannot be read; then dns is None, and nobody else's facts are touched.
    """

    dns: NexthopFacts | None = None
    peers: tuple[PeerFacts | NotMeasured, ...] = ()
    unreadable: str = ""
    vantages: tuple[str, ...] = ()

    @property
    def by_key(self) -> dict[PeerKey, PeerFacts | NotMeasured]:
        """The peers as judge() looks them up."""
        return {(peer.address, peer.port, peer.profile): peer for peer in self.peers}

    def at(self, vantage: str) -> "Stored":
        """Return what is known from *vantage*: relays are judged by what is seen from where they stand."""
        if all(one == vantage for one in self.vantages):
            return self
        kept = tuple(peer for peer, seen_from in zip(self.peers, self.vantages, strict=True) if seen_from == vantage)
        return replace(self, peers=kept, vantages=(vantage,) * len(kept))

    def is_fresh(self, now: datetime, age: timedelta) -> bool:
        """Whether the DNS and every address it names were looked at no longer than *age* ago."""
        if self.dns is None or self.dns.looked_up_at < now - age:
            return False
        named = {address for host in self.dns.hosts for address in host.addresses}
        fresh = {peer.address for peer in self.peers if _moment(peer) >= now - age}
        return named <= fresh


def facts_of(nexthops: Collection[Nexthop]) -> dict[int, Stored]:
    """Return the current facts of each of *nexthops*, by primary key; in three queries, however many they are.

    A failed try that is newer than the last sighting is what is known. Observations are kept once and never change;
    when they were seen last is the sighting's to say.
    """
    keys = {row.pk: row.key for row in nexthops}
    if not keys:
        return {}
    seen = DnsSighting.objects.filter(nexthop__in=keys, current=True).select_related("observation")
    dns = {one.nexthop_id: _dns_or_fault(one, keys[one.nexthop_id]) for one in seen}
    endpoints: dict[int, Endpoint] = {}
    tied: dict[int, list[int]] = defaultdict(list)
    ties = Endpoint.nexthops.through.objects.filter(nexthop__in=keys).order_by("endpoint_id")
    for tie in ties.select_related("endpoint__address"):
        if profile_from_json(tie.endpoint.profile).leaf_key:
            continue
        endpoints[tie.endpoint_id] = tie.endpoint
        tied[tie.nexthop_id].append(tie.endpoint_id)
    peers = peers_of(endpoints)
    return {
        pk: _with_peers(dns[pk], [one for one in tied[pk] if one in peers], peers, endpoints) if pk in dns else Stored()
        for pk in keys
    }


def _with_peers(
    stored: Stored,
    tied: Sequence[int],
    peers: Mapping[int, PeerFacts | NotMeasured],
    endpoints: Mapping[int, Endpoint],
) -> Stored:
    """Return *stored* with what is known of the endpoints *tied*."""
    return replace(
        stored,
        peers=tuple(peers[pk] for pk in tied),
        vantages=tuple(endpoints[pk].address.vantage for pk in tied),
    )


def _dns_or_fault(sighting: DnsSighting, key: str) -> Stored:
    """Return what the DNS says of *key*, or why that cannot be read: a row that somebody else wrote or broke."""
    try:
        return Stored(_dns(sighting, key))
    except (ValueError, TypeError) as cause:
        log.error("facts.unreadable", nexthop=key, observation=sighting.observation_id, cause=str(cause))  # noqa: TRY400  the cause says it
        return Stored(unreadable=str(cause)[:_DETAIL_MAX] or type(cause).__name__)


def _dns(sighting: DnsSighting, key: str) -> NexthopFacts:
    """Return what the DNS says of *key*."""
    facts = facts_from_json(sighting.observation.facts)
    if not isinstance(facts, NexthopFacts):
        raise TypeError(f"nexthop {key}: observation {sighting.observation_id} holds no DNS facts")
    return replace(facts, nexthop=key, looked_up_at=sighting.last_seen)


def peers_of(endpoints: Mapping[int, Endpoint]) -> dict[int, PeerFacts | NotMeasured]:
    """Return what is known of each endpoint, by primary key; those that nobody tried yet are left out."""
    current = Sighting.objects.filter(endpoint__in=endpoints, current=True).select_related("observation")
    sightings = {one.endpoint_id: one for one in current} if endpoints else {}
    known = ((pk, _peer(endpoint, sightings.get(pk))) for pk, endpoint in endpoints.items())
    return {pk: peer for pk, peer in known if peer is not None}


def _peer(endpoint: Endpoint, sighting: Sighting | None) -> PeerFacts | NotMeasured | None:
    """Return what is known of *endpoint*, None before the first try."""
    failed = bool(endpoint.not_measured) and endpoint.tried_at is not None
    if sighting is not None and not (failed and endpoint.tried_at and endpoint.tried_at > sighting.last_seen):
        try:
            return _seen_at(endpoint, sighting)
        except (ValueError, TypeError) as cause:
            log.error("facts.unreadable", endpoint=str(endpoint), observation=sighting.observation_id, cause=str(cause))  # noqa: TRY400  the cause says it
            return _not_measured(endpoint, sighting.last_seen, NotMeasuredCause.UNREADABLE, str(cause)[:_DETAIL_MAX])
    if not failed or endpoint.tried_at is None:
        return None
    cause_known = NotMeasuredCause(endpoint.not_measured)
    return _not_measured(endpoint, endpoint.tried_at, cause_known, endpoint.not_measured_detail)


def _seen_at(endpoint: Endpoint, sighting: Sighting) -> PeerFacts:
    """Return what was seen at *endpoint*. Errors: ValueError and TypeError where the row holds no such facts."""
    facts = facts_from_json(sighting.observation.facts)
    if not isinstance(facts, PeerFacts):
        raise TypeError(f"endpoint {endpoint}: observation {sighting.observation_id} holds no peer's facts")
    return replace(facts, address=str(endpoint.address.address), port=endpoint.port, seen_at=sighting.last_seen)


def _not_measured(endpoint: Endpoint, at: datetime, cause: NotMeasuredCause, detail: str) -> NotMeasured:
    return NotMeasured(
        address=str(endpoint.address.address),
        port=endpoint.port,
        profile=profile_from_json(endpoint.profile),
        tried_at=at,
        cause=cause,
        detail=detail,
    )


def _moment(peer: PeerFacts | NotMeasured) -> datetime:
    """Return when *peer* was looked at."""
    return peer.seen_at if isinstance(peer, PeerFacts) else peer.tried_at
