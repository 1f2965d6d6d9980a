"""The certificates of the demo: made at its first start, kept in the data directory, readable by its owner only."""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from partners.management.demo.cast import PAPERS
from partners.management.demo.world import Issuer, Paper, Turn

__all__ = ["Papers"]

_CA_ENDS = timedelta(days=3650)
_CA_AGE = timedelta(days=365)  # the demo tells of weeks that lie behind


@dataclass(frozen=True, slots=True)
class _Authority:
    """A CA while certificates are made; its key is never written."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Papers:
    """The files of one data directory."""

    def __init__(self, directory: Path) -> None:
        """Use *directory*, which make() fills."""
        self._directory = directory / "demo"

    def make(self, *, now: datetime) -> None:
        """Make what is missing. A CA and all that it signed are made together, for its key is forgotten."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for issuer in Issuer:
            papers = [paper for paper in PAPERS if paper.issuer is issuer]
            if issuer is Issuer.ITSELF:
                for paper in papers:
                    if not self.of(paper.name).exists():
                        _write(self.of(paper.name), _leaf(paper, None, now=now))
            elif not all(path.exists() for path in (self._ca(issuer), *(self.of(paper.name) for paper in papers))):
                authority = _authority(f"Demo CA ({issuer.value})", now=now)
                for paper in papers:
                    _write(self.of(paper.name), _leaf(paper, authority, now=now))
                _write(self._ca(issuer), authority.certificate.public_bytes(Encoding.PEM))

    def of(self, name: str) -> Path:
        """Return where key and certificate of the paper *name* are."""
        return self._directory / f"{name}.pem"

    def has_turned(self, turn: Turn) -> bool:
        """Whether *turn* came in this run or an earlier one."""
        return self._mark(turn).exists()

    def keep(self, turn: Turn) -> None:
        """Remember that *turn* came."""
        _write(self._mark(turn), b"")

    def leaf_pem(self, name: str) -> bytes:
        """Return the certificate of the paper *name*, without its key."""
        return self._certificate(name).public_bytes(Encoding.PEM)

    def key_digest(self, name: str) -> str:
        """Return the SHA-256 of the public key of the paper *name*, as a TLSA record 3 1 1 has it (RFC 6698)."""
        key = self._certificate(name).public_key()
        return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def ca_pem(self, issuer: Issuer) -> bytes:
        """Return the certificate of a CA."""
        return self._ca(issuer).read_bytes()

    def _certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.of(name).read_bytes())

    def _ca(self, issuer: Issuer) -> Path:
        return self._directory / f"ca-{issuer.value}.pem"

    def _mark(self, turn: Turn) -> Path:
        return self._directory / f"turned-{turn.name}"


def _authority(name: str, *, now: datetime) -> _Authority:
    """Return a new CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder(name, _name(name), key, now=now, age=_CA_AGE, ends=_CA_ENDS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Authority(certificate, key)


def _leaf(paper: Paper, authority: _Authority | None, *, now: datetime) -> bytes:
    """Return key and certificate of *paper* as PEM; self-signed without *authority*."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject if authority else _name(paper.dns_id)
    certificate = (
        _builder(paper.dns_id, issuer, key, now=now, age=paper.age, ends=paper.ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(paper.dns_id)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority.key if authority else key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + secret


def _builder(
    subject: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
    age: timedelta,
    ends: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - age)
        .not_valid_after(now.astimezone(UTC) + ends)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(path: Path, octets: bytes) -> None:
    """Put *octets* at *path* in one step; nobody else may read them at any moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)
    draft.replace(path)
