"""The chain of the peer's certificate, judged by OpenSSL as Postfix asks it to (levels verify and secure, "Trusted").

Two kinds of anchors. CAfile: self-signed certificates only, dates of the root count. tafile: synthetic DANE, so that
intermediates, the leaf and bare keys are anchors too; of their own dates only those of a root count.
Source: tls_set_ca_certificate_info(), tls_client_start(), tls_dane_load_trustfile(); OpenSSL's x509_vfy.c.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from OpenSSL import crypto
from OpenSSL._util import lib as _openssl  # X509Store has no call for the purpose; the lock file pins the release

from partners.core import der as asn1
from partners.core.certificates import certificate_facts, spki_of, turning_points
from partners.core.errors import CertificateRefused
from partners.core.kept import Kept, joint_digest
from partners.core.pem import read_pem
from partners.core.reasons import Reason

__all__ = ["NO_ANCHORS", "Anchors", "ChainResult", "verify"]

_LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)
_PARTIAL_CHAIN, _NO_CHECK_TIME = 0x80000, 0x200000  # X509_V_FLAG_* of x509_vfy.h
_CERTIFICATE_LABELS = {b"CERTIFICATE", b"X509 CERTIFICATE"}
_BELOW_LEVEL_1_BITS = {"RSA": 1024, "DSA": 1024, "EC": 160}  # 80 bits of security
# Signatures below 80 bits of security: MD2, MD4, MD5 and SHA-1 (63 bits since OpenSSL 3).
_WEAK_SIGNATURES = {
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.3",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
    "1.2.840.10040.4.3",
    "1.3.14.3.2.29",
}
# X509_V_ERR_* -> reason; every other error is VALIDATION_FAILURE.
_REASONS = {
    2: Reason.CERTIFICATE_NOT_TRUSTED,
    9: Reason.CERTIFICATE_NOT_YET_VALID,
    10: Reason.CERTIFICATE_EXPIRED,
    18: Reason.CERTIFICATE_SELF_SIGNED,
    19: Reason.CERTIFICATE_NOT_TRUSTED,
    20: Reason.CERTIFICATE_NOT_TRUSTED,
    21: Reason.CERTIFICATE_NOT_TRUSTED,
    22: Reason.CERTIFICATE_CHAIN_TOO_LONG,
    24: Reason.CERTIFICATE_CA_INVALID,
    25: Reason.CERTIFICATE_CA_INVALID,
    26: Reason.CERTIFICATE_NOT_FOR_SERVERS,
    27: Reason.CERTIFICATE_NOT_TRUSTED,
    28: Reason.CERTIFICATE_NOT_TRUSTED,
    32: Reason.CERTIFICATE_CA_INVALID,
    47: Reason.CERTIFICATE_NAME_CONSTRAINED,
    48: Reason.CERTIFICATE_NAME_CONSTRAINED,
    79: Reason.CERTIFICATE_CA_INVALID,
}


@dataclass(frozen=True, slots=True)
class Anchors:
    """What is trusted: certificates and bare keys as DER. synthetic: from a tafile, so that partial chains count.

    sent: certificates of the peer's that a digest vouches for (DANE); others bring themselves.
    takes_leaf: whether the leaf may be one of them, whatever its dates: of a tafile, not of TLSA records of usage 2.
    """

    certificates: tuple[bytes, ...] = ()
    keys: tuple[bytes, ...] = ()
    synthetic: bool = False
    sent: tuple[bytes, ...] = ()
    takes_leaf: bool = True
    digest: bytes = field(init=False, repr=False, compare=False, default=b"")

    def __post_init__(self) -> None:
        kind = b"synthetic" + bytes([self.takes_leaf]) if self.synthetic else b""
        object.__setattr__(
            self, "digest", joint_digest((kind, *self.certificates, b"keys", *self.keys, b"sent", *self.sent))
        )

    @classmethod
    def from_ca_file(cls, pem: bytes) -> "Anchors":
        """Read the certificates of a CAfile that OpenSSL can load (see engine.py)."""
        return _of_ca_file(pem)

    @classmethod
    def from_ta_files(cls, contents: Iterable[bytes | None]) -> "Anchors | None":
        """Read trust anchor files; None where Postfix cannot load one (unreadable, empty, no PEM, broken base64).

        PEM objects of other types count as loaded and add nothing.
        """
        certificates: list[bytes] = []
        keys: list[bytes] = []
        for content in contents:
            read = read_pem(content or b"")
            if not read.objects or not read.is_sound:
                return None
            certificates += [one.der for one in read.objects if one.label in _CERTIFICATE_LABELS]
            keys += [one.der for one in read.objects if one.label == b"PUBLIC KEY"]
        return cls(tuple(certificates), tuple(keys), synthetic=True)


NO_ANCHORS = Anchors()


@lru_cache(maxsize=64)
def _of_ca_file(pem: bytes) -> Anchors:
    labels = _CERTIFICATE_LABELS | {b"TRUSTED CERTIFICATE"}
    return Anchors(tuple(_first_element(one.der) for one in read_pem(pem).objects if one.label in labels))


def _first_element(der: bytes) -> bytes:
    """Return the certificate alone: the trust settings of a TRUSTED CERTIFICATE come after it."""
    try:
        return asn1.read_element(der)[0].raw
    except asn1.DerError:
        return der


@dataclass(frozen=True, slots=True)
class ChainResult:
    """Whether a chain leads to an anchor. reason: "" if trusted; depth: where the error was, 0 the leaf.

    text: OpenSSL's words.
    """

    trusted: bool
    reason: str = ""
    depth: int = 0
    text: str = ""


_turns: Kept[tuple[datetime, ...]] = Kept(8192)  # by chain, and by anchors
_results: Kept[ChainResult] = Kept(8192)
_by_name: Kept[dict[int, tuple[tuple[bytes, int], ...]]] = Kept(64)  # by anchors


def verify(
    chain: tuple[bytes, ...], anchors: Anchors, at: datetime, *, depth: int = 9, strict: bool = False
) -> ChainResult:
    """Say whether *chain* (leaf first, as sent) leads to *anchors* at the time *at*.

    Between two moments at which a date begins or ceases to count, one verification serves.
    depth: smtp_tls_scert_verifydepth, which allows one intermediate more than it says.
    strict: OpenSSL security level 1, which Postfix sets where the peer must match.
    """
    if not chain:
        return ChainResult(trusted=False, reason=Reason.CERTIFICATE_NOT_SENT)
    key, second = joint_digest(chain), at.replace(microsecond=0)
    of_chain = _turns.get(key, lambda: _in_order(chain))
    of_anchors = _turns.get(anchors.digest, lambda: _in_order((*anchors.certificates, *anchors.sent)))
    moment = max(_last_passed(of_chain, second), _last_passed(of_anchors, second))
    return _results.get(
        (key, anchors.digest, moment, depth, strict), lambda: _verify(chain, anchors, moment, depth, strict=strict)
    )


def _in_order(certificates: Iterable[bytes]) -> tuple[datetime, ...]:
    return tuple(sorted(turning_points(certificates)))


def _last_passed(turns: tuple[datetime, ...], at: datetime) -> datetime:
    passed = bisect_right(turns, at)
    return turns[passed - 1] if passed else _LONG_AGO


def _verify(chain: tuple[bytes, ...], anchors: Anchors, at: datetime, depth: int, *, strict: bool) -> ChainResult:
    takes_leaf = anchors.synthetic and anchors.takes_leaf
    if takes_leaf and (chain[0] in anchors.certificates or _spki_in(chain[0], anchors.keys)):
        return ChainResult(trusted=True)  # usage 3: nothing but the match counts
    try:
        candidates = _in_time_first(chain[1:], at) if anchors.synthetic else chain[1:]
        leaf, *others = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in (chain[0], *candidates))
        store, trusted_keys = _store(chain, anchors, at)
        verified = crypto.X509StoreContext(store, leaf, others).get_verified_chain()
    except crypto.X509StoreContextError as error:
        number, error_depth, text = error.errors
        return ChainResult(False, _REASONS.get(number, Reason.VALIDATION_FAILURE), error_depth, text)
    except crypto.Error:
        return ChainResult(False, Reason.VALIDATION_FAILURE, 0, "a certificate of the chain cannot be parsed")
    path = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, link) for link in verified)
    result = _check_path(path, depth, strict=strict)
    if result.trusted and anchors.synthetic:
        return _check_dates(path if path[-1] in trusted_keys or _is_self_issued(path[-1]) else path[:-1], at, result)
    return result


def _store(chain: tuple[bytes, ...], anchors: Anchors, at: datetime) -> tuple[crypto.X509Store, set[bytes]]:
    """Build the store, and name the certificates that stand for a bare key that issued them."""
    store = crypto.X509Store()
    issued: set[bytes] = set()
    trusted = {*anchors.certificates, *anchors.sent} if anchors.synthetic else _within_reach(chain, anchors)
    if anchors.synthetic:
        store.set_flags(_PARTIAL_CHAIN | _NO_CHECK_TIME)
        trusted = _not_shadowed(trusted, chain, anchors, at)
        issued = {der for der in chain if any(_is_signed_by(der, key) for key in anchors.keys)}
        trusted |= issued | {der for der in chain[1:] if _spki_in(der, anchors.keys)}
        issued -= {der for der in chain[1:] if _spki_in(der, anchors.keys)} | {*anchors.certificates, *anchors.sent}
    else:
        store.set_time(at)
    _openssl.X509_STORE_set_purpose(store._store, _openssl.X509_PURPOSE_SSL_SERVER)  # noqa: SLF001
    for der in sorted(trusted):
        try:
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
        except crypto.Error:
            continue  # an anchor that does not parse vouches for nothing
    return store, issued


def _in_time_first(certificates: Iterable[bytes], at: datetime) -> tuple[bytes, ...]:
    """Return *certificates* in the order in which OpenSSL takes an issuer: one in its time before any other, and of the
    others the one that ends last (find_issuer() in x509_vfy.c).
    """
    found = []
    for der in certificates:
        try:
            facts = certificate_facts(der)
        except CertificateRefused:
            continue
        begins, ends = facts.not_before, facts.not_after
        if begins is not None and ends is not None:
            in_time = begins <= at <= ends
            found.append((not in_time, 0.0 if in_time else -ends.timestamp(), der))
    return tuple(der for _late, _end, der in sorted(found, key=lambda one: one[:2]))


def _not_shadowed(trusted: set[bytes], chain: tuple[bytes, ...], anchors: Anchors, at: datetime) -> set[bytes]:
    """Leave out each certificate beside which another of the same name and key would be taken as issuer.

    What the anchors bring comes before what was sent; there is no way back from the first that fits.
    """
    first: dict[tuple[bytes, bytes], bytes] = {}
    for der in _in_time_first((*anchors.certificates, *chain[1:]), at):
        first.setdefault(_subject_and_key(der), der)
    return {der for der in trusted if first.get(_subject_and_key(der), der) == der}


def _subject_and_key(der: bytes) -> tuple[bytes, bytes]:
    try:
        return asn1.read_certificate(der).subject, spki_of(der)
    except (asn1.DerError, CertificateRefused):
        return der, b""


def _within_reach(chain: tuple[bytes, ...], anchors: Anchors) -> set[bytes]:
    """Return the anchors that OpenSSL can come to from *chain*, looking issuers up by name: a bundle has 140, of which
    loading all would take a hundred times as long as the verification.
    """
    by_name = _by_name.get(anchors.digest, lambda: _indexed(anchors))
    wanted = [_names_of(der)[1] for der in chain]
    found: set[bytes] = set()
    while wanted:
        for der, issuer in by_name.get(wanted.pop(), ()):
            if der not in found:
                found.add(der)
                wanted.append(issuer)
    return found


def _indexed(anchors: Anchors) -> dict[int, tuple[tuple[bytes, int], ...]]:
    """Return the anchors, each with its issuer, by subject; names as OpenSSL's hashes, blind to case as its look-up."""
    found: dict[int, tuple[tuple[bytes, int], ...]] = {}
    for der in anchors.certificates:
        try:
            subject, issuer = _names_of(der)
        except crypto.Error:
            continue  # an anchor that does not parse vouches for nothing
        found[subject] = (*found.get(subject, ()), (der, issuer))
    return found


def _names_of(der: bytes) -> tuple[int, int]:
    certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, der)._x509  # noqa: SLF001  its names say no hash
    subject, issuer = _openssl.X509_get_subject_name(certificate), _openssl.X509_get_issuer_name(certificate)
    return _openssl.X509_NAME_hash(subject), _openssl.X509_NAME_hash(issuer)


def _check_path(path: tuple[bytes, ...], depth: int, *, strict: bool) -> ChainResult:
    if len(path) - 2 > depth + 1:
        text = f"certificate chain longer than limit({depth})"
        return ChainResult(False, Reason.CERTIFICATE_CHAIN_TOO_LONG, depth + 2, text)
    if not strict:
        return ChainResult(trusted=True)
    for position, der in enumerate(path):
        try:
            facts, parts = certificate_facts(der), asn1.read_certificate(der)
        except (CertificateRefused, asn1.DerError):
            return ChainResult(False, Reason.VALIDATION_FAILURE, position, "a certificate of the chain cannot be read")
        if facts.key_bits and facts.key_bits < _BELOW_LEVEL_1_BITS.get(facts.key_type, 0):
            return ChainResult(False, Reason.CERTIFICATE_WEAK, position, "key too weak")
        if parts.signature_algorithm in _WEAK_SIGNATURES and position < len(path) - 1:  # an anchor's counts for nothing
            return ChainResult(False, Reason.CERTIFICATE_WEAK, position, "CA signature digest algorithm too weak")
    return ChainResult(trusted=True)


def _is_self_issued(der: bytes) -> bool:
    """Whether *der* is a root: its own dates count, unlike those of an intermediate (internal_verify())."""
    try:
        parts = asn1.read_certificate(der)
    except asn1.DerError:
        return False
    return parts.subject == parts.issuer


def _check_dates(path: tuple[bytes, ...], at: datetime, result: ChainResult) -> ChainResult:
    for position, der in enumerate(path):
        try:
            facts = certificate_facts(der)
        except CertificateRefused:
            return ChainResult(False, Reason.VALIDATION_FAILURE, position, "a certificate of the chain cannot be read")
        if facts.not_after is None or facts.not_before is None:
            return ChainResult(False, Reason.VALIDATION_FAILURE, position, "format error in certificate's dates")
        if facts.not_after < at:
            return ChainResult(False, Reason.CERTIFICATE_EXPIRED, position, "certificate has expired")
        if facts.not_before > at:
            return ChainResult(False, Reason.CERTIFICATE_NOT_YET_VALID, position, "certificate is not yet valid")
    return result


def _spki_in(der: bytes, keys: tuple[bytes, ...]) -> bool:
    """Whether the public key of *der* is one of *keys* (SubjectPublicKeyInfo as DER)."""
    try:
        return bool(keys) and spki_of(der) in keys
    except CertificateRefused:
        return False


def _is_signed_by(der: bytes, spki: bytes) -> bool:
    try:
        certificate, key = x509.load_der_x509_certificate(der), load_der_public_key(spki)
        signature, signed = certificate.signature, certificate.tbs_certificate_bytes
        digest, scheme = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
        match key, scheme:
            case rsa.RSAPublicKey(), padding.AsymmetricPadding() if digest is not None:
                key.verify(signature, signed, scheme, digest)
            case ec.EllipticCurvePublicKey(), ec.ECDSA():
                key.verify(signature, signed, scheme)
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey(), None:
                key.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
