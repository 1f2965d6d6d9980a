"""Which addresses anybody may be sent to: what is globally routable, and the networks that an administrator named.

An address out of the DNS or out of a form is a stranger's wish. Deny by default: an address inside another one
(mapped, NAT64, 6to4, Teredo) is judged by both, and the wrapped form is never taken as routable by itself.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from partners.core.names import shown

__all__ = ["Address", "Network", "address_refusal"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA special-purpose registries (RFC 6890); the ipaddress module's is_global differs between Python releases.
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), word)
    for network, word in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "anycast of AS112"),
        ("192.52.193.0/24", "automatic multicast tunnels"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "anycast of AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "documentation"),
        ("2620:4f:8000::/48", "anycast of AS112"),
        ("3ffe::/16", "the former 6bone"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291 section 2.4: nothing else is handed out
_NEVER: tuple[Network, ...] = tuple(
    ip_network(network) for network in ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8")
)
# Forms that carry an IPv4 address, and how far from its right end that one stands.
_WRAPPED: tuple[tuple[IPv6Network, int, str], ...] = (
    (IPv6Network("::ffff:0:0/96"), 0, "IPv4-mapped"),
    (IPv6Network("::ffff:0:0:0/96"), 0, "IPv4-translated"),
    (IPv6Network("64:ff9b::/96"), 0, "NAT64"),
    (IPv6Network("64:ff9b:1::/48"), 0, "local NAT64"),
    (IPv6Network("2002::/16"), 80, "6to4"),
)
_IPV4_COMPATIBLE = IPv6Network("::/96")  # RFC 4291 section 2.5.5.1
_TEREDO = IPv6Network("2001::/32")
_IPV4_MASK = (1 << 32) - 1
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214 section 6.1


def address_refusal(address: str, *, networks: Collection[Network] = (), setting: str) -> str:
    """Return why nobody may be sent to *address*, or "".

    networks: allowed beside the globally routable ones; multicast and unspecified addresses stay refused even there.
    setting: that names them.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{shown(address)} is no IP address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return f"{shown(address)} has a zone; only this machine's own links have one"
    return _refusal(parsed, networks, setting)


def _refusal(address: Address, networks: Collection[Network], setting: str) -> str:
    if any(address in never for never in _NEVER):
        return f"{address} is no address of one peer ({_special(address) or 'broadcast'})"
    is_configured = any(address in network for network in networks)
    if isinstance(address, IPv6Address):
        for form, inner in _unwrapped(address):
            if not is_configured:
                return f"{address} is a {form} form of {inner}; only {inner} itself is taken"
            if why_not := _refusal(inner, networks, setting):
                return f"{address} is a {form} form of {inner}: {why_not}"
    if is_configured:
        return ""
    word = _special(address)
    if not word and isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        word = "not handed out"
    if not word and not address.is_global:
        word = "not globally routable"
    return f"{address} is {word}; {setting} can allow it" if word else ""


def _special(address: Address) -> str:
    return next((word for network, word in _SPECIAL if address in network), "")


def _unwrapped(address: IPv6Address) -> list[tuple[str, IPv4Address]]:
    """Return the IPv4 addresses that *address* carries, each with the word for the form."""
    number = int(address)
    found = [
        (word, IPv4Address(number >> shift & _IPV4_MASK)) for network, shift, word in _WRAPPED if address in network
    ]
    if address in _IPV4_COMPATIBLE and number > 1:
        found.append(("IPv4-compatible", IPv4Address(number & _IPV4_MASK)))
    if address in _TEREDO:
        found.append(("Teredo", IPv4Address(number & _IPV4_MASK ^ _IPV4_MASK)))
        found.append(("Teredo", IPv4Address(number >> 64 & _IPV4_MASK)))
    if number >> 32 & _IPV4_MASK in _ISATAP:
        found.append(("ISATAP", IPv4Address(number & _IPV4_MASK)))
    return found
