"""MTA-STS attributes, as Postfix 3.10.13 obeys them, and the header that waives all of them."""

from dataclasses import replace

import pytest

from partners.core.grammar import Invalid, parse_value
from partners.core.levels import SecurityLevel
from partners.core.observation import NexthopFacts, PeerFacts, Stage
from partners.core.reasons import Reason
from partners.core.relay import DEBIAN_13, PostfixRelease, RelaySettings
from partners.core.sts import StsPolicy
from partners.core.verdict import Verdict, judge, profiles_needed
from tests.core.judged import ALONE, GOOD, MX2, NAMED, NOW, RELAY, ROOT, dns, host, of, peer, plain, stopped

RELAY_13 = replace(RELAY, postfix=DEBIAN_13[0], openssl=DEBIAN_13[1], smtp_tls_security_level=SecurityLevel.MAY)
PIN = GOOD.cert_fingerprint()
STS = "policy_type=sts policy_domain=example.com"
OTHER, OURS = "mx_host_pattern=other.example.com", "mx_host_pattern=mx.example.com"


def judged(
    value: str,
    *seen: PeerFacts,
    relay: RelaySettings = RELAY_13,
    facts: NexthopFacts | None = None,
    headers: tuple[str, ...] = (),
) -> Verdict:
    policy = parse_value(value, relay.postfix, relay)
    return judge(policy, facts or dns(), of(*seen), relay, NOW, headers=headers)


def word(found: Verdict) -> str:
    return f"{found.status} {found.tls_status.value} {found.dsn}"


class TestAttributes:
    @pytest.mark.parametrize(
        ("value", "outcome"),
        [
            (f"secure match=mx.example.com {STS} {OURS}", "sent Verified 2.0.0"),
            (f"secure match=nexthop {STS} {OURS}", "sent Verified 2.0.0"),  # match= becomes hostname
            (f"secure {STS} {OURS}", "sent Verified 2.0.0"),
            (f"verify {STS} {OTHER}", "deferred none 4.3.0"),
            (f"secure match=mx.example.com {STS} {OTHER} {OURS}", "sent Verified 2.0.0"),
            (f"secure match=mx.example.com policy_type=STS {OTHER}", "deferred none 4.3.0"),
            (f"secure match=mx.example.com policy_type=no-policy-found {OTHER}", "sent Verified 2.0.0"),
            (f"may {STS} {OTHER}", "sent Trusted 2.0.0"),
            (f"fingerprint match={PIN} {STS} {OURS}", "deferred none 4.7.5"),  # "hostname" is no fingerprint
            (f"fingerprint match={PIN} policy_type=no-policy-found {OURS}", "sent Verified 2.0.0"),
            (f"secure match=mx.example.com {STS} policy_failure=sts-policy-invalid", "deferred Untrusted 4.7.5"),
            (f"fingerprint match={PIN} {STS} policy_failure=sts-webpki-invalid", "deferred Untrusted 4.7.5"),
            (f"encrypt {STS} policy_failure=validation-failure", "sent Untrusted 2.0.0"),
            (f"none {STS} {OTHER}", "sent none 2.0.0"),
        ],
    )
    def test_outcome(self, value: str, outcome: str) -> None:
        """Hosts outside the patterns are skipped; a failed policy is trusted by nothing."""
        assert word(judged(value, peer(GOOD))) == outcome

    def test_a_failed_policy_does_not_make_a_certificate(self) -> None:
        """Without one the peer stays anonymous."""
        assert word(judged(f"may {STS} policy_failure=sts-policy-invalid", peer(None))) == "sent Anonymous 2.0.0"

    @pytest.mark.parametrize(
        "value",
        [
            f"secure {OURS}",
            "secure policy_ttl=100",
            "secure policy_type=tlsa",
            f"secure {STS} policy_failure=certificate-expired",
            f"secure {STS} policy_ttl=1d",
            f"secure {STS} policy_ttl=99999999999",
        ],
    )
    def test_an_entry_that_postfix_refuses(self, value: str) -> None:
        """No type, a word that is not known, a number that is none."""
        assert isinstance(parse_value(value, DEBIAN_13[0]), Invalid)

    @pytest.mark.parametrize(("release", "outcome"), [("3.10.4", "4.7.5"), ("3.10.5", "4.3.0")])
    def test_patterns_are_enforced_from_3_10_5(self, release: str, outcome: str) -> None:
        """Before, and where they are switched off, they do nothing."""
        relay = replace(RELAY_13, postfix=PostfixRelease.parse(release))

        assert judged(f"secure match=nexthop {STS} {OTHER}", peer(GOOD), relay=relay).dsn == outcome
        off = replace(relay, smtp_tls_enforce_sts_mx_patterns=False)
        assert judged(f"secure match=nexthop {STS} {OTHER}", peer(GOOD), relay=off).dsn == "4.7.5"

    @pytest.mark.parametrize(
        ("pattern", "fits"),
        [
            ("MX.example.COM", True),
            ("*.example.com", True),
            ("*.com", False),
            (".example.com", False),
            ("*.*.com", False),
            ("mx.example.com.", False),
        ],
    )
    def test_pattern(self, pattern: str, fits: bool) -> None:
        """A star is one label, the first; nothing else is special."""
        assert StsPolicy((pattern,)).takes("mx.example.com") is fits


class TestSkippedHosts:
    TWO = dns(host(), host(MX2, 20, "mx2.example.com"))
    GOOD2 = peer(ROOT.leaf("mx2.example.com"), MX2)

    def test_the_next_host_is_used(self) -> None:
        """A skipped host costs nothing."""
        found = judged(f"secure {STS} mx_host_pattern=mx2.example.com", peer(), self.GOOD2, facts=self.TWO)

        assert (word(found), found.mx) == ("sent Verified 2.0.0", "mx2.example.com[192.0.2.2]:25")
        assert (found.hosts[0].dsn, found.hosts[0].reasons) == ("4.3.0", (Reason.STS_MX_NOT_LISTED,))

    @pytest.mark.parametrize(("first", "dsn"), [(stopped(Stage.CONNECT, "refused"), "4.4.1"), (peer(NAMED), "4.7.5")])
    def test_the_reason_is_that_of_the_host_before(self, first: PeerFacts, dsn: str) -> None:
        """A skipped host leaves no reason of its own, and relay=none."""
        found = judged(f"secure {STS} {OURS}", first, self.GOOD2, facts=self.TWO)

        assert (found.dsn, found.mx, found.tls_status.value) == (dsn, None, "none")


class TestTlsRequiredNo:
    HEADER = ("Subject: x", "TLS-Required: no")

    @pytest.mark.parametrize(
        "header", ["TLS-Required: no", "tls-required:NO", "TLS-Required : no", "TLS-Required:\n no"]
    )
    def test_the_policy_is_skipped(self, header: str) -> None:
        """The sender waives what the entry demands."""
        assert word(judged("secure", peer(ALONE), headers=(header,))) == "sent Untrusted 2.0.0"

    @pytest.mark.parametrize(
        "header",
        ["TLS-Required: yes", "TLS-Required: no ", "TLS-Required: no x", "X-TLS-Required: no", "TLS-Required: (c) no"],
    )
    def test_other_headers_waive_nothing(self, header: str) -> None:
        """The word must stand alone."""
        assert judged("secure", peer(ALONE), headers=(header,)).dsn == "4.7.5"

    def test_even_an_entry_that_cannot_be_used(self) -> None:
        """Plaintext included, and relay and key are main.cf's."""
        found = judged("secure colour=blue", plain(), headers=self.HEADER)

        assert (found.plaintext, found.key, found.level) == (True, None, SecurityLevel.MAY)

    @pytest.mark.parametrize(
        ("level", "becomes"),
        [(SecurityLevel.SECURE, "Untrusted"), (SecurityLevel.MAY, "Untrusted"), (SecurityLevel.NONE, "none")],
    )
    def test_main_cf_counts_up_to_may(self, level: SecurityLevel, becomes: str) -> None:
        """An entry none becomes main.cf's level, if that is no more than may."""
        relay = replace(RELAY_13, smtp_tls_security_level=level)

        assert judged("none", peer(ALONE), relay=relay, headers=self.HEADER).tls_status.value == becomes

    @pytest.mark.parametrize("relay", [RELAY, replace(RELAY_13, tls_required_enable=False)])
    def test_older_releases_and_a_switch(self, relay: RelaySettings) -> None:
        """Before 3.10 nobody looks; tls_required_enable = no is the cure."""
        assert judged("secure", peer(ALONE), relay=relay, headers=self.HEADER).dsn == "4.7.5"

    def test_what_must_be_probed_is_what_main_cf_asks_for(self) -> None:
        """The entry's own client side is not needed for such a message."""
        policy = parse_value("secure servername=hostname", RELAY_13.postfix, RELAY_13)
        ((_address, _port, profile),) = profiles_needed(policy, dns(), RELAY_13, headers=self.HEADER)

        assert (profile.servername, profile.strict) == ("", False)
