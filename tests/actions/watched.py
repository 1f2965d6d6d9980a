"""Nexthops, facts and releases for tests of the watch."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from partners.actions.leases import AddressClaim, claim_addresses, claim_nexthops
from partners.actions.probing import Result, record_dns, record_peers
from partners.actions.relay_groups import ensure_group
from partners.core.observation import (
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    NotMeasuredCause,
    PeerFacts,
    Stage,
    TlsFacts,
)
from partners.models import Address, Artefact, Channel, Nexthop, Partner, Release, User
from tests.actions.at_head import at_head
from tests.actions.people import NOON, channel, editor
from tests.kit.ca import Certificate

__all__ = ["NOON", "ask_dns", "dns_facts", "let_leases_end", "measured", "not_measured", "publish", "see", "watched"]

MX, ADDRESS = "mx.example.com", "192.0.2.1"


def watched(key: str = "example.com", *, by: User | None = None, **fields: Any) -> Nexthop:
    """Return a nexthop that is due at noon."""
    row = channel(Partner.objects.create(name=f"Partner {key}"), key, by=by or editor(f"eda-{key}"), **fields)
    Nexthop.objects.filter(channel=row).update(due_at=NOON)
    return row.nexthops.get()


def let_leases_end() -> None:
    """Let the time pass that a dead worker's leases take; it is the database that counts it."""
    for model in (Nexthop, Address):
        model.objects.exclude(lease_token="").update(lease_until=datetime(2001, 1, 1, tzinfo=UTC))


def dns_facts(key: str = "example.com", *addresses: str, at: datetime = NOON, **odd: Any) -> NexthopFacts:
    """Return an answer with one MX host."""
    host = HostFacts(MX, 10, LookupStatus.FOUND, Dnssec.INSECURE, addresses or (ADDRESS,))
    good = NexthopFacts(key, at, True, LookupStatus.FOUND, Dnssec.INSECURE, (host,))
    return replace(good, **odd)


def ask_dns(nexthop: Nexthop, *addresses: str, at: datetime = NOON, **odd: Any) -> bool:
    """Claim *nexthop* and record an answer."""
    (claim,) = claim_nexthops(1, now=at, only=[nexthop.pk])
    return record_dns(claim, dns_facts(nexthop.key, *addresses, at=at, **odd), now=at)


def measured(claim: AddressClaim, leaf: Certificate, *, at: datetime = NOON, **odd: Any) -> Result:
    """Return a finished session in which the peer showed *leaf*."""
    target = claim.targets[0]
    tls = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", (leaf.der,))
    good = PeerFacts(
        claim.address, target.port, target.profile, at, Stage.DONE, greeting_code=220, ehlo_code=250,
        ehlo_name=MX, features=("STARTTLS",), starttls_offered=True, starttls_code=220, tls=tls, ehlo_tls_code=250,
    )  # fmt: skip
    return Result(claim, target, replace(good, **odd))


def not_measured(claim: AddressClaim, cause: NotMeasuredCause, *, at: datetime = NOON) -> Result:
    """Return a session that gave no fact."""
    target = claim.targets[0]
    return Result(claim, target, NotMeasured(claim.address, target.port, target.profile, at, cause))


def see(leaf: Certificate, *, at: datetime = NOON) -> int:
    """Claim one address and record that it shows *leaf*, and has no second certificate where it is asked for one."""
    (claim,) = claim_addresses(1, now=at)
    asked = [one for one in claim.targets if one.profile.leaf_key]
    found = measured(claim, leaf, at=at)
    refused = replace(found.facts, tls=None, ended=Stage.HANDSHAKE, stop="tls", tls_error="handshake failure")
    second = [Result(claim, one, replace(refused, profile=one.profile)) for one in asked]
    return record_peers([found, *second], now=at)


def publish(text: str, *, by: User, number: int = 1, at: datetime = NOON - timedelta(hours=1)) -> Release:
    """Put *text* on the relays as a release."""
    release = Release.objects.create(number=number, author=by, needs_second=False, published_at=at, published_by=by)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    Artefact.objects.create(release=release, group=ensure_group(now=at), text=text, sha256=sha256)
    at_head(release)
    return release


def channel_of(nexthop: Nexthop) -> Channel:
    """Return the channel of *nexthop*, read again."""
    return Channel.objects.get(pk=nexthop.channel_id)
