"""Engines for peers on 127.0.0.1."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from partners.core.observation import PERMISSIVE, TlsProfile
from partners.probe.addresses import parse_networks
from partners.probe.engine import Engine
from partners.probe.limits import Limits
from partners.probe.resolver import Resolver
from partners.probe.session import Outcome, Target
from tests.kit.dns import DnsServer
from tests.kit.smtpd import Peer

SECOND = timedelta(seconds=1)
IMPATIENT = Limits(
    connect=1.0 * SECOND,
    greeting=1.0 * SECOND,
    reply=1.0 * SECOND,
    starttls=1.0 * SECOND,
    handshake=1.0 * SECOND,
    quit=0.2 * SECOND,
    session=5 * SECOND,
    reply_bytes=8192,
    reply_lines=50,
    session_bytes=131_072,
)


def engine_for(peer: Peer | None, *, port: int = 0, limits: Limits | None = None, **settings: Any) -> Engine:
    """Return an engine that finds *peer* at port 25 of 127.0.0.1."""
    return Engine(
        networks=parse_networks(["127.0.0.0/8"]),
        port_map={("127.0.0.1", 25): peer.port if peer else port},
        ehlo_name="probe.example",
        limits=limits,
        **settings,
    )


async def probed(peer: Peer, profile: TlsProfile = PERMISSIVE, limits: Limits | None = None, **changed: Any) -> Outcome:
    """Return what a probe of *peer* brings."""
    bounds = replace(limits or Limits(), **changed)
    return await engine_for(peer, limits=bounds).probe(Target("127.0.0.1", 25, profile))


def lab_engine(
    dns: DnsServer | None = None, *, slots: int = 16, limits: Limits | None = None, networks: Sequence[str] = ()
) -> Engine:
    """Return an engine for the addresses of the lab, and for *networks*."""
    allowed = parse_networks(["198.18.0.0/15", "2001:db8::/32", *networks])
    resolver = Resolver((dns.address, dns.port)) if dns else None
    return Engine(resolver=resolver, networks=allowed, ehlo_name="probe.example", slots=slots, limits=limits)
