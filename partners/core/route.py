"""The addresses that smtp(8) tries, in its order, or what ends a delivery before any is tried.

Source: smtp_domain_addr(), smtp_host_addr(), smtp_addr_one(), smtp_balance_inet_proto() in src/smtp/smtp_addr.c.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from partners.core.names import SMTP_PORT
from partners.core.observation import HostFacts, LookupStatus, NexthopFacts
from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.core.relay import RelaySettings

__all__ = ["DeadEnd", "Hop", "family_of", "family_rank", "is_dns_disabled", "is_own_mx", "route_of"]

_LOOPBACK = ("127.0.0.1", "::1")
_NO_SUCH = "Host or domain name not found. Name service error for name={name} type=A: Host {found}"


@dataclass(frozen=True, slots=True)
class Hop:
    """One address of one host; "" where its lookup failed. is_best: of the best preference that has an address."""

    host: HostFacts
    address: str
    is_best: bool = True


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """Why no address is tried. unknown: the cause where it is not known what the relay would find."""

    delivery: Delivery
    dsn: str
    text: str
    reason: Reason
    unknown: str = ""


def route_of(facts: NexthopFacts, relay: RelaySettings, port: int, *, momentary: bool) -> tuple[Hop, ...] | DeadEnd:
    """Return the addresses in the order in which Postfix tries them, more than smtp_mx_address_limit allows.

    Equal ones keep the order of *facts*; Postfix shuffles them.
    momentary: a lookup that failed is what Postfix meets too; otherwise nothing is known of that host.
    """
    if facts.null_mx:
        text = f"Domain {facts.nexthop} does not accept mail (nullMX)"
        return DeadEnd(Delivery.BOUNCE, "5.1.0", text, Reason.NULL_MX)
    if facts.mx_status is LookupStatus.FAILED and not (relay.ignore_mx_lookup_error and facts.hosts):
        return _failed(facts.lookup_text, momentary=momentary)
    if is_dns_disabled(relay) and facts.mx_asked and facts.mx_status is LookupStatus.FOUND:
        text = "without DNS the relay asks its own host table"
        return DeadEnd(Delivery.UNKNOWN, "", text, Reason.NOT_MEASURED, "native-lookup")
    known = () if facts.mx_status is LookupStatus.NXDOMAIN else facts.hosts
    hosts = sorted(known, key=lambda host: host.preference)
    hops = [
        hop
        for host in hosts
        for hop in _hops(host, relay)
        if hop.address or not momentary  # Postfix goes on without a host whose lookup fails (smtp_addr_list())
    ]
    if not hops:
        return _no_address(facts, hosts, relay)
    if port == SMTP_PORT and (ends := _loop(facts, hosts, hops, relay)) is not None:
        if isinstance(ends, DeadEnd):
            return ends
        hops = ends
    best = min(hop.host.preference for hop in hops)
    ordered = sorted(hops, key=lambda hop: (hop.host.preference, family_rank(hop, relay)))
    return tuple(Hop(hop.host, hop.address, hop.host.preference == best) for hop in _balanced(ordered, relay))


def is_dns_disabled(relay: RelaySettings) -> bool:
    """Whether smtp(8) makes no DNS lookups at all."""
    return relay.smtp_dns_support_level == "disabled" or (
        relay.disable_dns_lookups and not relay.smtp_dns_support_level
    )


def is_own_mx(facts: NexthopFacts, relay: RelaySettings) -> bool:
    """Whether the relay is an MX host of this domain itself: then Postfix tries no fallback."""
    own = _own_addresses(relay.inet_interfaces, relay.proxy_interfaces)
    return facts.mx_status is LookupStatus.FOUND and any(own & set(host.addresses) for host in facts.hosts)


def _hops(host: HostFacts, relay: RelaySettings) -> Iterable[Hop]:
    if host.status is LookupStatus.FAILED:
        return (Hop(host, ""),)
    return (Hop(host, address) for address in host.addresses if family_of(address) in relay.inet_protocols)


def _failed(text: str, *, momentary: bool) -> DeadEnd:
    if momentary:
        return DeadEnd(Delivery.DEFER, "4.4.3", text, Reason.LOOKUP_FAILED)
    return DeadEnd(Delivery.UNKNOWN, "", text, Reason.LOOKUP_FAILED, Reason.LOOKUP_FAILED.value)


def _no_address(facts: NexthopFacts, hosts: list[HostFacts], relay: RelaySettings) -> DeadEnd:
    """A soft failure dominates; the last host tells which one it was."""
    failed = [host for host in hosts if host.status is LookupStatus.FAILED]
    if is_dns_disabled(relay):  # getaddrinfo() instead
        text = f"unable to look up host {facts.nexthop}"
        soft = DeadEnd(Delivery.DEFER, "4.3.0", text, Reason.LOOKUP_FAILED)
        return soft if failed else DeadEnd(Delivery.BOUNCE, "5.3.0", text, Reason.NO_ADDRESS)
    sources = set(relay.smtp_host_lookup.lower().replace(",", " ").split())
    if failed and "dns" not in sources:
        text = "without DNS the relay asks its own resolver"
        return DeadEnd(Delivery.UNKNOWN, "", text, Reason.LOOKUP_FAILED, "native-lookup")
    # getaddrinfo() is asked after the DNS, and tells a name without addresses apart.
    is_bare = "native" in sources and bool(hosts) and hosts[-1].status is not LookupStatus.NXDOMAIN
    code = "3.0" if is_bare else "4.4"
    if failed:
        dsn = "4.4.3" if hosts[-1] is failed[-1] else f"4.{code}"
        return DeadEnd(Delivery.DEFER, dsn, failed[-1].lookup_text, Reason.LOOKUP_FAILED)
    name = hosts[-1].name if hosts else facts.nexthop
    is_known = any(host.status is not LookupStatus.NXDOMAIN for host in hosts)
    text = _NO_SUCH.format(name=name, found="found but no data record of requested type" if is_known else "not found")
    reason = Reason.NO_SUCH_DOMAIN if facts.mx_status is LookupStatus.NXDOMAIN else Reason.NO_ADDRESS
    if relay.smtp_defer_if_no_mx_address_found and facts.mx_status is LookupStatus.FOUND:
        return DeadEnd(Delivery.DEFER, f"4.{code}", text, reason)
    return DeadEnd(Delivery.BOUNCE, f"5.{code}", text, reason)


def _loop(
    facts: NexthopFacts, hosts: list[HostFacts], hops: list[Hop], relay: RelaySettings
) -> list[Hop] | DeadEnd | None:
    """Cut the list at the relay's own address, those of equal preference included (smtp_truncate_self())."""
    own = _own_addresses(relay.inet_interfaces, relay.proxy_interfaces)
    itself = next((hop for hop in hops if hop.address in own), None)
    if itself is None:
        return None
    kept = [hop for hop in hops if hop.host.preference < itself.host.preference]
    if kept:
        return kept
    if facts.mx_status is LookupStatus.FOUND and hosts[0].preference != itself.host.preference:
        text = f"unable to find primary relay for {facts.nexthop}"
        return DeadEnd(Delivery.DEFER, "4.4.4", text, Reason.NO_ADDRESS)
    text = f"mail for {facts.nexthop} loops back to myself"
    return DeadEnd(Delivery.BOUNCE, "5.4.6", text, Reason.MAIL_LOOP)


@lru_cache(maxsize=64)
def _own_addresses(inet_interfaces: tuple[str, ...], proxy_interfaces: tuple[str, ...]) -> frozenset[str]:
    """Return the addresses that are known to be the relay's; those of "all" are not, save the loopback ones."""
    words = [word.strip("[]").lower() for word in (inet_interfaces or ("all",)) + proxy_interfaces]
    found: set[str] = set()
    for word in words:
        if word in {"all", "loopback-only", "localhost"}:
            found.update(_LOOPBACK)
        else:
            found.add(_canonical(word))
    return frozenset(found)


def _canonical(word: str) -> str:
    try:
        return str(ip_address(word))
    except ValueError:
        return word


def family_of(address: str) -> str:
    """Return "ipv4" or "ipv6"."""
    return "ipv6" if ":" in address else "ipv4"


def family_rank(hop: Hop, relay: RelaySettings) -> bool:
    """Whether the kind of this address comes second under smtp_address_preference."""
    return relay.smtp_address_preference in {"ipv4", "ipv6"} and family_of(hop.address) != relay.smtp_address_preference


def _balanced(hops: list[Hop], relay: RelaySettings) -> list[Hop]:
    """Keep one family from crowding out the other within smtp_mx_address_limit."""
    limit = relay.smtp_mx_address_limit
    if not relay.smtp_balance_inet_protocols or len(hops) <= limit or not limit:
        return hops
    counts = {family: sum(family_of(hop.address) == family for hop in hops) for family in ("ipv4", "ipv6")}
    if not all(counts.values()):
        return hops
    if counts["ipv6"] <= limit // 2:
        targets = {"ipv6": counts["ipv6"], "ipv4": limit - counts["ipv6"]}
    elif counts["ipv4"] <= limit // 2:
        targets = {"ipv4": counts["ipv4"], "ipv6": limit - counts["ipv4"]}
    else:
        of_v4 = (limit + (family_of(hops[0].address) == "ipv4")) // 2
        targets = {"ipv4": of_v4, "ipv6": limit - of_v4}
    kept = []
    for hop in hops:
        family = family_of(hop.address)
        if targets[family] > 0:
            targets[family] -= 1
            kept.append(hop)
    return kept
