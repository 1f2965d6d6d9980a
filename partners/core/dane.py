"""TLSA records at levels dane and dane-only: which policy they make at one MX host, and whether the peer fits them.

Source: dane_init() in src/smtp/smtp_tls_policy.c, src/tls/tls_dane.c; RFC 7671 and RFC 7672.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from partners.core import chain as chains
from partners.core.certificates import spki_of
from partners.core.chain import Anchors
from partners.core.der import DerError, read_certificate, read_element
from partners.core.errors import CertificateRefused
from partners.core.levels import SecurityLevel
from partners.core.matching import match_names
from partners.core.names import nexthop_domain
from partners.core.observation import Dnssec, HostFacts, LookupStatus, NexthopFacts, TlsaFacts, TlsaRecord
from partners.core.reasons import Reason
from partners.core.relay import PostfixRelease, RelaySettings

__all__ = ["DaneKind", "DanePlan", "TlsaResult", "insecure_mx_policy", "is_dane_possible", "match_tlsa", "plan_for"]

_TRUST_ANCHOR, _END_ENTITY = 2, 3  # certificate usages that SMTP knows (RFC 7672 section 3.1)
_FULL = 0
_DIGESTS = {1: "sha256", 2: "sha512"}  # matching types
_PRIVATE_TYPE = 255
# An entry "dane" behind an insecure MX enforces TLSA by default from these releases on; 3.1 to 3.5.0 did as well.
_DANE_BY_DEFAULT = {6: 17, 7: 13, 8: 8, 9: 2}


class DaneKind(Enum):
    """What a dane level becomes at one host."""

    MAY = "may"
    ENCRYPT = "encrypt"
    MATCH = "match"
    SKIP = "skip"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DanePlan:
    """The policy at one host. text, reason: why it is skipped or not known; half: TLSA behind an insecure MX record.

    base: the TLSA base domain, which is the servername too; names: what the certificate must carry at usage 2.
    """

    kind: DaneKind
    text: str = ""
    reason: str = ""
    base: str = ""
    names: tuple[str, ...] = ()
    records: tuple[TlsaRecord, ...] = ()
    half: bool = False


@dataclass(frozen=True, slots=True)
class TlsaResult:
    """Whether the peer fits. has_chain: a usage 2 chain is good and only the name is not."""

    matched: bool
    has_chain: bool = False
    reason: str = Reason.TLSA_INVALID


def is_dane_possible(relay: RelaySettings) -> bool:
    """Whether the relay's settings let it look for TLSA; without, dane is may and dane-only is invalid."""
    dns = "dns" in relay.smtp_host_lookup.replace(",", " ").split()
    return relay.smtp_dns_support_level == "dnssec" and dns and not relay.ignore_mx_lookup_error


def insecure_mx_policy(relay: RelaySettings) -> str:
    """Return smtp_tls_dane_insecure_mx_policy with the release's own default (HISTORY 20250210)."""
    if relay.smtp_tls_dane_insecure_mx_policy:
        return relay.smtp_tls_dane_insecure_mx_policy
    release = relay.postfix
    always = release >= PostfixRelease(3, 10) or PostfixRelease(3, 1) <= release <= PostfixRelease(3, 5, 0)
    fixed = release.major == 3 and release.patch >= _DANE_BY_DEFAULT.get(release.minor, 1000)
    return "dane" if always or fixed or relay.smtp_tls_security_level is SecurityLevel.DANE else "may"


def plan_for(level: SecurityLevel, facts: NexthopFacts, host: HostFacts, port: int, relay: RelaySettings) -> DanePlan:
    """Return what *level* (dane or dane-only) becomes at *host*."""
    is_only = level is SecurityLevel.DANE_ONLY
    behind_insecure_mx = facts.mx_asked and facts.mx_status is LookupStatus.FOUND and facts.mx_dnssec is Dnssec.INSECURE
    if behind_insecure_mx and is_only:
        return DanePlan(DaneKind.SKIP, "non DNSSEC destination", Reason.DNSSEC_INVALID)
    insecure = insecure_mx_policy(relay) if behind_insecure_mx else "dane"
    if insecure == "may":
        return DanePlan(DaneKind.MAY)
    found = _lookup(host)
    if isinstance(found, DanePlan):
        return found if found.kind is DaneKind.UNKNOWN else DanePlan(found.kind, f"{found.text}:{port}", found.reason)
    if found is None or not any(_is_usable(record) for record in found.records):
        return _without_records(found, is_only=is_only)
    if insecure == "encrypt":
        return DanePlan(DaneKind.ENCRYPT)
    return _with_records(found, facts, relay, is_only=is_only, half=behind_insecure_mx)


def match_tlsa(chain: tuple[bytes, ...], plan: DanePlan, at: datetime, depth: int) -> TlsaResult:
    """Say whether *chain* fits one of the plan's records: usage 3 by itself, usage 2 with chain, dates and name."""
    if not chain:
        return TlsaResult(matched=False, reason=Reason.CERTIFICATE_NOT_SENT)
    if any(record.usage == _END_ENTITY and _fits(chain[0], record) for record in plan.records):
        return TlsaResult(matched=True)
    anchors = _anchors(chain, [record for record in plan.records if record.usage == _TRUST_ANCHOR])
    if not (anchors.certificates or anchors.keys or anchors.sent):
        return TlsaResult(matched=False)
    result = chains.verify(chain, anchors, at, depth=depth, strict=True)
    if not result.trusted:
        return TlsaResult(matched=False, reason=result.reason)
    if match_names(plan.names, "", "", chain[0]).matched:
        return TlsaResult(matched=True)
    return TlsaResult(matched=False, has_chain=True, reason=Reason.CERTIFICATE_HOST_MISMATCH)


def _with_records(
    found: TlsaFacts, facts: NexthopFacts, relay: RelaySettings, *, is_only: bool, half: bool
) -> DanePlan:
    """Leave out what is unsound before the strongest digest is sought, as OpenSSL does (dane_tlsa_add()).

    Where that leaves nothing, dane falls to encrypt in the handshake alone, when names and ciphers are settled.
    """
    sound = tuple(_strongest([record for record in found.records if _is_usable(record) and _is_sound(record)], relay))
    names = (found.name, nexthop_domain(facts.nexthop), facts.canonical)
    wanted = tuple(dict.fromkeys(name for name in names if name))
    if not sound and not is_only:
        return DanePlan(DaneKind.ENCRYPT, base=found.name, names=wanted)
    return DanePlan(DaneKind.MATCH, base=found.name, names=wanted, records=sound, half=half)


def _without_records(found: TlsaFacts | None, *, is_only: bool) -> DanePlan:
    """Fall to may (no records) or to encrypt (none usable) at dane; give the host up at dane-only."""
    if is_only:
        text = "no TLSA records found" if found is None else "TLSA records unusable"
        return DanePlan(DaneKind.SKIP, text, Reason.DANE_REQUIRED)
    return DanePlan(DaneKind.MAY if found is None else DaneKind.ENCRYPT)


def _lookup(host: HostFacts) -> TlsaFacts | DanePlan | None:
    """Return the TLSA records that count, a plan where the lookup failed or was not made, None where there are none.

    At the end of the alias first if that is secure, then at the name of the MX record; an insecure answer is none.
    """
    bases = [host.canonical or host.name] if host.dnssec is Dnssec.SECURE else []
    if host.canonical and host.alias_dnssec is Dnssec.SECURE:
        bases.append(host.name)
    made = {tlsa.name.lower(): tlsa for tlsa in host.tlsa}
    for base in bases:
        tlsa = made.get(base.lower())
        if tlsa is None:
            return DanePlan(DaneKind.UNKNOWN, f"TLSA of {base} was not looked up", Reason.NOT_MEASURED)
        if tlsa.status is LookupStatus.FAILED:
            return DanePlan(DaneKind.SKIP, f"TLSA lookup error for {host.name}", Reason.LOOKUP_FAILED)
        if tlsa.status is LookupStatus.FOUND and tlsa.dnssec is Dnssec.SECURE and tlsa.records:
            return tlsa
    return None


def _is_usable(record: TlsaRecord) -> bool:
    """What Postfix looks at before it connects."""
    return record.usage in {_TRUST_ANCHOR, _END_ENTITY} and record.matching_type != _PRIVATE_TYPE


def _is_sound(record: TlsaRecord) -> bool:
    """What OpenSSL looks at in the handshake: selector, matching type, length, and whole certificates and keys."""
    if record.selector not in {0, 1}:
        return False
    if record.matching_type in _DIGESTS:
        return len(record.data) == hashlib.new(_DIGESTS[record.matching_type]).digest_size
    if record.matching_type != _FULL:
        return False
    try:
        if record.selector == 0:
            read_certificate(record.data)
        else:
            load_der_public_key(record.data)
    except (DerError, ValueError, UnsupportedAlgorithm):
        return False
    return record.selector == 1 or not read_element(record.data)[1]


def _strongest(records: list[TlsaRecord], relay: RelaySettings) -> list[TlsaRecord]:
    """Digest agility: per usage and selector only the strongest published digest counts; whole data always does."""
    order = {name: rank for rank, name in enumerate(relay.tls_dane_digests)}
    best: dict[tuple[int, int], int] = {}
    ranked = [(record, order.get(_DIGESTS.get(record.matching_type, ""), len(order))) for record in records]
    for record, rank in ranked:
        if record.matching_type in _DIGESTS:
            place = (record.usage, record.selector)
            best[place] = min(best.get(place, rank), rank)
    return [
        record
        for record, rank in ranked
        if record.matching_type not in _DIGESTS or rank == best[record.usage, record.selector] < len(order)
    ]


def _fits(der: bytes, record: TlsaRecord) -> bool:
    try:
        content = der if record.selector == 0 else spki_of(der)
    except CertificateRefused:
        return False
    if record.matching_type == _FULL:
        return content == record.data
    return hashlib.new(_DIGESTS[record.matching_type], content).digest() == record.data


def _anchors(chain: tuple[bytes, ...], records: list[TlsaRecord]) -> Anchors:
    """Return what usage 2 records trust: certificates that were sent, and whole ones from the DNS; never the leaf."""
    whole = [record for record in records if record.matching_type == _FULL]
    sent = tuple(der for der in chain[1:] if der != chain[0] and any(_fits(der, record) for record in records))
    certificates = tuple(record.data for record in whole if record.selector == 0 and record.data != chain[0])
    keys = tuple(record.data for record in whole if record.selector == 1)
    return Anchors(certificates, keys, synthetic=True, sent=sent, takes_leaf=False)
