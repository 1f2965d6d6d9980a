"""Questions to the DNS about a mail domain that judging does not need: its name servers, and whether it has MTA-STS."""

from collections.abc import Callable
from typing import Any, Final

import dns.exception
import dns.name
import dns.resolver

from partners.core.errors import SettingsRefused

__all__ = ["name_servers", "sts_id"]

_SECONDS: Final = 5.0  # for one question with its retries
_PARENTS_MAX: Final = 4
_SERVERS_MAX: Final = 32
_ID_MAX: Final = 32  # RFC 8461 section 3.1
_Ask = Callable[[str, str], list[Any] | None]


def name_servers(mail_domain: str, nameserver: tuple[str, int] | None) -> tuple[str, ...] | None:
    """Return who serves *mail_domain*, or the zone that it lies in; None where the DNS does not tell."""
    ask = _asker(nameserver)
    labels = mail_domain.strip(".").split(".")
    for start in range(min(len(labels) - 1, _PARENTS_MAX)):
        found = ask(".".join(labels[start:]), "NS")
        if found is None:
            return None
        if found:
            return tuple(sorted({str(one.target).rstrip(".").lower() for one in found})[:_SERVERS_MAX])
    return ()


def sts_id(mail_domain: str, nameserver: tuple[str, int] | None) -> str | None:
    """Return the id of the MTA-STS record of *mail_domain*, "" where there is none; None where the DNS does not tell.

    Source: RFC 8461 section 3.1; where there are several records, there is none.
    """
    found = _asker(nameserver)(f"_mta-sts.{mail_domain.strip('.')}", "TXT")
    if found is None:
        return None
    texts = [b"".join(one.strings).decode("ascii", "replace") for one in found]
    texts = [text for text in texts if text.replace(" ", "").startswith("v=STSv1;")]
    if len(texts) != 1:
        return ""
    fields = (field.strip().partition("=") for field in texts[0].split(";"))
    ids = [value for name, _equals, value in fields if name == "id"]
    return ids[0] if len(ids) == 1 and ids[0].isalnum() and ids[0].isascii() and len(ids[0]) <= _ID_MAX else ""


def _asker(nameserver: tuple[str, int] | None) -> _Ask:
    """Return a function that asks the resolver: records, [] for none, None for a failure."""
    try:
        resolver = dns.resolver.Resolver(configure=nameserver is None)
    except (OSError, dns.resolver.NoResolverConfiguration) as cause:
        cure = "set TLSPORTAL_RESOLVER to a validating resolver, such as 127.0.0.1:53"
        raise SettingsRefused("/etc/resolv.conf", "it names no resolver", cure) from cause
    if nameserver is not None:
        resolver.nameservers, resolver.port = [nameserver[0]], nameserver[1]
    resolver.lifetime = _SECONDS

    def ask(name: str, kind: str) -> list[Any] | None:
        try:
            return list(resolver.resolve(dns.name.from_text(name), kind, search=False))
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            return []
        except (dns.exception.DNSException, OSError, ValueError):
            return None

    return ask
