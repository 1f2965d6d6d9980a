"""What an entry demands of the peer once main.cf has filled its gaps, in a form that can be compared.

Symbolic: names stay names, so that "every peer accepted after was accepted before" can be proven without a peer.
Source: tls_policy_lookup_one(), set_cert_match() in src/smtp/smtp_tls_policy.c; tls_proto_mask_lims() in src/tls.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from partners.core.certificates import DIGESTS
from partners.core.dane import insecure_mx_policy
from partners.core.errors import NameRefused
from partners.core.grammar import NOTHING_LEFT, Invalid, ParsedPolicy
from partners.core.levels import SecurityLevel
from partners.core.names import MatchKind, MatchName, nexthop_domain, to_ascii
from partners.core.offers import Unusable, grade_rank, listed_versions
from partners.core.pem import read_pem
from partners.core.relay import PostfixRelease, RelaySettings

__all__ = ["Anchors", "Demands", "Name", "default_policy", "demands_of"]

_SPLIT = re.compile(r"[:,\s]+")
_ANCHOR_LABELS = {b"CERTIFICATE", b"X509 CERTIFICATE", b"PUBLIC KEY"}


@dataclass(frozen=True, slots=True)
class Name:
    """A field of match= with nexthop and dot-nexthop filled in. suffix: any name below text; hostname: the MX host."""

    text: str
    suffix: bool = False
    hostname: bool = False
    address: bool = False

    def covers(self, other: "Name") -> bool:
        """Whether each certificate that *other* accepts is accepted here too."""
        if self == other:
            return True
        if not self.suffix or other.hostname or other.address or other.text.startswith("*"):
            return False
        return other.text.endswith(f".{self.text}")

    def __str__(self) -> str:
        return "hostname" if self.hostname else f".{self.text}" if self.suffix else self.text


@dataclass(frozen=True, slots=True)
class Anchors:
    """Trust anchors. of_tafile: synthetic DANE, which takes intermediates and does not look at the anchor's dates.

    members: SHA-256 of each certificate or key, and a path where its content is not known.
    """

    of_tafile: bool
    members: frozenset[str]

    def covers(self, other: "Anchors") -> bool:
        """Whether each chain that *other* trusts is trusted here too."""
        return self.of_tafile == other.of_tafile and self.members >= other.members


@dataclass(frozen=True, slots=True)
class Demands:
    """The demands of one policy. refused: Postfix takes the entry for invalid, so that no peer is accepted.

    protocols: versions allowed, None where main.cf's or the entry's list cannot be read; grade: rank, None likewise.
    dane: all that decides which TLSA records count.
    """

    level: SecurityLevel
    refused: str = ""
    names: frozenset[Name] = frozenset()
    digests: frozenset[str] = frozenset()
    algorithm: str = ""
    anchors: Anchors = Anchors(False, frozenset())
    depth: int = 0
    protocols: frozenset[str] | None = frozenset()
    protocols_text: str = ""
    grade: int | None = 0
    ciphers_text: str = ""
    exclude: frozenset[str] = frozenset()
    servername: str = ""
    rpk: bool = False
    sts: tuple[tuple[str, str], ...] = ()
    dane: tuple[str, ...] = ()
    wrappermode: bool = False
    senders_may_waive: bool = False


def default_policy(settings: RelaySettings) -> ParsedPolicy:
    """Return the policy of a nexthop without an entry."""
    return ParsedPolicy(settings.smtp_tls_security_level)


def demands_of(policy: ParsedPolicy | Invalid, nexthop: str, settings: RelaySettings) -> Demands:
    """Return what *policy* demands of the peers of *nexthop* on a relay with *settings*."""
    if isinstance(policy, Invalid):
        return Demands(policy.level, refused=policy.reason, senders_may_waive=_waivable(settings))
    if policy.level is SecurityLevel.NONE:
        return Demands(policy.level, senders_may_waive=_waivable(settings))
    may = policy.level is SecurityLevel.MAY
    protocols = settings.smtp_tls_protocols if may else settings.smtp_tls_mandatory_protocols
    protocols = protocols if policy.protocols is None else policy.protocols
    ciphers = settings.smtp_tls_ciphers if may else settings.smtp_tls_mandatory_ciphers
    ciphers = (policy.ciphers or ciphers).lower()
    by_name = policy.level.takes_tafile
    pinned = policy.level is SecurityLevel.FINGERPRINT
    algorithm = settings.fingerprint_digest.lower() if pinned else ""
    return Demands(
        policy.level,
        names=_names(policy, nexthop, settings) if by_name else frozenset(),
        digests=_digests(policy, settings, algorithm) if pinned else frozenset(),
        algorithm=algorithm,
        anchors=_anchors(policy, settings) if by_name else Anchors(of_tafile=False, members=frozenset()),
        depth=settings.smtp_tls_scert_verifydepth if by_name else 0,
        protocols=_versions(protocols, settings.postfix),
        protocols_text=protocols,
        grade=_rank_of(ciphers),
        ciphers_text=ciphers,
        exclude=_exclude(policy, settings),
        servername=settings.smtp_tls_servername if policy.servername is None else policy.servername,
        rpk=bool(policy.enable_rpk) and not by_name,
        sts=policy.sts,
        dane=_dane(policy, settings) if policy.level in {SecurityLevel.DANE, SecurityLevel.DANE_ONLY} else (),
        wrappermode=settings.smtp_tls_wrappermode,
        senders_may_waive=_waivable(settings),
    )


def _waivable(settings: RelaySettings) -> bool:
    """Whether "TLS-Required: no" in a message switches the policy off."""
    return settings.tls_required_enable and settings.postfix >= PostfixRelease(3, 10)


def _names(policy: ParsedPolicy, nexthop: str, settings: RelaySettings) -> frozenset[Name]:
    if policy.match == NOTHING_LEFT:
        return frozenset()
    of_verify = policy.level is SecurityLevel.VERIFY
    defaults = settings.smtp_tls_verify_cert_match if of_verify else settings.smtp_tls_secure_cert_match
    fields = policy.match or tuple(name for value in defaults for name in _SPLIT.split(value) if name)
    return frozenset(_name(one, nexthop_domain(nexthop)) for one in fields)


def _name(text: str, nexthop: str) -> Name:
    try:
        parsed = MatchName.parse(text)
    except NameRefused:
        return Name(text.lower())  # matches nothing, or nothing that can be reasoned about
    match parsed.kind:
        case MatchKind.NEXTHOP:
            return Name(to_ascii(nexthop), address=_is_address(nexthop))
        case MatchKind.DOT_NEXTHOP:
            return Name(to_ascii(nexthop), suffix=True)
        case MatchKind.HOSTNAME:
            return Name("", hostname=True)
        case MatchKind.SUFFIX:
            return Name(parsed.text[1:], suffix=True)
    return Name(parsed.text, address=parsed.kind is MatchKind.ADDRESS)


def _is_address(nexthop: str) -> bool:
    return ":" in nexthop or nexthop.replace(".", "").isdigit()


def _digests(policy: ParsedPolicy, settings: RelaySettings, algorithm: str) -> frozenset[str]:
    written = policy.match or settings.smtp_tls_fingerprint_cert_match
    fields = [one for value in written for one in re.split(r"[|,\s]+", value) if one]
    bare = {one.replace(":", "").upper() for one in fields}
    size = DIGESTS.get(algorithm)
    return frozenset(one for one in bare if size is None or len(one) == 2 * size)


def _anchors(policy: ParsedPolicy, settings: RelaySettings) -> Anchors:
    known = dict(settings.ta_files)
    for paths in (policy.tafile, settings.smtp_tls_trust_anchor_file):
        members: set[str] = set()
        for path in paths:
            content = known.get(path)
            members |= {f"path {path}"} if content is None else _pem_members(content)
        if members:
            return Anchors(of_tafile=True, members=frozenset(members))
    members = _pem_members(settings.ca_pem)
    paths = (settings.smtp_tls_CApath, settings.smtp_tls_CAfile if not settings.ca_pem else "")
    return Anchors(of_tafile=False, members=frozenset(members | {f"path {path}" for path in paths if path}))


def _pem_members(content: bytes) -> set[str]:
    """Return the anchors; what is broken cannot be compared, and stands for itself as a whole."""
    read = read_pem(content)
    members = {hashlib.sha256(one.der).hexdigest() for one in read.objects if one.label in _ANCHOR_LABELS}
    return members if read.is_sound else members | {hashlib.sha256(content).hexdigest()}


def _versions(text: str, release: PostfixRelease) -> frozenset[str] | None:
    """Return the versions that a list of protocols allows; None where it cannot be used."""
    try:
        return listed_versions(text, release)
    except Unusable:
        return None


def _rank_of(grade: str) -> int | None:
    try:
        return grade_rank(grade)
    except Unusable:
        return None


def _exclude(policy: ParsedPolicy, settings: RelaySettings) -> frozenset[str]:
    """Return the excluded ciphers, with what Postfix adds by itself."""
    if policy.exclude is None:
        listed: Iterable[str] = [settings.smtp_tls_exclude_ciphers]
        if policy.level is not SecurityLevel.MAY:
            listed = [settings.smtp_tls_exclude_ciphers, settings.smtp_tls_mandatory_exclude_ciphers]
    else:
        listed = [policy.exclude]
    words = {word.lower() for text in listed for word in _SPLIT.split(text) if word}
    if policy.level.must_match:
        words |= {"anull", "enull"}
    elif policy.level is SecurityLevel.ENCRYPT:
        words.add("enull")
    return frozenset(words)


def _dane(policy: ParsedPolicy, settings: RelaySettings) -> tuple[str, ...]:
    """Return what decides which TLSA records count (dane_init()), and what applies where dane falls to may."""
    return (
        f"insecure MX: {insecure_mx_policy(settings)}",
        f"smtp_dns_support_level: {settings.smtp_dns_support_level}",
        f"smtp_host_lookup: {settings.smtp_host_lookup}",
        f"ignore_mx_lookup_error: {settings.ignore_mx_lookup_error}",
        f"tls_dane_digests: {' '.join(settings.tls_dane_digests)}",
        f"smtp_tls_protocols: {settings.smtp_tls_protocols if policy.protocols is None else policy.protocols}",
        f"smtp_tls_ciphers: {policy.ciphers or settings.smtp_tls_ciphers}",
    )
