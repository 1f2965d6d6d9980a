"""Whether the relay's own TLS engine works: where it does not, smtp(8) goes on without TLS.

Source: tls_client_init() in src/tls/tls_client.c, tls_validate_digest() in tls_fprint.c, tls_set_ca_certificate_info()
in tls_certkey.c; X509_load_cert_crl_file() and PEM_X509_INFO_read_bio() in OpenSSL.
"""

from functools import lru_cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import crypto

from partners.core.certificates import DIGESTS
from partners.core.pem import PemObject, read_pem
from partners.core.relay import RelaySettings

__all__ = ["DIGEST_SIZES", "engine_failure", "is_loadable_ca_file", "is_loadable_pair"]

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
    read = read_pem(pem)
    loaded = [one for one in read.objects if one.label in _CERTIFICATES | _LISTS]
    return read.is_sound and bool(loaded) and all(map(_loads, loaded))


def _loads(found: PemObject) -> bool:
    """Whether an object is one that OpenSSL can use; a header before it would be that of an encrypted one."""
    if found.header or found.label in _LISTS:
        return not found.header
    try:
        crypto.load_certificate(crypto.FILETYPE_ASN1, found.der)
    except crypto.Error:
        return False
    return True


def is_loadable_pair(certificate: bytes, key: bytes) -> bool:
    """Whether the first certificate and the first private key of two PEM files belong together, without a password."""
    keys = [one for one in read_pem(key).objects if one.label.endswith(b"PRIVATE KEY") and not one.header]
    leaves = [one for one in read_pem(certificate).objects if one.label in _CERTIFICATES]
    if not keys or not leaves:
        return False
    try:
        loaded = crypto.load_privatekey(crypto.FILETYPE_ASN1, keys[0].der).to_cryptography_key()
        leaf = crypto.load_certificate(crypto.FILETYPE_ASN1, leaves[0].der).get_pubkey().to_cryptography_key()
    except (crypto.Error, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    public = loaded if hasattr(loaded, "public_bytes") else loaded.public_key()
    return _spki(public) == _spki(leaf)


def _spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
