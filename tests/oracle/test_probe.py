"""The probe beside a real Postfix: peers that speak oddly, seen by both; what we predict is what it does.

test_verdict.py gives judge() facts by hand; here the facts come from a real session with the same peer.
"""

from collections.abc import Callable

import pytest

from partners.core.grammar import parse_value
from partners.core.names import Nexthop
from partners.core.observation import HostFacts, NexthopFacts, TlsProfile
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.verdict import judge, profiles_needed
from tests.kit.ca import self_signed
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.script import CLOSE, CLOSING_421, Reply, Script, Tls
from tests.kit.smtpd import Smtpd
from tests.probe.engines import lab_engine

FILLER = "\n".join(f"250-X{number:04}{'y' * 60}" for number in range(40))
LEAF = self_signed("mx.example")


def at(step: str, reply: Reply) -> Script:
    return Script(tls=Tls(LEAF), replies={step: reply})


ODD = {
    "bare-220": at("GREETING", "220"),
    "bare-220-blank": at("GREETING", "220 "),
    "bare-220-multi-line": at("GREETING", "220-\n220 "),
    "greeting-without-esmtp": at("GREETING", "220 hello"),
    "greeting-word-on-first-line": at("GREETING", "220-hello\n220 "),
    "greeting-stars": at("GREETING", "220 ****2*****0*0**** *****"),
    "greeting-stars-and-a-word": at("GREETING", "220 ****2*****0*0**** ESMTP"),
    "greeting-control-character": at("GREETING", b"220 \t\r\n"),
    "greeting-554": at("GREETING", "554 5.7.1 Go away"),
    "greeting-999": at("GREETING", "999 odd"),
    "greeting-250": at("GREETING", "250 odd but positive"),
    "greeting-after-garbage": at("GREETING", b"hello there\r\n220 mx ESMTP\r\n"),
    "greeting-bare-line-feed": at("GREETING", b"220 mx ESMTP\n"),
    "ehlo-500": at("EHLO", "500 5.5.1 What?"),
    "ehlo-450": at("EHLO", "450 4.3.0 Later"),
    "ehlo-first-line": at("EHLO", "250-STARTTLS\n250 SIZE"),
    "ehlo-only-line": at("EHLO", "250 STARTTLS"),
    "ehlo-lower-case": at("EHLO", "250-mx\n250 starttls"),
    "ehlo-parameter": at("EHLO", "250-mx\n250 STARTTLS=x y"),
    "ehlo-blank-before": at("EHLO", "250-mx\n250   STARTTLS"),
    "ehlo-dashes-before": at("EHLO", "250-mx\n250---STARTTLS\n250 SIZE"),
    "ehlo-second-word": at("EHLO", "250-mx\n250 AUTH STARTTLS"),
    "ehlo-below-2048": at("EHLO", f"250-mx\n{FILLER}\n250 STARTTLS"),
    "ehlo-long-line": at("EHLO", b"250-mx\r\n250-" + b"x" * 2000 + b"\r\n250 STARTTLS\r\n"),
    "ehlo-nul": at("EHLO", b"250-mx\r\n250-SIZE\0 x\r\n250 STARTTLS\r\n"),
    "ehlo-hidden-by-nul": at("EHLO", b"250-mx\r\n250 \0STARTTLS\r\n"),
    "ehlo-garbage-line": at("EHLO", b"250-mx\r\nSTARTTLS\r\n250 SIZE\r\n"),
    "ehlo-garbage-words": at("EHLO", b"250-mx\r\nfoo STARTTLS\r\n250 SIZE\r\n"),
    "ehlo-4-digits": at("EHLO", b"250-mx\r\n2500 STARTTLS\r\n250 SIZE\r\n"),
    "ehlo-mixed-codes": at("EHLO", b"500-mx\r\n500-STARTTLS\r\n250 SIZE\r\n"),
    "ehlo-code-alone": at("EHLO", b"250-mx\r\n250-STARTTLS\r\n250\r\n"),
    "ehlo-escape": at("EHLO", b"250-mx\r\n250-STARTTLS\x1bx\r\n250 SIZE\r\n"),
    "ehlo-equals-before": at("EHLO", "250-mx\n250 =STARTTLS"),
    "ehlo-carriage-returns": at("EHLO", b"250-mx\r\r\n250-STARTTLS\r\r\n250 SIZE\r\n"),
    "ehlo-bare-carriage-return": at("EHLO", b"250-mx\r250-STARTTLS\r\n250 SIZE\r\n"),
    "ehlo-utf8": at("EHLO", "250-mx\n250-STARTTLS\xe4\n250 SIZE"),
    "ehlo-tab": at("EHLO", b"250-mx\r\n250-STARTTLS\tx\r\n250 SIZE\r\n"),
    "starttls-250": at("STARTTLS", "250 fine"),
    "starttls-454": at("STARTTLS", "454 4.7.0 Later"),
    "starttls-501": at("STARTTLS", "501 5.5.4 No"),
    "starttls-399": at("STARTTLS", "399 odd"),
    "starttls-421": at("STARTTLS", CLOSING_421),
    "starttls-421-stays": at("STARTTLS", "421 4.3.2 Later"),
    "starttls-injected": at("STARTTLS", b"220 go\r\n250-injected\r\n250 X\r\n"),
    "handshake-close": Script(tls=Tls(LEAF), handshake="close"),
    "handshake-reset": Script(tls=Tls(LEAF), handshake="reset"),
    "handshake-alert": Script(tls=Tls(LEAF), handshake="alert"),
    "handshake-garbage": Script(tls=Tls(LEAF), handshake="garbage"),
    "handshake-plaintext": Script(tls=Tls(LEAF), handshake="plaintext"),
    "tls-ehlo-500": at("TLS EHLO", "500 5.5.1 What?"),
    "tls-ehlo-450": at("TLS EHLO", "450 4.3.0 Later"),
    "tls-helo-500": Script(tls=Tls(LEAF), replies={"TLS EHLO": "500 5.5.1 What?", "TLS HELO": "502 5.5.1 No"}),
    "tls-ehlo-421": at("TLS EHLO", CLOSING_421),
    "tls-ehlo-close": at("TLS EHLO", CLOSE),
}


@pytest.mark.lab
@pytest.mark.parametrize("policy", ["encrypt", "may"])
async def test_what_is_predicted_is_what_postfix_does(
    dns: DnsServer, smtpd: Smtpd, lab: Lab, postfix: Callable[..., Postfix], policy: str
):
    """Status and code of every odd peer, at a level that needs TLS and at one that does not."""
    with dns.batch():
        for name, script in ODD.items():
            peer = smtpd.peer(lab.address(), script=script)
            dns.zone(f"{name}.example").add("@ MX 10 mx", f"mx A {peer.address}")
    mta = postfix(policy="".join(f"{name}.example {policy}\n" for name in ODD))
    relay = RelaySettings(postfix=PostfixRelease.parse(mta.version), smtp_tls_fingerprint_digest="sha256")
    parsed = parse_value(policy, relay.postfix, relay)

    def profiles(facts: NexthopFacts, _host: HostFacts) -> list[TlsProfile]:
        return [key[2] for key in profiles_needed(parsed, facts, relay)]

    engine, differs = lab_engine(dns), []
    for name in ODD:
        facts, peers = await engine.probe_nexthop(Nexthop.parse(f"{name}.example"), profiles=profiles)
        said = judge(parsed, facts, peers, relay, facts.looked_up_at)
        did = mta.deliver(f"someone@{name}.example")

        status = {"sent": "deliver", "deferred": "defer", "bounced": "bounce"}[did.status]
        dsn = said.dsn if status == "deliver" else did.dsn
        if (said.delivery.value, said.dsn, said.tls_status.value) != (status, dsn, did.tls or "none"):
            found = f"{said.delivery.value} {said.dsn} {said.tls_status.value} {said.unknown} {said.text!r}"
            differs.append(f"{name}: Postfix {status} {did.dsn} {did.tls!r} {did.reason!r}; predicted {found}")
    assert not differs, "\n".join(differs)
