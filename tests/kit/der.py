"""Just enough DER to say what `cryptography` refuses to say: SHA-1 signatures, odd names, broken bytes."""

import base64
import hashlib
import textwrap
from collections.abc import Sequence

SEQUENCE = 0x30
BIT_STRING = 0x03
OID_SIGNATURES = {
    ("rsa", "md5"): "1.2.840.113549.1.1.4",
    ("rsa", "sha1"): "1.2.840.113549.1.1.5",
    ("ec", "sha1"): "1.2.840.10045.4.1",
}
_DER_NULL = b"\x05\x00"


def tlv(tag: int, content: bytes) -> bytes:
    """Return *content* behind its DER *tag* and length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def elements(content: bytes) -> list[bytes]:
    """Return the elements of *content*, each with its tag and length."""
    found = []
    while content:
        size, head = content[1], 2
        if size & 0x80:
            head += size & 0x7F
            size = int.from_bytes(content[2:head], "big")
        found.append(content[: head + size])
        content = content[head + size :]
    return found


def body(element: bytes) -> bytes:
    """Return *element* without its tag and length."""
    return element[2 + (element[1] & 0x7F if element[1] & 0x80 else 0) :]


def oid(dotted: str) -> bytes:
    """Return the DER object identifier of *dotted*."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    coded = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        coded.extend(reversed(groups))
    return tlv(0x06, bytes(coded))


def general_names(
    dns: Sequence[str | bytes], ips: Sequence[bytes], emails: Sequence[str | bytes], others: Sequence[bytes]
) -> bytes:
    """Return a SubjectAltName value (RFC 5280 section 4.2.1.6), its strings taken as they are.

    others: elements that are DER already, tag included.
    """
    parts = [tlv(0x82, name if isinstance(name, bytes) else name.encode()) for name in dns]
    parts += [tlv(0x87, packed) for packed in ips]
    parts += [tlv(0x81, name if isinstance(name, bytes) else name.encode()) for name in emails]
    return tlv(SEQUENCE, b"".join([*parts, *others]))


def algorithm(kind: str, digest: str) -> bytes:
    """Return the AlgorithmIdentifier of a signature by a key of *kind* over *digest*."""
    return tlv(SEQUENCE, oid(OID_SIGNATURES[kind, digest]) + (_DER_NULL if kind == "rsa" else b""))


def with_algorithm(certificate: bytes, identifier: bytes) -> bytes:
    """Return the to-be-signed part of *certificate*, its signature algorithm replaced by *identifier*."""
    fields = elements(body(elements(body(certificate))[0]))
    fields[2] = identifier  # version, serial number, signature
    return tlv(SEQUENCE, b"".join(fields))


def assemble(tbs: bytes, identifier: bytes, signature: bytes) -> bytes:
    """Return the certificate of *tbs* under *signature*."""
    return tlv(SEQUENCE, tbs + identifier + tlv(BIT_STRING, b"\x00" + signature))


def spoil_signature(certificate: bytes) -> bytes:
    """Return *certificate* with the last bit of its signature turned."""
    return certificate[:-1] + bytes([certificate[-1] ^ 1])


def fingerprint(der: bytes, digest: str) -> str:
    """Return the *digest* of *der* as Postfix writes it: upper-case hex pairs, colons between."""
    return hashlib.new(digest, der, usedforsecurity=False).digest().hex(":").upper()


def pem(label: str, der: bytes) -> str:
    """Return *der* as PEM under *label*."""
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
