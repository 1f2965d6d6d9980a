"""A small reader of DER, for certificates that `cryptography` refuses and Postfix takes.

Only what fingerprints and names need: the parts of a certificate (RFC 5280 section 4.1), each as bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "KEPT_BYTES_MAX",
    "CertificateParts",
    "DerError",
    "Element",
    "children",
    "oid_text",
    "read_certificate",
    "read_element",
]

KEPT_BYTES_MAX = 16_384  # longer certificates, which nobody has but who means harm, are read again each time
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
UTC_TIME = 0x17
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_LONG_FORM = 0x80
_LENGTH_BYTES_MAX = 4
_LONG_TAG = 0x1F
_OID_BYTES_MAX = 128
_TBS_FIELDS = 6  # serial number, signature, issuer, validity, subject, subjectPublicKeyInfo


class DerError(ValueError):
    """Bytes that are no DER, or not the structure that was asked for."""


@dataclass(frozen=True, slots=True)
class Element:
    """One tag with its content; raw holds both and the length."""

    tag: int
    content: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class CertificateParts:
    """The parts of a certificate as DER. extensions: dotted OID -> value (the first one counts).

    signature_algorithm: dotted OID of the outer signature algorithm.
    """

    serial: int
    issuer: bytes
    not_before: Element
    not_after: Element
    subject: bytes
    spki: bytes
    extensions: dict[str, bytes]
    signature_algorithm: str


def read_element(content: bytes) -> tuple[Element, bytes]:
    """Split *content* into its first element and the rest. Errors: DerError."""
    if len(content) < 2:
        raise DerError("truncated")
    tag, size, head = content[0], content[1], 2
    if tag & _LONG_TAG == _LONG_TAG:
        raise DerError("tag in the long form")
    if size & _LONG_FORM:
        count = size & 0x7F
        if not 0 < count <= _LENGTH_BYTES_MAX:
            raise DerError("length without a definite form")
        head += count
        size = int.from_bytes(content[2:head], "big")
    if len(content) < head + size:
        raise DerError("truncated")
    return Element(tag, content[head : head + size], content[: head + size]), content[head + size :]


def children(content: bytes) -> Iterator[Element]:
    """Yield the elements of *content*. Errors: DerError."""
    while content:
        element, content = read_element(content)
        yield element


def oid_text(content: bytes) -> str:
    """Return an object identifier in dotted form. Errors: DerError."""
    if len(content) > _OID_BYTES_MAX:  # Python refuses to print a number of thousands of digits
        raise DerError("object identifier too long")
    arcs, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    if not arcs:
        raise DerError("empty object identifier")
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def read_certificate(der: bytes) -> CertificateParts:
    """Take a certificate apart. Errors: DerError where *der* is none."""
    return _kept(der) if len(der) <= KEPT_BYTES_MAX else _taken_apart(der)


@lru_cache(maxsize=2048)
def _kept(der: bytes) -> CertificateParts:
    return _taken_apart(der)


def _taken_apart(der: bytes) -> CertificateParts:
    outer, _rest = read_element(der)
    parts = list(children(outer.content))
    if outer.tag != SEQUENCE or len(parts) < 3 or parts[0].tag != SEQUENCE:
        raise DerError("no certificate")
    fields = list(children(parts[0].content))
    if fields and fields[0].tag == _VERSION:
        fields = fields[1:]
    if len(fields) < _TBS_FIELDS or fields[0].tag != INTEGER or fields[5].tag != SEQUENCE:
        raise DerError("no certificate")
    dates = list(children(fields[3].content))
    if len(dates) != 2:
        raise DerError("no validity")
    found = next((field for field in fields[_TBS_FIELDS:] if field.tag == _EXTENSIONS), None)
    return CertificateParts(
        serial=int.from_bytes(fields[0].content, "big", signed=True),
        issuer=fields[2].raw,
        not_before=dates[0],
        not_after=dates[1],
        subject=fields[4].raw,
        spki=fields[5].raw,
        extensions=_extensions(found.content) if found else {},
        signature_algorithm=_first_oid(parts[1].content),
    )


def _extensions(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    listed, _rest = read_element(content)
    for extension in children(listed.content):
        inner = list(children(extension.content))
        if len(inner) < 2 or inner[0].tag != OID:
            raise DerError("broken extension")
        found.setdefault(oid_text(inner[0].content), inner[-1].content)
    return found


def _first_oid(content: bytes) -> str:
    element, _rest = read_element(content)
    return oid_text(element.content)
