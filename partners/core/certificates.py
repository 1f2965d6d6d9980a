"""Certificates: uploads in PEM, DER and PKCS#7, their facts, and fingerprints as Postfix writes them.

Every name in a certificate is an attacker's text: CertificateFacts holds it cleaned, for people. Fingerprints come from
the DER bytes, so that a certificate which `cryptography` refuses keeps its fingerprint.
"""

import hashlib
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from partners.core import der as asn1
from partners.core.errors import CertificateRefused
from partners.core.uploads import certificates_of
from partners.core.wording import _, fill

__all__ = [
    "DIGESTS",
    "FIRST_MOMENT",
    "LAST_MOMENT",
    "CertificateFacts",
    "NamesSeen",
    "cert_fingerprint",
    "certificate_facts",
    "clean_text",
    "names_of",
    "parse_fingerprint",
    "parse_upload",
    "pkey_fingerprint",
    "spki_of",
    "turning_points",
]

DIGESTS = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}  # algorithm -> bytes
# RFC 5280 section 4.1.2.5: 9999-12-31 says that there is no end. East of UTC that moment is in a year that is none.
FIRST_MOMENT, LAST_MOMENT = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)
NAME_LENGTH_MAX = 255  # RFC 1035 section 3.1; longer names are cut for display

_SAN, _BASIC_CONSTRAINTS, _COMMON_NAME = "2.5.29.17", "2.5.29.19", "2.5.4.3"
_SHORT_NAMES = {
    _COMMON_NAME: "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "1.2.840.113549.1.9.1": "emailAddress",
    "0.9.2342.19200300.100.1.25": "DC",
}
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_SAN_DNS, _SAN_IP = 0x82, 0x87
_KEY_KINDS: dict[type, tuple[str, int]] = {  # name and bits, 0 where the key says them
    rsa.RSAPublicKey: ("RSA", 0),
    ec.EllipticCurvePublicKey: ("EC", 0),
    dsa.DSAPublicKey: ("DSA", 0),
    ed25519.Ed25519PublicKey: ("Ed25519", 256),
    ed448.Ed448PublicKey: ("Ed448", 456),
}
_FINGERPRINT_PREFIX = re.compile(
    r"^\s*(?:(md5|sha-?1|sha-?256|sha-?512)\s*)?(?:fingerprint)?\s*[=:]?\s*", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class NamesSeen:
    """The names of a leaf as bytes, as OpenSSL compares them.

    dns_ids: dNSName entries; ips: iPAddress entries; common_names: every CN, converted to UTF-8.
    """

    dns_ids: tuple[bytes, ...]
    ips: tuple[bytes, ...]
    common_names: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says, its texts cleaned for people.

    not_before, not_after: aware, UTC, from FIRST_MOMENT to LAST_MOMENT; None where the field cannot be read.
    key_bits: 0 where unknown.
    self_signed: the signature verifies with its own key. parse_error: the fields that could not be read.
    """

    der: bytes
    subject: str
    issuer: str
    dns_ids: tuple[str, ...]
    ips: tuple[str, ...]
    common_names: tuple[str, ...]
    not_before: datetime | None
    not_after: datetime | None
    key_type: str
    key_bits: int
    is_ca: bool
    self_signed: bool
    serial: str
    parse_error: str = ""


def parse_upload(content: bytes) -> tuple[CertificateFacts, ...]:
    """Read the certificates of an upload, in its order and each once.

    Shape: PEM with any text around it, DER, PKCS#7 in both forms, bare base64.
    Errors: PrivateKeyRefused if it holds a private key anywhere, CertificateRefused if it holds no certificate.
    """
    return tuple(certificate_facts(der) for der in certificates_of(content))


def cert_fingerprint(der: bytes, algorithm: str) -> str:
    """Return the digest of the DER certificate as Postfix writes it: "3D:95:…"."""
    return _digest(der, algorithm)


def pkey_fingerprint(der: bytes, algorithm: str) -> str:
    """Return the digest of the DER SubjectPublicKeyInfo of the certificate *der* as Postfix writes it."""
    return _digest(spki_of(der), algorithm)


def spki_of(der: bytes) -> bytes:
    """Return the DER SubjectPublicKeyInfo. Errors: CertificateRefused where *der* is no certificate."""
    try:
        return asn1.read_certificate(der).spki
    except asn1.DerError as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> CertificateRefused:
    cause = fill(_("it cannot be read ({fault})"), fault=error)
    return CertificateRefused(_("certificate"), cause, _("send it in PEM form"))


def parse_fingerprint(text: str) -> bytes:
    """Read a fingerprint as people paste it: any case, colons, blanks or nothing between pairs, "SHA256:" before it.

    Errors: CertificateRefused where it is no digest of a known length, or of another length than its prefix says.
    """
    prefix = _FINGERPRINT_PREFIX.match(text)
    named = (prefix[1] or "").lower().replace("-", "") if prefix else ""
    digits = re.sub(r"[:\s-]", "", text[prefix.end() :] if prefix else text)
    subject, cure = _("fingerprint"), _("paste 64 hexadecimal digits (SHA-256), with or without colons")
    if not digits or not set(digits) <= set(string.hexdigits):
        raise CertificateRefused(subject, _("it holds other characters than hexadecimal digits"), cure)
    size = len(digits) / 2
    if size not in DIGESTS.values():
        cause = fill(_("{count} digits are no MD5, SHA-1, SHA-256 or SHA-512 digest"), count=len(digits))
        raise CertificateRefused(subject, cause, cure)
    if named and DIGESTS[named] != size:
        cause = fill(_("{count} digits are no {algorithm} digest"), count=len(digits), algorithm=named.upper())
        raise CertificateRefused(subject, cause, cure)
    return bytes.fromhex(digits)


def certificate_facts(der: bytes) -> CertificateFacts:
    """Read one DER certificate; a field that cannot be read is told in parse_error.

    Errors: CertificateRefused where it is no certificate at all.
    """
    return _kept_facts(der) if len(der) <= asn1.KEPT_BYTES_MAX else _facts(der)


def turning_points(certificates: Iterable[bytes]) -> frozenset[datetime]:
    """Return the moments at which a date of any of *certificates* begins or ceases to count; notAfter still counts."""
    found: set[datetime] = set()
    for der in certificates:
        try:
            facts = certificate_facts(der)
        except CertificateRefused:
            continue
        found |= {facts.not_before} if facts.not_before else set()
        if facts.not_after and facts.not_after < LAST_MOMENT:  # RFC 5280 section 4.1.2.5: no well-defined end
            found.add(facts.not_after + timedelta(seconds=1))
    return frozenset(found)


@lru_cache(maxsize=512)
def _kept_facts(der: bytes) -> CertificateFacts:
    return _facts(der)


def _facts(der: bytes) -> CertificateFacts:
    try:
        parts = asn1.read_certificate(der)
    except asn1.DerError as error:
        raise _unreadable(error) from error
    faults: list[str] = []
    names = _names_or_fault(der, faults)
    kind, bits = _key(parts.spki, faults)
    return CertificateFacts(
        der=der,
        subject=_name_text(parts.subject, "subject", faults),
        issuer=_name_text(parts.issuer, "issuer", faults),
        dns_ids=tuple(clean_text(name) for name in names.dns_ids),
        ips=tuple(_ip_text(packed) for packed in names.ips),
        common_names=tuple(clean_text(name) for name in names.common_names),
        not_before=_date(parts.not_before, "notBefore", faults),
        not_after=_date(parts.not_after, "notAfter", faults),
        key_type=kind,
        key_bits=bits,
        is_ca=_is_ca(parts.extensions.get(_BASIC_CONSTRAINTS, b""), faults),
        self_signed=parts.subject == parts.issuer and _signs_itself(der, faults),
        serial=f"{parts.serial:x}",
        parse_error="; ".join(faults),
    )


def names_of(der: bytes) -> NamesSeen:
    """Return the names of *der* as bytes. Errors: der.DerError where they cannot be read."""
    return _kept_names(der) if len(der) <= asn1.KEPT_BYTES_MAX else _names(der)


@lru_cache(maxsize=512)
def _kept_names(der: bytes) -> NamesSeen:
    return _names(der)


def _names(der: bytes) -> NamesSeen:
    parts = asn1.read_certificate(der)
    dns_ids, ips = [], []
    if san := parts.extensions.get(_SAN):
        listed, _rest = asn1.read_element(san)
        for name in asn1.children(listed.content):
            if name.tag == _SAN_DNS:
                dns_ids.append(name.content)
            elif name.tag == _SAN_IP:
                ips.append(name.content)
    common_names = [
        value.content.decode(_ENCODINGS.get(value.tag, "latin-1"), "replace").encode("utf-8", "replace")
        for oid, value in _attributes(parts.subject)
        if oid == _COMMON_NAME
    ]
    return NamesSeen(tuple(dns_ids), tuple(ips), tuple(common_names))


def clean_text(text: str | bytes, limit: int = NAME_LENGTH_MAX) -> str:
    """Return *text* on one line, at most *limit* characters, what is not printable replaced by U+FFFD.

    str.isprintable() is false for controls, line ends, bidirectional marks and zero-width characters alike.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    cleaned = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1])
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def _digest(content: bytes, algorithm: str) -> str:
    if algorithm not in DIGESTS:
        raise ValueError(f"digest {algorithm}: not one of {', '.join(DIGESTS)}")
    return hashlib.new(algorithm, content, usedforsecurity=False).digest().hex(":").upper()


def _names_or_fault(der: bytes, faults: list[str]) -> NamesSeen:
    try:
        return names_of(der)
    except asn1.DerError as error:
        faults.append(f"names: {error}")
        return NamesSeen((), (), ())


def _attributes(name: bytes) -> list[tuple[str, asn1.Element]]:
    outer, _rest = asn1.read_element(name)
    found = []
    for rdn in asn1.children(outer.content):
        for attribute in asn1.children(rdn.content):
            inner = list(asn1.children(attribute.content))
            if len(inner) != 2:
                raise asn1.DerError("broken attribute")
            found.append((asn1.oid_text(inner[0].content), inner[1]))
    return found


def _name_text(name: bytes, field: str, faults: list[str]) -> str:
    try:
        attributes = _attributes(name)
    except asn1.DerError as error:
        faults.append(f"{field}: {error}")
        return ""
    parts = []
    for oid, value in attributes:
        text = clean_text(value.content.decode(_ENCODINGS.get(value.tag, "latin-1"), "replace"))
        parts.append(f"{_SHORT_NAMES.get(oid, oid)}={text}")
    return clean_text(", ".join(parts), 4 * NAME_LENGTH_MAX)


def _ip_text(packed: bytes) -> str:
    try:
        return str(ip_address(packed))
    except ValueError:
        return packed.hex()


def _date(element: asn1.Element, field: str, faults: list[str]) -> datetime | None:
    """Read UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5), clipped to what every time zone has a day for."""
    text = element.content.decode("ascii", "replace")
    if element.tag == asn1.UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    try:
        if not re.fullmatch(r"\d{14}Z", text, re.ASCII):
            raise ValueError(text)  # noqa: TRY301 - one way out for both kinds of fault
        return min(max(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC), FIRST_MOMENT), LAST_MOMENT)
    except ValueError:
        faults.append(f"{field}: {clean_text(text, 32)} is no date")
        return None


def _key(spki: bytes, faults: list[str]) -> tuple[str, int]:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        faults.append(f"public key: {clean_text(str(error))}")
        return "unknown", 0
    for kind, bits in _KEY_KINDS.items():
        if isinstance(key, kind):
            return bits[0], bits[1] or getattr(key, "key_size", 0)
    return type(key).__name__, 0


def _is_ca(extension: bytes, faults: list[str]) -> bool:
    if not extension:
        return False
    try:
        outer, _rest = asn1.read_element(extension)
        first = next(asn1.children(outer.content), None)
    except asn1.DerError as error:
        faults.append(f"basicConstraints: {error}")
        return False
    return first is not None and first.tag == asn1.BOOLEAN and any(first.content)


def _signs_itself(der: bytes, faults: list[str]) -> bool:
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        faults.append(f"signature: {clean_text(str(error))}")
        return False
    return True
