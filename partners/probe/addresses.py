"""Which addresses and ports may be probed: what is globally routable, and what the mail team has configured.

A partner's zone decides where the probe connects, so that every address out of the DNS is a stranger's wish
(core/routable.py).
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_network

from partners.core.errors import SettingsRefused
from partners.core.names import shown
from partners.core.routable import Address, Network, address_refusal

__all__ = ["PORTS", "Address", "Network", "may_probe", "parse_networks", "parse_ports", "refusal"]

PORTS = frozenset({25, 465, 587})
PORT_MAX = 65535
_PORT_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


def may_probe(address: str, port: int, *, networks: Collection[Network] = (), ports: Collection[int] = ()) -> bool:
    """Whether the probe may connect to *port* of *address*."""
    return not refusal(address, port, networks=networks, ports=ports)


def refusal(address: str, port: int, *, networks: Collection[Network] = (), ports: Collection[int] = ()) -> str:
    """Return why *port* of *address* may not be probed, or "".

    networks: allowed beside the globally routable ones; multicast and unspecified addresses stay refused even there.
    ports: allowed beside PORTS.
    """
    if not 0 < port <= PORT_MAX or (port not in PORTS and port not in ports):
        return f"port {port} is none of 25, 465, 587 and TLSPORTAL_PROBE_PORTS"
    return address_refusal(address, networks=networks, setting="TLSPORTAL_PROBE_NETWORKS")


def parse_networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Read TLSPORTAL_PROBE_NETWORKS. Errors: SettingsRefused for what is no network in CIDR form."""
    networks = []
    for word in words:
        try:
            networks.append(ip_network(word.strip()))
        except ValueError as cause:
            subject = f"TLSPORTAL_PROBE_NETWORKS: {shown(word)}"
            raise SettingsRefused(subject, str(cause), "write 192.0.2.0/24 or 2001:db8::/32") from cause
    return tuple(networks)


def parse_ports(words: Iterable[str]) -> frozenset[int]:
    """Read TLSPORTAL_PROBE_PORTS: numbers and ranges. Errors: SettingsRefused."""
    ports: set[int] = set()
    for word in words:
        found = _PORT_RANGE.fullmatch(word.strip())
        first = int(found[1]) if found else 0
        last = int(found[2] or first) if found else 0
        if not 0 < first <= last <= PORT_MAX:
            cause = "it is neither a port nor a range of ports"
            raise SettingsRefused(f"TLSPORTAL_PROBE_PORTS: {shown(word)}", cause, "write 2525 or 2500-2600")
        ports.update(range(first, last + 1))
    return frozenset(ports)
