"""Who takes part in the demo: six partners, each with an oddity of its own, and the people who look at them."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from partners.core.levels import Protection, SecurityLevel
from partners.models import User

__all__ = ["CAST", "CONTACT", "NETWORK", "PEOPLE", "RESOLVER_ADDRESS", "Issuer", "Player"]

NETWORK = "127.0.1.0/24"  # loopback: nothing of the demo is seen, or reached, from another machine
RESOLVER_ADDRESS = "127.0.1.53"


class Issuer(Enum):
    """Who signed a player's certificate."""

    PUBLIC = "public"  # the demo's stand-in for the public CAs; the relay group trusts it
    OWN = "own"  # a CA of the partner alone, given as tafile=
    ITSELF = "itself"
    NOBODY = "nobody"  # no certificate: the peer has no STARTTLS


@dataclass(frozen=True, slots=True)
class Player:
    """An invented partner with one nexthop, one MX host and one address.

    named: what its certificate says, "" = the MX host. renews_after: when it shows another certificate, untold.
    """

    name: str
    key: str
    address: str
    level: SecurityLevel
    agreed: Protection
    issuer: Issuer
    basis: str
    lifetime: timedelta = timedelta(days=200)
    named: str = ""
    renews_after: timedelta | None = None

    @property
    def mx_host(self) -> str:
        """The name in its MX record."""
        return f"mx.{self.key}"


CAST = (
    Player(
        "Aurora Bank",
        "aurora.example",
        "127.0.1.11",
        SecurityLevel.SECURE,
        Protection.CA_NAME,
        Issuer.PUBLIC,
        "demo: everything as agreed",
    ),
    Player(
        "Borealis Insurance",
        "borealis.example",
        "127.0.1.12",
        SecurityLevel.FINGERPRINT,
        Protection.PIN,
        Issuer.ITSELF,
        "demo: a self-signed certificate, pinned",
    ),
    Player(
        "Cirrus Logistics",
        "cirrus.example",
        "127.0.1.13",
        SecurityLevel.SECURE,
        Protection.CA_NAME,
        Issuer.OWN,
        "demo: a CA of its own, and a certificate that ends soon",
        lifetime=timedelta(days=9),
    ),
    Player(
        "Delta Clinics",
        "delta.example",
        "127.0.1.14",
        SecurityLevel.SECURE,
        Protection.CA_NAME,
        Issuer.PUBLIC,
        "demo: the certificate names another host",
        named="mail.hosting.example",
    ),
    Player(
        "Ember Energy",
        "ember.example",
        "127.0.1.15",
        SecurityLevel.ENCRYPT,
        Protection.ENCRYPTED,
        Issuer.NOBODY,
        "demo: offers no STARTTLS",
    ),
    Player(
        "Fjord Shipping",
        "fjord.example",
        "127.0.1.16",
        SecurityLevel.FINGERPRINT,
        Protection.PIN,
        Issuer.ITSELF,
        "demo: renews its certificate without notice, a minute after the start",
        renews_after=timedelta(seconds=60),
    ),
)

# The first two are the two persons behind every approval; nobody real has an address below .example (RFC 2606).
PEOPLE = (
    ("anna@house.example", "Anna", User.Role.APPROVER),
    ("ben@house.example", "Ben", User.Role.APPROVER),
    ("eda@house.example", "Eda", User.Role.EDITOR),
    ("mara@house.example", "Mara", User.Role.MANAGEMENT),
)
CONTACT = ("pia@borealis.example", "Pia", "borealis.example")
