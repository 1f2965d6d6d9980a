"""Facts as the probe leaves them in the rows, for tests that run without a network."""

from datetime import datetime

from partners.actions.chains import link_chains
from partners.actions.observations import keep_certificates
from partners.core.facts_json import facts_key, facts_to_json, profile_key, profile_to_json
from partners.core.observation import (
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    PeerFacts,
    Stage,
    TlsFacts,
    TlsProfile,
)
from partners.models import Address, DnsSighting, Endpoint, Nexthop, Observation, Sighting
from tests.kit.ca import Certificate

__all__ = ["seen"]

_PROFILES = (TlsProfile(), TlsProfile(strict=True), TlsProfile(anonymous=True))


def seen(key: str, leaf: Certificate, *, at: datetime, address: str = "192.0.2.25") -> None:
    """Leave what a probe of *key* sees whose MX presents *leaf* at *at*."""
    nexthop = Nexthop.objects.get(key=key)
    host = HostFacts(f"mx.{key}", 10, LookupStatus.FOUND, Dnssec.INSECURE, (address,))
    dns = NexthopFacts(key, at, mx_asked=True, mx_status=LookupStatus.FOUND, mx_dnssec=Dnssec.INSECURE, hosts=(host,))
    DnsSighting.objects.filter(nexthop=nexthop).update(current=False)
    DnsSighting.objects.create(nexthop=nexthop, observation=_kept(dns), first_seen=at, last_seen=at)
    row, _made = Address.objects.get_or_create(address=address)
    for profile in _PROFILES:
        endpoint, _made = Endpoint.objects.get_or_create(
            address=row, port=25, profile_key=profile_key(profile), defaults={"profile": profile_to_json(profile)}
        )
        endpoint.nexthops.add(nexthop)
        Sighting.objects.filter(endpoint=endpoint).update(current=False)
        facts = _session(address, profile, leaf, at)
        observation = _kept(facts)
        Sighting.objects.create(endpoint=endpoint, observation=observation, first_seen=at, last_seen=at)
        if facts.tls:
            keep_certificates(set(facts.tls.chain), now=at)
            link_chains([(observation.pk, facts.tls.chain)])


def _session(address: str, profile: TlsProfile, leaf: Certificate, at: datetime) -> PeerFacts:
    return PeerFacts(
        address=address,
        port=25,
        profile=profile,
        seen_at=at,
        ended=Stage.DONE,
        greeting_code=220,
        greeting_text="mx ESMTP",
        ehlo_code=250,
        ehlo_name="mx.acme.example",
        features=("STARTTLS",),
        starttls_offered=True,
        starttls_code=220,
        tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", tuple(one.der for one in leaf.chain)),
        ehlo_tls_code=250,
    )


def _kept(facts: NexthopFacts | PeerFacts) -> Observation:
    row, _made = Observation.objects.get_or_create(facts_key=facts_key(facts), defaults={"facts": facts_to_json(facts)})
    return row
