"""Webhooks: which addresses they may have, and their signature, HMAC-SHA256 with a secret that is kept nowhere.

The secret is derived from the portal's own key and a random nonce: a copy of the database alone signs nothing.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from partners.core.errors import SettingsRefused
from partners.core.names import is_hostname, shown

__all__ = ["PORTS", "SIGNATURE_HEADER", "demand_url", "key_id", "secret_of", "signature"]

PORTS: Final = frozenset({443, 8443})
SIGNATURE_HEADER: Final = "Tlsportal-Signature"
_PURPOSE: Final = "tlsportal webhook"
_URL_MAX: Final = 500
_PLAIN: Final = frozenset(map(chr, range(0x21, 0x7F)))


def demand_url(url: str, *, ports: Collection[int] = PORTS) -> SplitResult:
    """Return the parts of *url*. Errors: SettingsRefused for all but https://name[:port]/path without user or fragment.

    An address in place of a name is refused: no certificate would fit it, and it would go round the resolver.
    """
    subject, cure = f"address {shown(url)}", "write it like https://hooks.example.com/path"
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as cause:
        raise SettingsRefused(subject, str(cause), cure) from cause
    if len(url) > _URL_MAX or not set(url) <= _PLAIN:
        raise SettingsRefused(subject, "it is too long, or holds spaces or signs beyond ASCII", cure)
    if parts.scheme != "https" or parts.username is not None or parts.password is not None or parts.fragment:
        raise SettingsRefused(subject, "it must begin with https:// and name no user and no fragment", cure)
    name = parts.hostname or ""
    if not is_hostname(name) or name.replace(".", "").isdecimal():
        raise SettingsRefused(subject, "it does not name a web server", cure)
    if port not in ports:
        allowed = ", ".join(str(one) for one in sorted(ports))
        raise SettingsRefused(subject, f"port {port} is none of {allowed}", "add it to TLSPORTAL_NOTICE_PORTS")
    return parts


def key_id(portal_key: str) -> str:
    """Return a name of *portal_key* that gives nothing of it away, to find it again among former keys."""
    return hashlib.sha256(f"{_PURPOSE} id {portal_key}".encode()).hexdigest()[:16]


def secret_of(nonce: str, wanted: str, portal_keys: Iterable[str]) -> str | None:
    """Return the secret made with *nonce* and the key named *wanted*, None where no such key is left."""
    for portal_key in portal_keys:
        if hmac.compare_digest(key_id(portal_key), wanted):
            derived = hmac.new(portal_key.encode(), f"{_PURPOSE} {nonce}".encode(), hashlib.sha256)
            return f"whsec_{derived.hexdigest()}"
    return None


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return the header's value: "t=1764000000,v1=…", the digest being over "t" "." body.

    The receiver computes it anew, compares in constant time, and refuses a timestamp older than five minutes.
    """
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={signed.hexdigest()}"
