"""The next-hops of one message: what the transport says, be it a list, and then smtp_fallback_relay.

Source: smtp_connect_inet() and smtp_parse_destination() in src/smtp/smtp_connect.c.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from partners.core.grammar import Invalid, ParsedPolicy
from partners.core.names import Nexthop, NexthopKind
from partners.core.policy_maps import PolicySource
from partners.core.relay import PostfixRelease, RelaySettings
from partners.probe.manner import USUAL, Manner

__all__ = ["DESTINATIONS_MAX", "Destination", "is_address", "next_hops"]

DESTINATIONS_MAX = 16
_LISTS_SINCE = PostfixRelease(3, 5)
_SEPARATORS = re.compile(r"[,\s]+")
_BARE_ADDRESS = re.compile(r"(?P<host>[0-9.]+)(?P<port>:.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Destination:
    """One next-hop with the entry that the relay finds for it.

    key: of the table, None where main.cf's level applies; unknown: why it is not known which entry does.
    is_fallback: of smtp_fallback_relay. manner: of the relay in a session. passwords: smtp_sasl_password_maps.
    """

    nexthop: Nexthop
    relay: RelaySettings
    policy: ParsedPolicy | Invalid | None
    key: str | None
    unknown: str
    is_fallback: bool = False
    manner: Manner = USUAL
    passwords: tuple[PolicySource, ...] = ()


def next_hops(text: str, release: PostfixRelease) -> Iterator[Nexthop]:
    """Yield the next-hops in *text*; before release 3.5 it is one. Errors: NameRefused."""
    words = [word for word in _SEPARATORS.split(text.strip()) if word] if release >= _LISTS_SINCE else []
    for word in words or [text]:
        yield _next_hop(word)


def _next_hop(word: str) -> Nexthop:
    """Read one next-hop; Postfix takes an IPv4 address without brackets too, for which it finds no MX records."""
    found = _BARE_ADDRESS.fullmatch(word)
    if found is None or not is_address(found["host"]):
        return Nexthop.parse(word)
    port = Nexthop.parse(f"[{found['host']}]{found['port'] or ''}").port
    kind = NexthopKind.DOMAIN_PORT if found["port"] else NexthopKind.DOMAIN
    return Nexthop(word, kind, found["host"], port)


def is_address(text: str) -> bool:
    """Whether *text* is an IPv4 address."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True
