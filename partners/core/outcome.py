"""What an opinion is made of: per address, per message; and what judge() needs to know of an entry."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from partners.core.levels import SecurityLevel

__all__ = ["Delivery", "HostOutcome", "JudgedPolicy", "TlsStatus", "Verdict"]


class JudgedPolicy(Protocol):
    """What judge() reads of a policy entry. None: the attribute is not there, so that main.cf counts.

    match, tafile: the values of all such attributes. invalid: why Postfix refuses the entry, "" where it does not.
    """

    @property
    def level(self) -> SecurityLevel: ...
    @property
    def match(self) -> tuple[str, ...]: ...
    @property
    def tafile(self) -> tuple[str, ...]: ...
    @property
    def protocols(self) -> str | None: ...
    @property
    def ciphers(self) -> str | None: ...
    @property
    def exclude(self) -> str | None: ...
    @property
    def servername(self) -> str | None: ...
    @property
    def sts(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def invalid(self) -> str: ...


class Delivery(Enum):
    """What happens to the message; UNKNOWN where facts are missing."""

    DELIVER = "deliver"
    DEFER = "defer"
    BOUNCE = "bounce"
    UNKNOWN = "unknown"


_STATUS = {
    Delivery.DELIVER: "sent",
    Delivery.DEFER: "deferred",
    Delivery.BOUNCE: "bounced",
    Delivery.UNKNOWN: "unknown",
}


class TlsStatus(Enum):
    """Postfix's words for the peer (tls_log_summary() in src/tls/tls_misc.c); NONE: plaintext, or no session."""

    NONE = "none"
    ANONYMOUS = "Anonymous"
    UNTRUSTED = "Untrusted"
    TRUSTED = "Trusted"
    VERIFIED = "Verified"


@dataclass(frozen=True, slots=True)
class HostOutcome:
    """What happens at one address of one MX host if Postfix comes to it.

    effective: the level that is enforced there (dane may fall to may or encrypt). dsn: "2.0.0" where mail flows.
    text: as smtp(8) would log it. reasons: stable codes (see reasons.py), all that apply, worst first.
    plaintext: mail would flow without TLS at once (fresh message). reached: a connection stood.
    written: mx_host as it is logged, where that is not in lower case.
    """

    mx_host: str
    preference: int
    address: str
    port: int
    delivery: Delivery
    tls_status: TlsStatus
    effective: SecurityLevel
    dsn: str
    text: str
    reasons: tuple[str, ...]
    plaintext: bool = False
    pin_seen: str = ""
    seen_at: datetime | None = None
    reached: bool = False
    written: str = ""

    @property
    def where(self) -> str:
        """The address as the log has it: "mx.example.com[192.0.2.1]:25"."""
        return f"{self.written or self.mx_host}[{self.address}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a message to a nexthop.

    hosts: one row per address in Postfix's order; `tried` is how many of them smtp(8) would use before it stops.
    delivery: of the message; `host` the outcome that decided it (None where no host was reached).
    key: the map key that applied, None for main.cf's default. level: the entry's level.
    unknown: cause where delivery is UNKNOWN, else "". mx: what stands after relay= in the log, None for relay=none.
    """

    nexthop: str
    key: str | None
    level: SecurityLevel
    delivery: Delivery
    tls_status: TlsStatus
    plaintext: bool | None
    dsn: str
    text: str
    reasons: tuple[str, ...]
    hosts: tuple[HostOutcome, ...]
    host: HostOutcome | None
    unknown: str = ""
    mx: str | None = None

    @property
    def status(self) -> str:
        """Postfix's word for what becomes of the message; "unknown" where facts are missing."""
        return _STATUS[self.delivery]

    @property
    def all_deliver(self) -> bool:
        """Whether every address that Postfix may use takes the mail."""
        return bool(self.hosts) and all(row.delivery is Delivery.DELIVER for row in self.hosts)
