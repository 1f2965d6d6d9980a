"""The certificates of the demo: made at its first start, kept in the data directory, readable by its owner only."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from partners.management.demo.world import CAST, Issuer, Player

__all__ = ["Papers"]

_CA_LIFETIME = timedelta(days=3650)
_BEFORE = timedelta(hours=1)  # clocks differ


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
        for issuer in (Issuer.PUBLIC, Issuer.OWN, Issuer.ITSELF):
            players = [player for player in CAST if player.issuer is issuer]
            if issuer is Issuer.ITSELF:
                for player in players:
                    if not self.of(player).exists():
                        _write(self.of(player), _leaf(player, None, now=now))
            elif not all(path.exists() for path in (self._ca(issuer), *map(self.of, players))):
                authority = _authority(f"Demo CA ({issuer.value})", now=now)
                for player in players:
                    _write(self.of(player), _leaf(player, authority, now=now))
                _write(self._ca(issuer), authority.certificate.public_bytes(Encoding.PEM))

    def of(self, player: Player) -> Path:
        """Return where key and certificate of *player* are."""
        return self._directory / f"{player.key}.pem"

    def in_use(self, player: Player) -> Path:
        """Return the file that *player* presents at a start: the renewed one, once there is one."""
        renewed = self._renewed(player)
        return renewed if renewed.exists() else self.of(player)

    def renew(self, player: Player, *, now: datetime) -> Path:
        """Make another key and certificate for *player* and return their file."""
        _write(self._renewed(player), _leaf(player, None, now=now))
        return self._renewed(player)

    def leaf_pem(self, player: Player) -> bytes:
        """Return the certificate that was announced for *player*, without its key."""
        return x509.load_pem_x509_certificate(self.of(player).read_bytes()).public_bytes(Encoding.PEM)

    def ca_pem(self, issuer: Issuer) -> bytes:
        """Return the certificate of a CA."""
        return self._ca(issuer).read_bytes()

    def _ca(self, issuer: Issuer) -> Path:
        return self._directory / f"ca-{issuer.value}.pem"

    def _renewed(self, player: Player) -> Path:
        return self._directory / f"{player.key}-renewed.pem"


def _authority(name: str, *, now: datetime) -> _Authority:
    """Return a new CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder(name, _name(name), key, now=now, lifetime=_CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Authority(certificate, key)


def _leaf(player: Player, authority: _Authority | None, *, now: datetime) -> bytes:
    """Return key and certificate of *player* as PEM; self-signed without *authority*."""
    key = ec.generate_private_key(ec.SECP256R1())
    dns_id = player.named or player.mx_host
    issuer = authority.certificate.subject if authority else _name(dns_id)
    certificate = (
        _builder(dns_id, issuer, key, now=now, lifetime=player.lifetime)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(dns_id)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority.key if authority else key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + secret


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - _BEFORE)
        .not_valid_after(now.astimezone(UTC) + lifetime)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(path: Path, octets: bytes) -> None:
    """Put *octets* at *path* in one step; nobody else may read them at any moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)
    draft.replace(path)
