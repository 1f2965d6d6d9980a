"""Take the certificates out of an uploaded file or a pasted text, and refuse a private key in any form."""

import base64
import binascii
import re
from collections.abc import Iterator

from cryptography.hazmat.bindings._rust import pkcs7  # serialization.pkcs7 reads mail as well: a tenth of the start
from cryptography.hazmat.primitives.serialization import Encoding

from partners.core import der as asn1
from partners.core.errors import CertificateRefused, PrivateKeyRefused
from partners.core.wording import _, fill

__all__ = ["CERTIFICATES_MAX", "UPLOAD_BYTES_MAX", "certificates_of"]

UPLOAD_BYTES_MAX = 64 * 1024
CERTIFICATES_MAX = 20

_SUBJECT = _("upload")
_CURE = _("send the certificate alone, as PEM (BEGIN CERTIFICATE), DER or PKCS#7")
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_PKCS7_CERTIFICATES = 0xA0
# A header alone is enough: a key cut short is a key that was sent to a place where it does not belong.
_KEY_MARKS = re.compile(rb"PRIVATE\s+KEY|PuTTY-User-Key-File|\"d\"\s*:\s*\"|<D>", re.IGNORECASE)
_KEY_STORES = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")  # Java JKS and JCEKS
_BEGIN = b"-----BEGIN "
_CERTIFICATE_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
_PKCS7_LABELS = {"PKCS7", "PKCS #7 SIGNED DATA", "CMS"}
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
_UTF16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def certificates_of(content: bytes) -> tuple[bytes, ...]:
    """Return the DER certificates of *content*, in its order and each once.

    Errors: PrivateKeyRefused, CertificateRefused (too large, too many, nothing in it, a part that cannot be read).
    """
    if len(content) > UPLOAD_BYTES_MAX:
        cause = fill(_("it is larger than {size} KiB"), size=UPLOAD_BYTES_MAX // 1024)
        raise CertificateRefused(_SUBJECT, cause, _CURE)
    content = _as_bytes_of_text(content)
    if _KEY_MARKS.search(content) or content.startswith(_KEY_STORES):
        raise _private_key()
    found = tuple(dict.fromkeys(_scan(content)))
    if not found:
        raise CertificateRefused(_SUBJECT, _what_instead(content), _CURE)
    if len(found) > CERTIFICATES_MAX:
        cause = fill(_("it holds more than {count} certificates"), count=CERTIFICATES_MAX)
        raise CertificateRefused(_SUBJECT, cause, _CURE)
    return found


def _as_bytes_of_text(content: bytes) -> bytes:
    """Turn UTF-16, as Windows editors save it, and a UTF-8 byte order mark into plain bytes."""
    if encoding := _UTF16.get(content[:2]):
        return content.decode(encoding, "replace").encode()
    if b"\0P\0R\0I\0V\0A\0T\0E" in content.upper():
        raise _private_key()
    return content.removeprefix(b"\xef\xbb\xbf")


def _scan(content: bytes) -> Iterator[bytes]:
    for label, body in _pem_blocks(content):
        yield from _of_block(label, _decode(body))
    if _BEGIN in content:
        return
    if _BASE64.fullmatch(content):
        content = _decode(content)
    if content:
        yield from _of_der(content)


def _pem_blocks(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield label and base64 body of each complete block, in one pass (an upload may hold thousands of begin lines)."""
    for part in content.split(_BEGIN)[1:]:
        label, _dashes, rest = part.partition(b"-----")
        body, end, _after = rest.partition(b"-----END " + label + b"-----")
        if end:
            yield label.decode("ascii", "replace"), body


def _decode(body: bytes) -> bytes:
    lines = [line for line in body.split(b"\n") if b":" not in line]  # RFC 1421 headers and OpenSSL's attributes
    try:
        return base64.b64decode(b"".join(b"".join(lines).split()), validate=True)
    except binascii.Error as error:
        raise CertificateRefused(
            _SUBJECT, _("its base64 text is broken"), _("copy it again, all lines of it")
        ) from error


def _of_block(label: str, der: bytes) -> Iterator[bytes]:
    _refuse_private_key(der)
    if label in _CERTIFICATE_LABELS:
        yield _certificate(der)
    elif label in _PKCS7_LABELS:
        yield from _pkcs7(der)


def _of_der(der: bytes) -> Iterator[bytes]:
    _refuse_private_key(der)
    try:
        first = next(asn1.children(asn1.read_element(der)[0].content), None)
    except asn1.DerError:
        first = None
    if first is not None and first.tag == asn1.OID:
        yield from _pkcs7(der)
        return
    rest = der
    while rest:  # concatenated DER: each certificate is at least a few bytes, so this ends
        certificate = _certificate(rest)
        _refuse_private_key(rest)
        yield certificate
        rest = rest[len(certificate) :]
        if not rest.strip(b"\r\n\0 "):
            return


def _certificate(der: bytes) -> bytes:
    """Return the first element of *der* if it is a certificate (TRUSTED CERTIFICATE adds settings after it)."""
    try:
        element, _rest = asn1.read_element(der)
        asn1.read_certificate(element.raw)
    except asn1.DerError as error:
        cause = fill(_("a part of it is no certificate ({fault})"), fault=error)
        raise CertificateRefused(_SUBJECT, cause, _CURE) from error
    return element.raw


def _pkcs7(der: bytes) -> Iterator[bytes]:
    try:
        kind, signed = asn1.children(asn1.read_element(der)[0].content)
        if asn1.oid_text(kind.content) == _SIGNED_DATA:
            fields = list(asn1.children(asn1.read_element(signed.content)[0].content))
            bags = [field for field in fields if field.tag == _PKCS7_CERTIFICATES]
            for bag in bags:
                yield from (_certificate(element.raw) for element in asn1.children(bag.content))
    except ValueError:  # DerError among them: BER with indefinite lengths, which OpenSSL reads
        yield from _pkcs7_by_openssl(der)


def _pkcs7_by_openssl(der: bytes) -> Iterator[bytes]:
    try:
        loaded = pkcs7.load_der_pkcs7_certificates(der)
    except ValueError as error:
        raise CertificateRefused(_SUBJECT, _("its PKCS#7 part cannot be read"), _CURE) from error
    yield from (certificate.public_bytes(Encoding.DER) for certificate in loaded)


def _refuse_private_key(der: bytes) -> None:
    """Refuse what opens like a key: no certificate and no PKCS#7 begins with a number or a bare AlgorithmIdentifier.

    PKCS#8, PKCS#1, SEC 1, DSA and PKCS#12 begin with a version; an encrypted PKCS#8 is an algorithm and a string.
    """
    try:
        outer, _rest = asn1.read_element(der)
        tags = [element.tag for element in asn1.children(outer.content)][:2]
    except asn1.DerError:
        # BER with an indefinite length (some PKCS#12 files): the version still comes first.
        tags = [der[2]] if der[:2] == b"\x30\x80" and len(der) > 2 else []
    if tags[:1] == [asn1.INTEGER] or tags == [asn1.SEQUENCE, asn1.OCTET_STRING]:
        raise _private_key()


def _private_key() -> PrivateKeyRefused:
    return PrivateKeyRefused(
        _SUBJECT,
        _("it holds a private key; nothing of it was kept"),
        _("treat the key as exposed, make a new one, and send the certificate alone"),
    )


def _what_instead(content: bytes) -> str:
    labels = {label.lower() for label, _body in _pem_blocks(content)}
    if labels and all(label.isprintable() for label in labels):
        return fill(_("it holds no certificate but {labels}"), labels=", ".join(sorted(labels)))
    return _("it holds no certificate") if content.strip() else _("it is empty")
