"""Names of the peer's certificate against match=, as Postfix hands them to OpenSSL (release 3.6 and later).

Source: add_namechecks() in src/tls/tls_client.c; do_x509_check(), valid_star(), wildcard_match() in OpenSSL 3's
crypto/x509/v3_utl.c. Postfix sets X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS and nothing else.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from partners.core.certificates import NamesSeen, clean_text, names_of
from partners.core.der import DerError
from partners.core.kept import Kept, joint_digest
from partners.core.names import nexthop_domain, to_ascii

__all__ = ["MatchResult", "match_names"]

_OTHER_DOTS = ("\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH FULL STOP}", "\N{HALFWIDTH IDEOGRAPHIC FULL STOP}")
_LABEL = rb"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# A first label of one star, then at least two dots; any other character than a letter, digit or inner hyphen makes the
# whole name a literal (valid_star()).
_WILDCARD = re.compile(rb"\*(?:\." + _LABEL + rb"){2,}")
_ONE_LABEL = re.compile(rb"[A-Za-z0-9-]+|\*")


@dataclass(frozen=True, slots=True)
class MatchResult:
    """Whether the names match. name: the one that did; asked: what was looked for; seen: what the certificate holds.

    is_mismatch: a host name differs and nothing else, which is a milder word in the log from release 3.10.4 on.
    """

    matched: bool
    name: str = ""
    asked: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    is_mismatch: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What Postfix gives to OpenSSL: hosts (".x" for any name below x), and at most one IP address."""

    hosts: tuple[bytes, ...]
    ip: bytes | None


_kept: Kept[MatchResult] = Kept(8192)


def match_names(patterns: Iterable[str], nexthop: str, mx_host: str, der: bytes) -> MatchResult:
    """Say whether the leaf *der* carries a name that one of *patterns* accepts.

    patterns: fields of match=, already split; nexthop: with or without brackets and port; mx_host: as connected to.
    An IP check and a name check must both succeed; without any check nothing matches.
    """
    fields = tuple(patterns)
    key = (fields, nexthop, mx_host, joint_digest((der,)))
    return _kept.get(key, lambda: _matched(fields, nexthop, mx_host, der))


def _matched(patterns: tuple[str, ...], nexthop: str, mx_host: str, der: bytes) -> MatchResult:
    asked = _asked(patterns, nexthop_domain(nexthop), mx_host)
    try:
        names = names_of(der)
    except DerError:
        names = NamesSeen((), (), ())
    wanted = tuple(clean_text(host) for host in asked.hosts) + ((str(ip_address(asked.ip)),) if asked.ip else ())
    shown = (names.dns_ids or names.common_names) if asked.hosts else ()
    seen = tuple(clean_text(name) for name in shown) + tuple(clean_text(_ip_text(packed)) for packed in names.ips)
    if asked.ip is None and not asked.hosts:
        return MatchResult(matched=False, seen=seen)
    if asked.ip is not None and asked.ip not in names.ips:
        return MatchResult(matched=False, asked=wanted, seen=seen)
    if not asked.hosts:
        return MatchResult(matched=True, name=wanted[-1], asked=wanted, seen=seen)
    # The common name counts only if there is no dNSName at all, however odd.
    found = next((name for name in names.dns_ids or names.common_names if _any_accepts(asked.hosts, name)), None)
    return MatchResult(found is not None, clean_text(found or b""), wanted, seen, is_mismatch=found is None)


def _asked(patterns: Iterable[str], nexthop: str, mx_host: str) -> _Asked:
    hosts: list[bytes] = []
    ip: bytes | None = None
    for pattern in patterns:
        name, below = _expand(pattern, nexthop, mx_host)
        if not name:
            continue
        packed = None if below else _packed(name)
        if packed is None:
            hosts.append((b"." if below else b"") + to_ascii(name).encode("utf-8", "replace"))
        elif ip is None:  # a second address is refused with a warning
            ip = packed
    return _Asked(tuple(hosts), ip)


def _expand(pattern: str, nexthop: str, mx_host: str) -> tuple[str, bool]:
    """Return the name that *pattern* stands for, and whether names below it are meant; "" drops the pattern."""
    match pattern.lower():
        case "nexthop":
            return nexthop, False
        case "dot-nexthop":
            return nexthop, True
        case "hostname":
            return mx_host, False
    if pattern.startswith("."):
        return pattern[1:], True
    if pattern.startswith(_OTHER_DOTS) and len(pattern) > 1:
        return pattern[1:], True
    return pattern, False


def _packed(name: str) -> bytes | None:
    try:
        return ip_address(name).packed
    except ValueError:
        return None


def _ip_text(packed: bytes) -> str:
    try:
        return str(ip_address(packed))
    except ValueError:
        return packed.hex()


def _any_accepts(hosts: Iterable[bytes], name: bytes) -> bool:
    return any(_accepts(host, name) for host in hosts)


def _accepts(host: bytes, name: bytes) -> bool:
    """equal_wildcard() with the certificate's *name* as pattern and *host* as subject."""
    if b"\0" in name:
        return False
    folded, wanted = name.lower(), host.lower()
    if len(wanted) > 1 and wanted.startswith(b"."):
        # Any name that ends so; a wildcard is text here. OpenSSL takes a dNSName that is the suffix itself as well.
        return folded.endswith(wanted)
    if not _WILDCARD.fullmatch(name):
        return folded == wanted
    suffix = folded[1:]
    return wanted.endswith(suffix) and _ONE_LABEL.fullmatch(wanted[: -len(suffix)]) is not None
