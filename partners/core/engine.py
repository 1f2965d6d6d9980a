"""Whether the relay's own TLS engine works: where it does not, smtp(8) goes on without TLS.

Source: tls_client_init() in src/tls/tls_client.c, tls_validate_digest() in tls_fprint.c, tls_set_ca_certificate_info()
in tls_certkey.c; X509_load_cert_crl_file() and PEM_X509_INFO_read_bio() in OpenSSL.
"""

import base64
import binascii
import re
from functools import lru_cache

from OpenSSL import crypto

from partners.core.certificates import DIGESTS
from partners.core.relay import RelaySettings

__all__ = ["DIGEST_SIZES", "engine_failure", "is_loadable_ca_file"]

# Digests that OpenSSL 3 finds in its default provider -> bytes.
DIGEST_SIZES = {
    **DIGESTS,
    "sha224": 28,
    "sha384": 48,
    "sha512-224": 28,
    "sha512-256": 32,
    "sha3-224": 28,
    "sha3-256": 32,
    "sha3-384": 48,
    "sha3-512": 64,
    "blake2s256": 32,
    "blake2b512": 64,
    "sm3": 32,
    "md5-sha1": 36,
    "ripemd160": 20,
}
_BEGIN = re.compile(rb"^-----BEGIN ([^\r\n]*?)-----[ \t\r]*\n", re.MULTILINE)
_CERTIFICATES = {b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"}
_LISTS = {b"X509 CRL"}


def engine_failure(relay: RelaySettings) -> str:
    """Return why smtp(8) disables TLS with these settings; "" where it does not."""
    if relay.tls_engine_failure:
        return relay.tls_engine_failure
    if relay.fingerprint_digest.lower() not in DIGEST_SIZES:
        return f"fingerprint digest {relay.fingerprint_digest} is not known to OpenSSL"
    if relay.smtp_tls_CAfile and relay.ca_pem and not is_loadable_ca_file(relay.ca_pem):
        return "the CA file cannot be loaded"
    return ""


@lru_cache(maxsize=64)
def is_loadable_ca_file(pem: bytes) -> bool:
    """Whether OpenSSL loads *pem* as a CAfile: one broken object spoils all of it, and so does holding none."""
    found, end = 0, 0
    for begin in _BEGIN.finditer(pem):
        if begin.start() < end:
            return False  # within an object that does not end
        body, terminator, _rest = pem[begin.end() :].partition(b"-----END " + begin[1] + b"-----")
        if not terminator or b"-----BEGIN" in body:
            return False
        end = begin.end() + len(body)
        if begin[1] in _CERTIFICATES | _LISTS:
            if not _parses(begin[1], body):
                return False
            found += 1
    return found > 0


def _parses(label: bytes, body: bytes) -> bool:
    try:
        der = base64.b64decode(b"".join(body.split()), validate=True)
        if label in _LISTS:
            return bool(der)
        crypto.load_certificate(crypto.FILETYPE_ASN1, der)
    except (binascii.Error, crypto.Error):
        return False
    return True
