"""Certificates made at run time: roots, intermediates and leaves, good by default and odd by keyword.

    root = root_ca()                                    # or the session fixture `ca`
    leaf = root.leaf("mx.example.com")                  # good in every way
    leaf = root.leaf("mx.example.com", not_after=NOON)  # one oddity per keyword, see Oddities
    deep = root.intermediate("Issuing CA").leaf("mx.example.com", key="rsa2048")
    pinned = self_signed("mx.example.com")
    crossed = cross_signed(deep.issuer, by=root_ca("Other root"))

A Certificate knows .der, .pem, .key_pem, .chain (what a peer sends: leaf first, self-signed root left out), .chain_pem,
.anchor (its root), .cert_fingerprint("sha256"), .pkey_fingerprint("sha1"), .write(directory).
"""

import ipaddress
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TypedDict, Unpack

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from tests.kit import der as asn1

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

LEAF_LIFE = timedelta(days=90)
CA_LIFE = timedelta(days=3650)
RSA_POOL = 8  # RSA keys are slow to make: certificates beyond the eighth of a kind share keys again

EKU = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "email": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "code": ExtendedKeyUsageOID.CODE_SIGNING,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}
KEY_USAGE = [
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
]
_HASHES: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_WEAK: dict[str, hashes.HashAlgorithm] = {"sha1": hashes.SHA1(), "md5": hashes.MD5()}  # refused by CertificateBuilder
_rsa_turn = itertools.count()


class Oddities(TypedDict, total=False):
    """Everything in which a certificate may differ from a good one.

    common_name: default the first DNS name; "" for none; a tuple for several.
    ips, emails: further subject alternative names; other_names: DER elements, tag included.
    san_der: the whole SubjectAltName value as bytes, wins over all names; san_critical.
    not_before, not_after: aware datetimes; moving one past the other moves the other too.
    key: "p256", "p384", "rsa2048", "rsa1024", "ed25519", or a key; default a new P-256 key.
    digest: of the signature: "sha256" ("sha384", "sha512", "sha1", "md5"; the last two for RSA, sha1 also for EC).
    eku: words of EKU or dotted OIDs; () leaves the extension out. Leaves have ("server",), CAs none.
    ca, path_length: basicConstraints; ca=None leaves the extension out.
    key_usage: words of KEY_USAGE; () leaves the extension out.
    permitted, excluded: name constraints, DNS names or networks ("192.0.2.0/24").
    serial; subject (an x509.Name); broken_signature; key_ids=False leaves out AKI and SKI.
    extra: further extensions as (dotted OID, value as DER, critical).
    """

    common_name: str | tuple[str, ...]
    ips: Sequence[str]
    emails: Sequence[str | bytes]
    other_names: Sequence[bytes]
    san_der: bytes
    san_critical: bool
    not_before: datetime
    not_after: datetime
    key: "str | PrivateKey"
    digest: str
    eku: Sequence[str]
    ca: bool | None
    path_length: int | None
    key_usage: Sequence[str]
    permitted: Sequence[str]
    excluded: Sequence[str]
    serial: int
    subject: x509.Name
    broken_signature: bool
    key_ids: bool
    extra: Sequence[tuple[str, bytes, bool]]


@dataclass(frozen=True)
class Certificate:
    """A certificate with its private key and the one that issued it (None: self-signed)."""

    der: bytes
    key: PrivateKey = field(repr=False)
    issuer: "Certificate | None" = field(repr=False)
    subject: x509.Name
    not_before: datetime
    not_after: datetime

    @cached_property
    def pem(self) -> str:
        """The certificate as PEM."""
        return asn1.pem("CERTIFICATE", self.der)

    @cached_property
    def key_pem(self) -> str:
        """The private key as PKCS#8 PEM, without a password."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @cached_property
    def spki_der(self) -> bytes:
        """The SubjectPublicKeyInfo as DER."""
        return _spki(self.key)

    @property
    def spki_pem(self) -> str:
        """The bare public key as PEM, as a tafile may hold it."""
        return asn1.pem("PUBLIC KEY", self.spki_der)

    @property
    def chain(self) -> "tuple[Certificate, ...]":
        """What a good peer sends: this certificate and its issuers, without the self-signed root."""
        line: list[Certificate] = [self]
        while line[-1].issuer is not None and line[-1].issuer.issuer is not None:
            line.append(line[-1].issuer)
        return tuple(line)

    @property
    def chain_pem(self) -> str:
        """The chain as PEM."""
        return "".join(link.pem for link in self.chain)

    @property
    def anchor(self) -> "Certificate":
        """The self-signed certificate at the end."""
        return self if self.issuer is None else self.issuer.anchor

    def cert_fingerprint(self, digest: str = "sha256") -> str:
        """Return the digest of the certificate as Postfix writes it."""
        return asn1.fingerprint(self.der, digest)

    def pkey_fingerprint(self, digest: str = "sha256") -> str:
        """Return the digest of the public key as Postfix writes it."""
        return asn1.fingerprint(self.spki_der, digest)

    def leaf(self, *names: str | bytes, **oddities: Unpack[Oddities]) -> "Certificate":
        """Issue a certificate for the DNS *names* (bytes are taken as they are)."""
        return _build(names, self, oddities)

    def intermediate(self, name: str = "Kit intermediate", /, **oddities: Unpack[Oddities]) -> "Certificate":
        """Issue a CA certificate under this one."""
        return _build((), self, {**_ca_defaults(name), **oddities})

    def write(self, directory: Path, stem: str = "peer") -> "Files":
        """Write certificate, chain, key and root below *directory*; the key is readable by its owner only."""
        files = Files(*(directory / f"{stem}.{part}.pem" for part in ("cert", "chain", "key", "anchor")))
        files.key.touch(mode=0o600)
        texts = (self.pem, self.chain_pem, self.key_pem, self.anchor.pem)
        for path, text in zip((files.cert, files.chain, files.key, files.anchor), texts, strict=True):
            path.write_text(text)
        return files


@dataclass(frozen=True)
class Files:
    """Where Certificate.write() put its parts."""

    cert: Path
    chain: Path
    key: Path
    anchor: Path


def root_ca(name: str = "Kit root", /, **oddities: Unpack[Oddities]) -> Certificate:
    """Make a self-signed CA certificate."""
    return _build((), None, {**_ca_defaults(name), **oddities})


def self_signed(*names: str | bytes, **oddities: Unpack[Oddities]) -> Certificate:
    """Make a self-signed leaf for the DNS *names*."""
    return _build(names, None, oddities)


def cross_signed(subject: Certificate, /, *, by: Certificate, **oddities: Unpack[Oddities]) -> Certificate:
    """Certify name and key of the CA *subject* once more, *by* another CA."""
    defaults: Oddities = {"subject": subject.subject, "key": subject.key}
    return _build((), by, {**_ca_defaults(""), **defaults, **oddities})


def new_key(kind: str = "p256") -> PrivateKey:
    """Return a private key of *kind*; RSA keys come in turn from a pool of RSA_POOL, the others are new."""
    if kind.startswith("rsa"):
        return _pooled_rsa(int(kind[3:]), next(_rsa_turn) % RSA_POOL)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def bundle(*certificates: Certificate) -> str:
    """Return *certificates* as one PEM text, in this order."""
    return "".join(certificate.pem for certificate in certificates)


@cache
def _pooled_rsa(bits: int, turn: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def _ca_defaults(common_name: str) -> Oddities:
    now = datetime.now(UTC)
    return {
        "common_name": common_name,
        "not_after": now + CA_LIFE,
        "not_before": now - timedelta(days=30),
        "ca": True,
        "eku": (),
        "key_usage": ("key_cert_sign", "crl_sign"),
    }


def _build(names: Sequence[str | bytes], issuer: Certificate | None, odd: Oddities) -> Certificate:
    asked = odd.get("key", "p256")
    key = new_key(asked) if isinstance(asked, str) else asked
    subject = odd["subject"] if "subject" in odd else _subject(names, odd.get("common_name"))
    not_before, not_after = _dates(odd)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(odd.get("serial") or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    for extension, critical in _extensions(names, key, issuer, odd):
        builder = builder.add_extension(extension, critical)
    der = _sign(builder, issuer.key if issuer else key, odd.get("digest", "sha256"))
    if odd.get("broken_signature"):
        der = asn1.spoil_signature(der)
    return Certificate(der, key, issuer, subject, not_before, not_after)


def _subject(names: Sequence[str | bytes], common_name: str | tuple[str, ...] | None) -> x509.Name:
    if common_name is None:
        first = names[0] if names else ""
        common_name = first if isinstance(first, str) and len(first) <= 64 else ""
    given = common_name if isinstance(common_name, tuple) else (common_name,)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False) for name in given if name])


def _dates(odd: Oddities) -> tuple[datetime, datetime]:
    now = datetime.now(UTC).replace(microsecond=0)
    not_before = odd.get("not_before", now - timedelta(days=1))
    not_after = odd.get("not_after", max(now, not_before) + LEAF_LIFE)
    if not_after <= not_before:
        not_before = not_after - LEAF_LIFE
    return not_before, not_after


def _extensions(
    names: Sequence[str | bytes], key: PrivateKey, issuer: Certificate | None, odd: Oddities
) -> list[tuple[x509.ExtensionType, bool]]:
    is_ca = odd.get("ca", False)
    found: list[tuple[x509.ExtensionType, bool]] = []
    if is_ca is not None:
        found.append((x509.BasicConstraints(is_ca, odd.get("path_length")), True))
    if san := _san(names, odd):
        names_extension = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, san)
        found.append((names_extension, odd.get("san_critical", False)))
    if eku := odd.get("eku", ("server",)):
        oids = [EKU[word] if word in EKU else x509.ObjectIdentifier(word) for word in eku]
        found.append((x509.ExtendedKeyUsage(oids), False))
    if usage := odd.get("key_usage", ("digital_signature",)):
        found.append((x509.KeyUsage(**{word: word in usage for word in KEY_USAGE}), True))
    if "permitted" in odd or "excluded" in odd:
        limits = x509.NameConstraints(_constraints(odd.get("permitted")), _constraints(odd.get("excluded")))
        found.append((limits, True))
    if odd.get("key_ids", True):
        signer = (issuer.key if issuer else key).public_key()
        found.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False))
    for dotted, value, critical in odd.get("extra", ()):
        found.append((x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), value), critical))
    return found


def _san(names: Sequence[str | bytes], odd: Oddities) -> bytes:
    if "san_der" in odd:
        return odd["san_der"]
    ips = [ipaddress.ip_address(ip).packed for ip in odd.get("ips", ())]
    emails, others = odd.get("emails", ()), odd.get("other_names", ())
    return asn1.general_names(names, ips, emails, others) if names or ips or emails or others else b""


def _constraints(names: Sequence[str] | None) -> list[x509.GeneralName] | None:
    if not names:
        return None
    return [
        x509.IPAddress(ipaddress.ip_network(name)) if re.fullmatch(r"[0-9a-f.:]+/\d+", name) else x509.DNSName(name)
        for name in names
    ]


def _sign(builder: x509.CertificateBuilder, key: PrivateKey, digest: str) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return builder.sign(key, None).public_bytes(serialization.Encoding.DER)
    if digest not in _WEAK:
        return builder.sign(key, _HASHES[digest]).public_bytes(serialization.Encoding.DER)
    draft = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    identifier = asn1.algorithm("rsa" if is_rsa else "ec", digest)
    tbs = asn1.with_algorithm(draft, identifier)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(tbs, padding.PKCS1v15(), _WEAK[digest])
    else:
        signature = key.sign(tbs, ec.ECDSA(_WEAK[digest]))
    return asn1.assemble(tbs, identifier, signature)


def _spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
