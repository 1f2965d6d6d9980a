"""What is known of a nexthop now, read back from the rows that the probe left."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from partners.core.facts_json import facts_from_json, profile_from_json
from partners.core.observation import NexthopFacts, NotMeasured, NotMeasuredCause, PeerFacts
from partners.core.verdict import PeerKey
from partners.models import DnsSighting, Endpoint, Nexthop, Sighting

__all__ = ["Stored", "stored_facts"]


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest facts of a nexthop. dns: None before the first lookup; peers: one per address and TLS profile."""

    dns: NexthopFacts | None = None
    peers: tuple[PeerFacts | NotMeasured, ...] = ()

    @property
    def by_key(self) -> dict[PeerKey, PeerFacts | NotMeasured]:
        """The peers as judge() looks them up."""
        return {(peer.address, peer.port, peer.profile): peer for peer in self.peers}

    def is_fresh(self, now: datetime, age: timedelta) -> bool:
        """Whether the DNS and every address it names were looked at no longer than *age* ago."""
        if self.dns is None or self.dns.looked_up_at < now - age:
            return False
        named = {address for host in self.dns.hosts for address in host.addresses}
        fresh = {peer.address for peer in self.peers if _moment(peer) >= now - age}
        return named <= fresh


def stored_facts(nexthop: Nexthop) -> Stored:
    """Return the current facts of *nexthop*; a failed try that is newer than the last sighting is what is known.

    Observations are kept once and never change; when they were seen last is the sighting's to say.
    """
    dns = DnsSighting.objects.filter(nexthop=nexthop, current=True).select_related("observation").first()
    if dns is None:
        return Stored()
    facts = facts_from_json(dns.observation.facts)
    if not isinstance(facts, NexthopFacts):
        raise TypeError(f"nexthop {nexthop.key}: observation {dns.observation_id} holds no DNS facts")
    endpoints = list(nexthop.endpoints.select_related("address"))
    sightings = {
        sighting.endpoint_id: sighting
        for sighting in Sighting.objects.filter(endpoint__in=endpoints, current=True).select_related("observation")
    }
    peers = [_peer(endpoint, sightings.get(endpoint.pk)) for endpoint in endpoints]
    return Stored(
        replace(facts, nexthop=nexthop.key, looked_up_at=dns.last_seen),
        tuple(peer for peer in peers if peer is not None),
    )


def _peer(endpoint: Endpoint, sighting: Sighting | None) -> PeerFacts | NotMeasured | None:
    """Return what is known of *endpoint*, None before the first try."""
    failed = bool(endpoint.not_measured) and endpoint.tried_at is not None
    if sighting is not None and not (failed and endpoint.tried_at and endpoint.tried_at > sighting.last_seen):
        facts = facts_from_json(sighting.observation.facts)
        if not isinstance(facts, PeerFacts):
            raise TypeError(f"endpoint {endpoint}: observation {sighting.observation_id} holds no peer's facts")
        return replace(facts, address=str(endpoint.address.address), port=endpoint.port, seen_at=sighting.last_seen)
    if not failed or endpoint.tried_at is None:
        return None
    return NotMeasured(
        address=str(endpoint.address.address),
        port=endpoint.port,
        profile=profile_from_json(endpoint.profile),
        tried_at=endpoint.tried_at,
        cause=NotMeasuredCause(endpoint.not_measured),
        detail=endpoint.not_measured_detail,
    )


def _moment(peer: PeerFacts | NotMeasured) -> datetime:
    """Return when *peer* was looked at."""
    return peer.seen_at if isinstance(peer, PeerFacts) else peer.tried_at
