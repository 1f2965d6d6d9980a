"""judge() beside a real Postfix: the same peers, the same entries, the same word, code and text."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from partners.core.grammar import parse_value
from partners.core.observation import Dnssec, HostFacts, LookupStatus, NexthopFacts, PeerFacts, Stage, TlsFacts
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.verdict import judge, profiles_needed
from tests.kit.ca import Certificate, root_ca, self_signed
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.script import Script
from tests.kit.smtpd import Smtpd

Relays = Callable[..., Postfix]
NOW = datetime.now(UTC)
PAST = NOW - timedelta(days=1)
ROOT = root_ca("Oracle root")
RSA = root_ca("Oracle RSA root", key="rsa2048")
ALONE = self_signed("mx.@")
PLAIN = Script()


@dataclass(frozen=True)
class Case:
    """An entry and the oddity of its peer; "@" in a name stands for the domain of the case."""

    policy: str
    leaf: Callable[[str], Certificate]
    script: Script = PLAIN


def named(*names: str, issuer: Certificate = ROOT, **odd: object) -> Callable[[str], Certificate]:
    return lambda domain: issuer.leaf(*(name.replace("@", domain) for name in names), **odd)  # type: ignore[arg-type]


def given(leaf: Certificate) -> Callable[[str], Certificate]:
    return lambda _domain: leaf


GOOD = named("mx.@")
PIN = ALONE.cert_fingerprint()
NO_STARTTLS = Script(starttls_offered=False)
REFUSES_NOW, REFUSES = Script(replies={"STARTTLS": "454 4.7.0 not now"}), Script(replies={"STARTTLS": "554 5.7.3 no"})
CASES = [
    *(Case(level, GOOD) for level in ("none", "may", "encrypt", "verify", "secure")),
    *(Case(level, named("@")) for level in ("verify", "secure", "secure match=hostname", "verify match=nexthop")),
    *(Case(level, given(ALONE)) for level in ("may", "encrypt", "secure", f"fingerprint match={PIN}")),
    *(Case(level, named("mx.@", not_after=PAST)) for level in ("may", "secure")),
    *(Case(level, named("mx.@", eku=("client",))) for level in ("may", "secure")),
    *(Case(level, named("mx.@", eku=("any",))) for level in ("encrypt", "secure")),
    *(Case(level, named("mx.@", issuer=RSA, digest="sha1")) for level in ("encrypt", "secure")),
    Case("secure", named("*.@")),
    Case("verify", named("*.@")),
    Case("verify", named(common_name="mx.x")),
    Case("secure match=.other.example", named("a.b.other.example")),
    Case("secure match=*.other.example", named("mx.other.example")),
    Case("secure match=next-hop", named("@")),
    Case(f"fingerprint match={PIN}", GOOD),
    Case(f"fingerprint match={ALONE.pkey_fingerprint()}", given(ALONE)),
    Case(f"fingerprint match={ALONE.cert_fingerprint('sha1')}", given(ALONE)),
    Case("fingerprint match=SHA256:AA", given(ALONE)),
    *(Case(level, GOOD, NO_STARTTLS) for level in ("may", "encrypt", "secure")),
    *(Case(level, GOOD, REFUSES_NOW) for level in ("may", "encrypt", "secure")),
    *(Case(level, GOOD, REFUSES) for level in ("may", "encrypt")),
    Case("encrypt match=nexthop", GOOD),
    Case("secure colour=blue", GOOD),
    Case("dane-only", GOOD),
    Case("dane", GOOD),
]


def facts_of(case: Case, domain: str, address: str) -> tuple[NexthopFacts, PeerFacts]:
    """Return what a probe would have seen."""
    host = HostFacts(f"mx.{domain}", 10, LookupStatus.FOUND, Dnssec.INSECURE, (address,))
    dns = NexthopFacts(domain, NOW, True, LookupStatus.FOUND, Dnssec.INSECURE, (host,))
    chain = tuple(one.der for one in case.leaf(domain).chain)
    seen = PeerFacts(
        address, 25, next(iter(profiles_needed(None, dns, RelaySettings())))[2], NOW, Stage.DONE,
        greeting_code=220, ehlo_code=250, starttls_offered=case.script.starttls_offered,
        tls=TlsFacts("TLSv1.3", "", chain) if case.script.starttls_offered else None,
    )  # fmt: skip
    if reply := case.script.replies.get("STARTTLS"):
        text = str(reply)
        seen = replace(
            seen, ended=Stage.STARTTLS, stop="reply", tls=None, starttls_code=int(text[:3]), starttls_text=text
        )
    return dns, seen


def test_postfix_does_what_the_verdict_says(lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Relays) -> None:
    """Each case is delivered for real; status, code, word and text are those of the verdict."""
    entries, addresses, leaves = [], {}, {}
    for number, case in enumerate(CASES):
        domain = f"d{number}.example"
        leaves[domain] = case.leaf(domain)
        addresses[domain] = smtpd.peer(lab.address(), leaf=leaves[domain], script=case.script).address
        dns.zone(domain).add("@ MX 10 mx", f"mx A {addresses[domain]}")
        entries.append(f"{domain} {case.policy}\n")
    mta = postfix(cafile=[ROOT, RSA], policy="".join(entries), smtp_tls_fingerprint_digest="sha256")
    relay = RelaySettings(
        postfix=PostfixRelease.parse(mta.version),
        smtp_tls_CAfile="x",
        ca_pem=(ROOT.pem + RSA.pem).encode(),
        smtp_tls_fingerprint_digest="sha256",
    )
    differs = []
    for case, domain in zip(CASES, addresses, strict=True):
        policy = parse_value(case.policy, relay.postfix, relay)
        nexthop, seen = facts_of(replace(case, leaf=given(leaves[domain])), domain, addresses[domain])
        peers = {key: replace(seen, profile=key[2]) for key in profiles_needed(policy, nexthop, relay)}
        said = judge(policy, nexthop, peers, relay, NOW)

        did = mta.deliver(f"someone@{domain}")

        status = {"sent": "deliver", "deferred": "defer", "bounced": "bounce"}[did.status]
        word = did.tls or "none"
        dsn = said.dsn if status == "deliver" else did.dsn
        expected = (status, dsn, word)
        found = (said.delivery.value, said.dsn, said.tls_status.value)
        if found != expected or (status != "deliver" and said.text not in did.reason):
            differs.append(f"{domain} {case.policy}: Postfix {expected} {did.reason!r}; verdict {found} {said.text!r}")
    assert not differs, "\n".join(differs)
