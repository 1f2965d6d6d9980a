"""Who takes part in the demo: invented partners, each with an oddity of its own, and the people who look at them."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from partners.core.levels import Protection, SecurityLevel
from partners.models import User

__all__ = [
    "CONTACT",
    "NETWORKS",
    "PEOPLE",
    "RESOLVER_ADDRESS",
    "SIX",
    "SIX_INSTEAD",
    "Habit",
    "Issuer",
    "Paper",
    "Player",
    "Server",
    "Turn",
]

NETWORKS = "127.0.1.0/24,::1/128"  # loopback: nothing of the demo is seen, or reached, from another machine
RESOLVER_ADDRESS = "127.0.1.53"
SIX, SIX_INSTEAD = "::1", "127.0.1.61"  # the second one where this machine has no IPv6 on loopback


class Issuer(Enum):
    """Who signed a certificate."""

    PUBLIC = "public"  # the demo's stand-in for the public CAs; the relay group trusts it
    OWN = "own"  # a CA of the partner alone, given as tafile=
    ITSELF = "itself"


class Habit(Enum):
    """How a mail server meets whoever connects."""

    TALKS = "talks"
    IS_BUSY = "is busy"  # 421 to everybody: nothing can be said of its TLS


@dataclass(frozen=True, slots=True)
class Paper:
    """A certificate with its key. ends: from the first start on; age: since when it was good by then."""

    name: str
    issuer: Issuer
    dns_id: str
    ends: timedelta = timedelta(days=200)
    age: timedelta = timedelta(days=81)


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server at one address. paper: what it shows, "" where it has no STARTTLS."""

    mx_host: str
    address: str
    paper: str = ""
    habit: Habit = Habit.TALKS


@dataclass(frozen=True, slots=True)
class Player:
    """An invented partner with one channel.

    mx: names in its MX records, () for the null MX. joined: days before the first start at which its entry was
    released. pinned: the paper that was announced; has_ca: its own CA is trusted for it. signed: its zone is, and
    every host in it publishes TLSA records.
    """

    name: str
    keys: tuple[str, ...]
    mx: tuple[str, ...]
    level: SecurityLevel
    agreed: Protection
    basis: str
    joined: int
    match: str = ""
    pinned: str = ""
    has_ca: bool = False
    signed: bool = False

    @property
    def key(self) -> str:
        """The first of its nexthops."""
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens while one looks: a server shows another paper, or the MX records of a key name other hosts."""

    name: str
    after: timedelta
    key: str
    address: str = ""
    paper: str = ""
    mx: tuple[str, ...] = ()


# The first two are the two persons behind every approval; nobody real has an address below .example (RFC 2606).
PEOPLE = (
    ("anna@house.example", "Anna", User.Role.APPROVER),
    ("ben@house.example", "Ben", User.Role.APPROVER),
    ("eda@house.example", "Eda", User.Role.EDITOR),
    ("mara@house.example", "Mara", User.Role.MANAGEMENT),
)
CONTACT = ("pia@borealis.example", "Pia", "borealis.example")
