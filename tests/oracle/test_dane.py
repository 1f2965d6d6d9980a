"""judge() beside a real Postfix at dane and dane-only, with signed zones and real TLSA records."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from partners.core.grammar import parse_value
from partners.core.observation import (
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    PeerFacts,
    Stage,
    TlsaFacts,
    TlsaRecord,
    TlsFacts,
)
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.verdict import judge, profiles_needed
from tests.kit.ca import Certificate, root_ca
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.smtpd import Smtpd

NOW = datetime.now(UTC)
ROOT = root_ca("Oracle DANE root")


@dataclass(frozen=True)
class Case:
    """Records as (usage, selector, matching type, "leaf", "root" or "other")."""

    policy: str
    records: tuple[tuple[int, int, int, str], ...] = ()
    signed: bool = True


LISTS = [
    (),
    ((3, 1, 1, "leaf"),),
    ((3, 0, 2, "leaf"),),
    ((3, 1, 1, "other"),),
    ((2, 0, 1, "root"),),
    ((2, 0, 0, "root"),),
    ((2, 1, 0, "root"),),
    ((2, 0, 1, "leaf"),),
    ((1, 1, 1, "leaf"),),
    ((3, 1, 2, "other"), (3, 1, 1, "leaf")),
]
CASES = [Case(level, records) for level in ("dane", "dane-only") for records in LISTS]
CASES += [Case(level, ((3, 1, 1, "leaf"),), signed=False) for level in ("dane", "dane-only")]


def tlsa(row: tuple[int, int, int, str], leaf: Certificate) -> TlsaRecord:
    usage, selector, matching, of = row
    subject = {"leaf": leaf, "root": ROOT, "other": ROOT.leaf("other.example")}[of]
    content = subject.spki_der if selector else subject.der
    data = {0: content, 1: hashlib.sha256(content).digest(), 2: hashlib.sha512(content).digest()}[matching]
    return TlsaRecord(usage, selector, matching, data)


def facts_of(domain: str, address: str, records: tuple[TlsaRecord, ...], dnssec: Dnssec) -> NexthopFacts:
    """Return what a lookup would have found."""
    mx_host = f"mx.{domain}"
    found = TlsaFacts(mx_host, LookupStatus.FOUND if records else LookupStatus.NOT_FOUND, dnssec, records)
    looked_up = (found,) if dnssec is Dnssec.SECURE else ()
    host = HostFacts(mx_host, 10, LookupStatus.FOUND, dnssec, (address,), tlsa=looked_up)
    return NexthopFacts(domain, NOW, True, LookupStatus.FOUND, dnssec, (host,))


def test_postfix_does_what_the_verdict_says(
    lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Callable[..., Postfix]
) -> None:
    """Status, code, word and text of each delivery are those of the verdict."""
    entries, facts, leaves = [], {}, {}
    for number, case in enumerate(CASES):
        domain = f"s{number}.example"
        leaf = leaves[domain] = ROOT.leaf(f"mx.{domain}")
        address = smtpd.peer(lab.address(), leaf=leaf).address
        records = tuple(tlsa(row, leaf) for row in case.records)
        lines = [f"_25._tcp.mx TLSA {one.usage} {one.selector} {one.matching_type} {one.data.hex()}" for one in records]
        dns.zone(domain, signed=case.signed).add("@ MX 10 mx", f"mx A {address}", *lines)
        facts[domain] = facts_of(domain, address, records, Dnssec.SECURE if case.signed else Dnssec.INSECURE)
        entries.append(f"{domain} {case.policy}\n")
    mta = postfix(policy="".join(entries), smtp_dns_support_level="dnssec", smtp_host_lookup="dns")
    relay = RelaySettings(postfix=PostfixRelease.parse(mta.version), smtp_dns_support_level="dnssec")
    differs = []
    for case, (domain, nexthop) in zip(CASES, facts.items(), strict=True):
        policy = parse_value(case.policy, relay.postfix, relay)
        chain = tuple(one.der for one in leaves[domain].chain)
        peers = {
            key: PeerFacts(
                key[0], 25, key[2], NOW, Stage.DONE, greeting_code=220, ehlo_code=250, starttls_offered=True,
                tls=TlsFacts("TLSv1.3", "", chain),
            )
            for key in profiles_needed(policy, nexthop, relay)
        }  # fmt: skip
        said = judge(policy, nexthop, peers, relay, NOW)

        did = mta.deliver(f"someone@{domain}")

        status = {"sent": "deliver", "deferred": "defer", "bounced": "bounce"}[did.status]
        expected, found = (status, did.tls or "none"), (said.delivery.value, said.tls_status.value)
        if found != expected or (status != "deliver" and (said.text not in did.reason or said.dsn != did.dsn)):
            differs.append(f"{domain} {case}: Postfix {expected} {did.reason!r}; verdict {found} {said.text!r}")
    assert not differs, "\n".join(differs)
