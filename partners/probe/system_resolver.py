"""The resolvers of /etc/resolv.conf, as the C library reads it: the first three, at port 53. Source: resolv.conf(5)."""

from ipaddress import ip_address
from pathlib import Path

from partners.core.errors import SettingsRefused

__all__ = ["RESOLV_CONF", "nameservers"]

RESOLV_CONF = Path("/etc/resolv.conf")
NAMESERVERS_MAX = 3  # MAXNS
_OCTETS_MAX = 65_536
_CURE = "set TLSPORTAL_RESOLVER to a validating resolver, such as 127.0.0.1:53"


def nameservers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """Return their addresses. Errors: SettingsRefused where there is none; another one is not made up."""
    try:
        with path.open("rb") as opened:
            lines = opened.read(_OCTETS_MAX).decode("utf-8", "replace").splitlines()
    except OSError as cause:
        raise SettingsRefused(str(path), "it names no resolver", _CURE) from cause
    words = [line.split() for line in lines]
    named = [line[1] for line in words if line[:1] == ["nameserver"] and len(line) > 1 and _is_address(line[1])]
    if not named:
        raise SettingsRefused(str(path), "it names no resolver", _CURE)
    return tuple(named[:NAMESERVERS_MAX])


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
