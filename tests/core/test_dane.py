"""dane and dane-only: one oddity of the records, the DNS or the peer per case."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from partners.core.dane import insecure_mx_policy
from partners.core.levels import SecurityLevel
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
    TlsProfile,
)
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.verdict import Delivery, judge, profiles_needed
from tests.kit.ca import Certificate, root_ca, self_signed

NOW = datetime.now(UTC).replace(microsecond=0)
PAST = NOW - timedelta(days=1)
MX = "mx.example.com"
ROOT = root_ca("DANE root")
ISSUER = ROOT.intermediate("DANE issuer")
LEAF = ISSUER.leaf(MX)
FULL = (LEAF, ISSUER, ROOT)
OWN = self_signed(MX)
OLD = self_signed("other.example", not_after=PAST)
RELAY = RelaySettings(smtp_dns_support_level="dnssec")
SECURE, INSECURE = Dnssec.SECURE, Dnssec.INSECURE
DANE, ONLY = SecurityLevel.DANE, SecurityLevel.DANE_ONLY


@dataclass(frozen=True)
class Policy:
    level: SecurityLevel
    match: tuple[str, ...] = ()
    tafile: tuple[str, ...] = ()
    protocols: str | None = None
    ciphers: str | None = None
    exclude: str | None = None
    servername: str | None = None
    sts: tuple[tuple[str, str], ...] = ()
    invalid: str = ""


def tlsa(usage: int, selector: int, matching: int, of: Certificate | bytes) -> TlsaRecord:
    if isinstance(of, bytes):
        return TlsaRecord(usage, selector, matching, of)
    content = of.der if selector == 0 else of.spki_der
    data = {0: content, 1: hashlib.sha256(content).digest(), 2: hashlib.sha512(content).digest()}[matching]
    return TlsaRecord(usage, selector, matching, data)


def dns(*records: TlsaRecord, host: dict[str, object] | None = None, **odd: object) -> NexthopFacts:
    found = TlsaFacts(MX, LookupStatus.FOUND if records else LookupStatus.NOT_FOUND, SECURE, records)
    one = replace(HostFacts(MX, 10, LookupStatus.FOUND, SECURE, ("192.0.2.1",), tlsa=(found,)), **(host or {}))  # type: ignore[arg-type]
    facts = NexthopFacts("example.com", NOW, True, LookupStatus.FOUND, SECURE, (one,))
    return replace(facts, **odd)  # type: ignore[arg-type]


def peer(profile: TlsProfile, sent: tuple[Certificate, ...] | None) -> PeerFacts:
    tls = TlsFacts("TLSv1.3", "x", tuple(one.der for one in sent)) if sent is not None else None
    done = Stage.DONE if tls else Stage.EHLO
    return PeerFacts(
        "192.0.2.1", 25, profile, NOW, done, greeting_code=220, ehlo_code=250, starttls_offered=tls is not None, tls=tls
    )


def said(
    level: SecurityLevel, facts: NexthopFacts, sent: tuple[Certificate, ...] | None = FULL, relay: RelaySettings = RELAY
) -> str:
    """The outcome in Postfix's words: "dane Verified", "may plaintext", "4.7.5 TLSA records unusable", "unknown"."""
    policy = Policy(level)
    seen = {key: peer(key[2], sent) for key in profiles_needed(policy, facts, relay)}
    found = judge(policy, facts, seen, relay, NOW)
    if found.delivery is Delivery.UNKNOWN:
        return "unknown"
    if found.delivery is not Delivery.DELIVER:
        return f"{found.dsn} {found.text}"
    return f"{found.hosts[0].effective.value} {'plaintext' if found.plaintext else found.tls_status.value}"


NOT = "4.7.5 Server certificate not verified"
UNUSABLE, NONE_FOUND = "4.7.5 TLSA records unusable", "4.7.5 no TLSA records found"
JUNK = b"\1" * 31


@pytest.mark.parametrize(
    ("records", "sent", "dane", "only"),
    [
        pytest.param([tlsa(3, 1, 1, LEAF)], FULL, "dane Verified", "dane-only Verified", id="3-1-1"),
        pytest.param([tlsa(3, 0, 2, LEAF)], FULL, "dane Verified", "dane-only Verified", id="3-0-2"),
        pytest.param([tlsa(3, 0, 0, LEAF)], FULL, "dane Verified", "dane-only Verified", id="3-0-0"),
        pytest.param([tlsa(3, 1, 1, OLD)], (OLD,), "dane Verified", "dane-only Verified", id="3-ignores-name-and-date"),
        pytest.param([tlsa(3, 1, 1, OLD)], FULL, NOT, NOT, id="3-other-key"),
        pytest.param([tlsa(3, 1, 1, ISSUER)], FULL, NOT, NOT, id="3-of-an-issuer"),
        pytest.param([tlsa(3, 1, 1, LEAF)], (), NOT, NOT, id="no-certificate"),
        pytest.param(
            [tlsa(3, 1, 1, LEAF)],
            None,
            *["4.7.4 TLS is required, but was not offered by host mx.example.com[192.0.2.1]"] * 2,
            id="no-starttls",
        ),
        pytest.param([tlsa(2, 0, 1, ROOT)], FULL, "dane Verified", "dane-only Verified", id="2-0-1"),
        pytest.param([tlsa(2, 1, 1, ISSUER)], FULL, "dane Verified", "dane-only Verified", id="2-1-1-intermediate"),
        pytest.param([tlsa(2, 0, 1, ROOT)], FULL[:2], NOT, NOT, id="2-digest-of-anchor-not-sent"),
        pytest.param(
            [tlsa(2, 0, 0, ROOT)], FULL[:2], "dane Verified", "dane-only Verified", id="2-0-0-brings-its-anchor"
        ),
        pytest.param(
            [tlsa(2, 1, 0, ISSUER)], FULL[:1], "dane Verified", "dane-only Verified", id="2-1-0-brings-its-anchor"
        ),
        pytest.param([tlsa(2, 0, 1, LEAF)], FULL, NOT, NOT, id="2-of-the-leaf"),
        pytest.param([tlsa(2, 1, 0, LEAF)], FULL, NOT, NOT, id="2-1-0-of-the-leaf"),
        pytest.param([tlsa(2, 0, 1, ISSUER)], (ISSUER.leaf(MX, not_after=PAST), ISSUER), NOT, NOT, id="2-expired-leaf"),
        pytest.param([tlsa(2, 0, 1, ISSUER)], (ISSUER.leaf("x.example"), ISSUER), NOT, NOT, id="2-other-name"),
        pytest.param(
            [tlsa(2, 0, 1, ISSUER)],
            (ISSUER.leaf("example.com"), ISSUER),
            "dane Verified",
            "dane-only Verified",
            id="2-nexthop-name",
        ),
        pytest.param([], FULL, "may Untrusted", NONE_FOUND, id="none"),
        pytest.param([], None, "may plaintext", NONE_FOUND, id="none-and-no-starttls"),
        pytest.param([tlsa(1, 1, 1, LEAF)], FULL, "encrypt Untrusted", UNUSABLE, id="usage-1"),
        pytest.param([tlsa(3, 1, 255, b"x")], FULL, "encrypt Untrusted", UNUSABLE, id="private-type"),
        pytest.param([tlsa(3, 1, 1, JUNK)], FULL, "encrypt Untrusted", NOT, id="bad-length"),
        pytest.param([tlsa(3, 2, 1, LEAF)], FULL, "encrypt Untrusted", NOT, id="bad-selector"),
        pytest.param([tlsa(3, 1, 3, JUNK)], FULL, "encrypt Untrusted", NOT, id="bad-matching-type"),
        pytest.param([tlsa(3, 0, 0, JUNK)], FULL, "encrypt Untrusted", NOT, id="no-certificate-in-full"),
        pytest.param([tlsa(2, 1, 0, JUNK)], FULL, "encrypt Untrusted", NOT, id="no-key-in-full"),
        pytest.param(
            [tlsa(2, 1, 0, OWN)], (OWN,), "dane Verified", "dane-only Verified", id="2-1-0-of-a-self-signed-leaf"
        ),
        pytest.param([tlsa(2, 1, 0, OLD)], (OLD,), NOT, NOT, id="2-1-0-of-a-self-signed-leaf-that-expired"),
        pytest.param(
            [tlsa(3, 1, 1, JUNK), tlsa(3, 1, 1, LEAF)], FULL, "dane Verified", "dane-only Verified", id="one-sound"
        ),
        pytest.param([tlsa(3, 1, 2, OLD), tlsa(3, 1, 1, LEAF)], FULL, NOT, NOT, id="agility-strongest-counts"),
        pytest.param(
            [tlsa(3, 1, 2, JUNK), tlsa(3, 1, 1, LEAF)],
            FULL,
            "dane Verified",
            "dane-only Verified",
            id="agility-without-unsound-ones",
        ),
        pytest.param(
            [tlsa(3, 0, 2, OLD), tlsa(3, 1, 1, LEAF)],
            FULL,
            "dane Verified",
            "dane-only Verified",
            id="agility-per-selector",
        ),
    ],
)
def test_records(records: list[TlsaRecord], sent: tuple[Certificate, ...] | None, dane: str, only: str) -> None:
    """Each kind of record has one outcome at either level."""
    facts = dns(*records)

    assert [said(DANE, facts, sent), said(ONLY, facts, sent)] == [dane, only]


GOOD = tlsa(3, 1, 1, LEAF)
FAILED: dict[str, object] = {"tlsa": (TlsaFacts(MX, LookupStatus.FAILED, INSECURE),)}
ALIAS: dict[str, object] = {"canonical": "real.example.net", "dnssec": INSECURE, "alias_dnssec": SECURE}


@pytest.mark.parametrize(
    ("facts", "dane", "only"),
    [
        pytest.param(dns(GOOD, mx_dnssec=INSECURE), "may Untrusted", "4.7.5 non DNSSEC destination", id="insecure-mx"),
        pytest.param(
            dns(GOOD, mx_dnssec=INSECURE, mx_asked=False), "dane Verified", "dane-only Verified", id="no-mx-asked"
        ),
        pytest.param(dns(GOOD, host={"dnssec": INSECURE}), "may Untrusted", NONE_FOUND, id="insecure-address"),
        pytest.param(dns(GOOD, host=ALIAS), "dane Verified", "dane-only Verified", id="secure-alias"),
        pytest.param(dns(GOOD, host=FAILED), *["4.7.5 TLSA lookup error for mx.example.com:25"] * 2, id="servfail"),
        pytest.param(dns(GOOD, host={"tlsa": ()}), "unknown", "unknown", id="not-looked-up"),
        pytest.param(
            dns(host={"tlsa": (TlsaFacts(MX, LookupStatus.FOUND, INSECURE, (GOOD,)),)}),
            "may Untrusted",
            NONE_FOUND,
            id="insecure-tlsa",
        ),
    ],
)
def test_dnssec(facts: NexthopFacts, dane: str, only: str) -> None:
    """What is not secure counts as not there; a failed lookup gives the host up."""
    assert [said(DANE, facts), said(ONLY, facts)] == [dane, only]


@pytest.mark.parametrize(
    ("setting", "outcome"),
    [("may", "may Untrusted"), ("encrypt", "encrypt Untrusted"), ("dane", "dane Trusted")],
)
def test_insecure_mx(setting: str, outcome: str) -> None:
    """Behind an insecure MX record the relay's setting decides; half-dane is logged Trusted."""
    relay = replace(RELAY, smtp_tls_dane_insecure_mx_policy=setting)

    assert said(DANE, dns(GOOD, mx_dnssec=INSECURE), relay=relay) == outcome


@pytest.mark.parametrize(
    ("release", "default"),
    [
        ("3.5.0", "dane"),
        ("3.6.16", "may"),
        ("3.6.17", "dane"),
        ("3.7.11", "may"),
        ("3.7.13", "dane"),
        ("3.9.1", "may"),
        ("3.10.0", "dane"),
        ("3.11.0", "dane"),
    ],
)
def test_default_for_an_insecure_mx(release: str, default: str) -> None:
    """The default depends on the release, and in the odd ones on main.cf's level."""
    relay = replace(RELAY, postfix=PostfixRelease.parse(release))

    assert insecure_mx_policy(relay) == default
    assert insecure_mx_policy(replace(relay, smtp_tls_security_level=DANE)) == "dane"


def test_relay_without_dnssec() -> None:
    """dane acts as may, dane-only stops mail."""
    assert said(DANE, dns(GOOD), relay=RelaySettings()) == "may Untrusted"
    assert said(ONLY, dns(GOOD), relay=RelaySettings()) == "4.7.5 client TLS configuration problem"


def test_servername_is_the_base_domain() -> None:
    """servername= is ignored where records are enforced."""
    ((_address, _port, profile),) = profiles_needed(replace(Policy(DANE), servername="x.example"), dns(GOOD), RELAY)

    assert (profile.servername, profile.strict) == (MX, True)


class TestUnsoundRecords:
    """Records that only the handshake finds useless: dane becomes encrypt, but not all of dane is forgotten."""

    FACTS = dns(tlsa(3, 1, 1, JUNK))
    CA = RELAY.with_(smtp_tls_CAfile="x", ca_pem=ROOT.pem.encode())

    def test_the_name_still_decides_over_the_word(self) -> None:
        """A good chain is Trusted with the right name alone, and mail flows either way."""
        other = (ISSUER.leaf("x.example"), ISSUER)

        assert said(DANE, self.FACTS, FULL[:2], self.CA) == "encrypt Trusted"
        assert said(DANE, self.FACTS, other, self.CA) == "encrypt Untrusted"

    def test_anonymous_ciphers_stay_excluded(self) -> None:
        """What is asked for is no anonymous handshake, and names the base domain."""
        ((_address, _port, profile),) = profiles_needed(Policy(DANE), self.FACTS, RELAY)

        assert (profile.anonymous, profile.exclude, profile.servername, profile.strict) == (False, "aNULL", MX, False)

    def test_records_that_are_useless_before_leave_plain_encrypt(self) -> None:
        """A usage that SMTP does not know is no dane at all."""
        ((_address, _port, profile),) = profiles_needed(Policy(DANE), dns(tlsa(1, 1, 1, LEAF)), RELAY)

        assert (profile.anonymous, profile.exclude) == (True, "")
