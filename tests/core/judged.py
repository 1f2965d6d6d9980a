"""Entries, peers and DNS facts for tests of judge(): good in every way unless a keyword says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from partners.core.levels import SecurityLevel
from partners.core.observation import (
    PERMISSIVE,
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    NotMeasuredCause,
    PeerFacts,
    Stage,
    TlsFacts,
)
from partners.core.relay import RelaySettings
from partners.core.verdict import Delivery, PeerKey, Verdict, judge
from tests.kit.ca import Certificate, root_ca, self_signed

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = root_ca("Verdict root")
GOOD = ROOT.leaf("mx.example.com")
NAMED = ROOT.leaf("example.com")
EXPIRED = ROOT.leaf("example.com", not_after=NOW - timedelta(days=1))
ALONE = self_signed("mx.example.com")
MX, MX2 = "192.0.2.1", "192.0.2.2"
RELAY = RelaySettings(smtp_tls_CAfile="ca.pem", ca_pem=ROOT.pem.encode())
LEVEL = SecurityLevel


@dataclass(frozen=True)
class Policy:
    """An entry as judge() reads it."""

    level: SecurityLevel
    match: tuple[str, ...] = ()
    tafile: tuple[str, ...] = ()
    protocols: str | None = None
    ciphers: str | None = None
    exclude: str | None = None
    servername: str | None = None
    sts: tuple[tuple[str, str], ...] = ()
    invalid: str = ""


SECURE, VERIFY, ENCRYPT, MAY, NONE = (
    Policy(level) for level in (LEVEL.SECURE, LEVEL.VERIFY, LEVEL.ENCRYPT, LEVEL.MAY, LEVEL.NONE)
)
PINNED = Policy(LEVEL.FINGERPRINT, match=(ALONE.cert_fingerprint(),))


def host(address: str = MX, preference: int = 10, name: str = "mx.example.com") -> HostFacts:
    return HostFacts(name, preference, LookupStatus.FOUND, Dnssec.INSECURE, (address,))


def dns(*hosts: HostFacts, **odd: object) -> NexthopFacts:
    facts = NexthopFacts("example.com", NOW, True, LookupStatus.FOUND, Dnssec.INSECURE, hosts or (host(),))
    return replace(facts, **odd)  # type: ignore[arg-type]


def peer(leaf: Certificate | None = GOOD, address: str = MX, **odd: object) -> PeerFacts:
    chain = tuple(link.der for link in leaf.chain) if leaf else ()
    seen = PeerFacts(
        address, 25, PERMISSIVE, NOW, Stage.DONE, greeting_code=220, ehlo_code=250, starttls_offered=True,
        starttls_code=220, tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", chain), ehlo_tls_code=250,
    )  # fmt: skip
    return replace(seen, **odd)  # type: ignore[arg-type]


def plain(address: str = MX) -> PeerFacts:
    return peer(None, address, starttls_offered=False, starttls_code=0, tls=None, ended=Stage.EHLO)


def stopped(stage: Stage, how: str, **odd: object) -> PeerFacts:
    return peer(**{"leaf": None, "ended": stage, "stop": how, "tls": None, "ehlo_tls_code": 0, **odd})  # type: ignore[arg-type]


def unknown(address: str = MX) -> NotMeasured:
    return NotMeasured(address, 25, PERMISSIVE, NOW, NotMeasuredCause.CONNECT_TIMEOUT)


def of(*seen: PeerFacts | NotMeasured) -> Mapping[PeerKey, PeerFacts | NotMeasured]:
    return {(one.address, one.port, one.profile): one for one in seen}


def verdict(
    policy: Policy | None,
    *seen: PeerFacts | NotMeasured,
    relay: RelaySettings = RELAY,
    facts: NexthopFacts | None = None,
    age: int = 0,
) -> Verdict:
    return judge(policy, facts or dns(), of(*seen), relay, NOW, message_age=age)


def said(policy: Policy | None, seen: PeerFacts, relay: RelaySettings = RELAY) -> str:
    """The outcome in Postfix's words: "Verified", "4.7.5", "plaintext"."""
    found = verdict(policy, seen, relay=relay)
    if found.delivery is not Delivery.DELIVER:
        return found.dsn
    return "plaintext" if found.plaintext else found.tls_status.value


NEVER = {"starttls_code": 554, "starttls_text": "554 5.7.3 no"}  # a reply to STARTTLS
