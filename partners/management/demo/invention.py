"""Companies that do not exist, by lot: names, levels, who runs their mail, certificates, and what went wrong when."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from partners.actions.synthetic import Company, Leaf, Server

__all__ = ["PARTNERS_MOST", "Invention"]

_FIRST = ("Nord", "Süd", "West", "Ost", "Alpen", "Rhein", "Elbe", "Donau", "Hanse", "Stern", "Falken", "Linden")
_TRADES = ("bank", "werke", "logistik", "versicherung", "stahl", "chemie", "pharma", "optik", "druck", "bau", "energie")
_FORMS = ("AG", "GmbH", "SE", "KG", "Ltd", "S.p.A.", "Inc.")
_LEVELS = {"encrypt": 45, "secure": 25, "fingerprint": 20, "may": 10}
_AGREED = {"encrypt": "encrypted", "secure": "ca-and-name", "fingerprint": "pin", "may": "none"}
_PROVIDERS = 40
_PROVIDER_SERVERS = 4
_AT_A_PROVIDER = 0.35
_TWO_SERVERS = 0.25
_TROUBLE = {"": 95, "violated": 2, "weaker": 1, "unknown": 2}
_LIFETIMES = (timedelta(days=90), timedelta(days=90), timedelta(days=365))
_NETWORK = ip_network("198.18.0.0/15")  # RFC 2544: no address of anybody
PARTNERS_MOST = 100_000  # at 1.25 addresses for each that has its own, the network is full soon after


@dataclass(frozen=True, slots=True)
class _Authority:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    pem: str


class Invention:
    """An estate drawn by *seed*; what is drawn does not depend on how long it takes."""

    def __init__(self, *, seed: int, now: datetime, days: int) -> None:
        """Make the authority that signs for all, and the providers."""
        self._lot = random.Random(seed)  # noqa: S311  an invented estate is no secret
        self._now, self._days = now, days
        self._address = int(_NETWORK.network_address)
        self._authority = _authority(now)
        self._providers = [self._provider(number) for number in range(_PROVIDERS)]
        self._weights = [1 / (rank + 1) for rank in range(_PROVIDERS)]

    @property
    def root_pem(self) -> str:
        """The CA that the relays are to trust."""
        return self._authority.pem

    def companies(self, count: int) -> Iterator[Company]:
        """Yield *count* companies."""
        for number in range(count):
            yield self._company(number)

    def _company(self, number: int) -> Company:
        lot = self._lot
        word = f"{lot.choice(_FIRST)}{lot.choice(_TRADES)}"
        key = f"p{number:06d}.example"
        level = lot.choices(list(_LEVELS), list(_LEVELS.values()))[0]
        trouble = lot.choices(list(_TROUBLE), list(_TROUBLE.values()))[0]
        shared = lot.random() < _AT_A_PROVIDER and level != "fingerprint"
        trouble = "" if shared or (trouble == "violated" and level in {"encrypt", "may"}) else trouble
        if trouble == "weaker":
            level = "encrypt"
        servers = (
            lot.choices(self._providers, self._weights)[0]
            if shared
            else self._own(key, is_pinned=level == "fingerprint", trouble=trouble)
        )
        return Company(
            name=f"{word} {number + 1} {lot.choice(_FORMS)}",
            key=key,
            level=level,
            agreed="ca-and-name" if trouble == "weaker" else _AGREED[level],
            trouble=trouble,
            servers=servers,
            episodes=self._episodes(),
        )

    def _episodes(self) -> tuple[tuple[datetime, datetime], ...]:
        """Return the times in which mail would have stopped, oldest first; most have none."""
        lot, spans = self._lot, []
        if self._days >= 2 and lot.random() < 0.05:
            at = self._now - timedelta(days=self._days * lot.random())
            end = at + timedelta(hours=lot.uniform(1, 60))
            spans += [(at, end)] if end < self._now - timedelta(days=1) else []
        return tuple(spans)

    def _own(self, key: str, *, is_pinned: bool, trouble: str) -> tuple[Server, ...]:
        count = 2 if self._lot.random() < _TWO_SERVERS else 1
        hosts = [f"mx{place}.{key}" for place in range(count)]
        leaf = self._leaf(hosts, itself=is_pinned, has_ended=trouble == "violated" and not is_pinned)
        is_renewed = is_pinned and trouble == "violated"
        life = self._days > 0 and self._lot.random() < self._days / 75
        before = self._leaf(hosts, itself=is_pinned, is_older=True) if is_renewed or life else None
        return tuple(Server(host, self._next_address(), leaf, before) for host in hosts)

    def _provider(self, number: int) -> tuple[Server, ...]:
        base = f"mailcloud{number:02d}.example"
        leaf = self._leaf([f"*.in.{base}"])
        return tuple(Server(f"mx{place}.in.{base}", self._next_address(), leaf) for place in range(_PROVIDER_SERVERS))

    def _next_address(self) -> str:
        self._address += 1
        return str(type(_NETWORK.network_address)(self._address))

    def _leaf(self, hosts: list[str], *, itself: bool = False, has_ended: bool = False, is_older: bool = False) -> Leaf:
        """Return a certificate for *hosts* that is valid now, or was until lately."""
        lot, life = self._lot, self._lot.choice(_LIFETIMES)
        ends = self._now + life * lot.uniform(0.05, 1)
        if has_ended or is_older:
            ends = self._now - timedelta(hours=lot.uniform(1, 48)) + (timedelta(days=20) if is_older else timedelta())
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        ends = ends.replace(microsecond=0)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name if itself else self._authority.name)
            .public_key(key.public_key())
            .serial_number(lot.getrandbits(120) + 1)
            .not_valid_before(ends - life)
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(key if itself else self._authority.key, hashes.SHA256())
        )
        return Leaf(built.public_bytes(Encoding.DER), tuple(hosts), name.rfc4514_string(), ends - life, ends, itself)


def _authority(now: datetime) -> _Authority:
    """Return a CA of ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Invented CA (demo_data)")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Authority(name, key, built.public_bytes(Encoding.PEM).decode())
