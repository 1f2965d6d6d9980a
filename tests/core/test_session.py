"""One session: what relays and releases make of a peer that speaks oddly. Each case was seen with a real Postfix."""

from dataclasses import replace

import pytest

from partners.core.observation import PeerFacts, Stage, TlsProfile
from partners.core.reasons import Reason
from partners.core.relay import DEBIAN_13
from partners.core.verdict import profiles_needed
from tests.core.judged import (
    ENCRYPT,
    EXPIRED,
    GOOD,
    MAY,
    MX2,
    RELAY,
    SECURE,
    dns,
    host,
    peer,
    plain,
    said,
    stopped,
    verdict,
)

NAMED_RELAY = replace(RELAY, myhostname="relay.example")
MIRROR = peer(ehlo_name="Relay.Example")
TWO = dns(host(), host(MX2, 20, "mx2.example.com"))


class TestLoop:
    def test_the_best_host_answers_with_our_name(self) -> None:
        """The message bounces, before and under TLS."""
        under_tls = verdict(MAY, peer(ehlo_tls_name="relay.example"), relay=NAMED_RELAY)

        assert verdict(MAY, MIRROR, relay=NAMED_RELAY).dsn == "5.4.6"
        assert (under_tls.dsn, under_tls.tls_status.value) == ("5.4.6", "Trusted")

    def test_a_worse_host_answers_with_our_name(self) -> None:
        """That is temporary."""
        refused = stopped(Stage.CONNECT, "refused")
        second = replace(MIRROR, address=MX2)

        found = verdict(MAY, refused, second, facts=TWO, relay=NAMED_RELAY)
        assert (found.status, found.dsn) == ("deferred", "4.4.6")

    def test_nobody_looks_on_other_ports_or_after_helo(self) -> None:
        """A loop is a matter of port 25 and of EHLO."""
        facts = dns(nexthop="[mx.example.com]:587")

        assert verdict(MAY, replace(MIRROR, port=587), facts=facts, relay=NAMED_RELAY).status == "sent"
        assert verdict(MAY, replace(MIRROR, esmtp=False), relay=NAMED_RELAY).plaintext is True


class TestEhlo:
    @pytest.mark.parametrize(
        ("settings_", "greeting", "outcome"),
        [
            ({"smtp_never_send_ehlo": True}, "mx ESMTP", "4.7.4"),
            ({"smtp_always_send_ehlo": False}, "hello", "4.7.4"),
            ({"smtp_always_send_ehlo": False}, "mx ESMTP hello", "Trusted"),
            ({"smtp_discard_ehlo_keywords": ("Starttls", "silent-discard")}, "mx ESMTP", "4.7.4"),
        ],
    )
    def test_a_relay_that_does_not_see_starttls(
        self, settings_: dict[str, object], greeting: str, outcome: str
    ) -> None:
        """Without EHLO, or with the keyword discarded, there is no TLS."""
        relay = RELAY.with_(**settings_)

        assert said(ENCRYPT, peer(greeting_text=greeting), relay) == outcome

    @pytest.mark.parametrize(
        ("stage", "outcome"),
        [(Stage.GREETING, "4.4.2"), (Stage.EHLO, "4.4.2"), (Stage.STARTTLS, "4.7.5"), (Stage.EHLO_TLS, "Trusted")],
    )
    def test_a_line_of_5000_bytes(self, stage: Stage, outcome: str) -> None:
        """3.7 reads past it, 3.10 gives up."""
        seen, new = peer(overlong_at=stage.value), replace(RELAY, postfix=DEBIAN_13[0])

        assert [said(MAY, seen), said(MAY, seen, new)] == ["Trusted", outcome]


class TestWrapper:
    RELAY = replace(RELAY, smtp_tls_wrappermode=True)
    PROFILE = TlsProfile(wrapper=True, anonymous=True)

    def seen(self, **odd: object) -> PeerFacts:
        return peer(**{"profile": self.PROFILE, "ended": Stage.DONE, **odd})  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("odd", "outcome"),
        [
            ({}, "Trusted"),
            ({"tls": None, "ended": Stage.HANDSHAKE, "stop": "tls"}, "4.7.5"),
            ({"ended": Stage.GREETING, "stop": "reply", "greeting_code": 554, "greeting_text": "5.7.1 no"}, "4.7.1"),
            ({"ended": Stage.CONNECT, "stop": "refused", "tls": None}, "4.4.1"),
        ],
    )
    def test_tls_comes_first(self, odd: dict[str, object], outcome: str) -> None:
        """The greeting is read under TLS."""
        assert said(ENCRYPT, self.seen(**odd), self.RELAY) == outcome

    def test_a_word_of_tls_stays_with_a_refused_greeting(self) -> None:
        """The session was established."""
        odd = {"ended": Stage.GREETING, "stop": "reply", "greeting_code": 421}

        assert verdict(ENCRYPT, self.seen(**odd), relay=self.RELAY).tls_status.value == "Trusted"

    def test_a_certificate_is_checked_before_the_greeting(self) -> None:
        """Not verified is not verified."""
        strict = self.seen(leaf=EXPIRED, profile=TlsProfile(wrapper=True, strict=True))

        assert said(SECURE, strict, self.RELAY) == "4.7.5"

    def test_below_encrypt_every_host_is_skipped(self) -> None:
        """Wrapper mode without a level that demands TLS is no way at all."""
        found = verdict(MAY, peer(), relay=self.RELAY)

        assert (found.dsn, found.mx, found.reasons) == ("4.3.0", None, (Reason.WRAPPERMODE_NEEDS_TLS,))

    def test_without_an_engine(self) -> None:
        """Nothing can be sent."""
        relay = replace(self.RELAY, tls_engine_failure="no client certificate")

        assert "unavailable" in verdict(ENCRYPT, peer(profile=TlsProfile(wrapper=True)), relay=relay).text

    def test_a_session_without_wrapper_says_nothing(self) -> None:
        """It needs a probe of its own."""
        assert verdict(ENCRYPT, peer(), relay=self.RELAY).unknown == "never-probed"


class TestUnderTls:
    @pytest.mark.parametrize(
        ("code", "text", "outcome"), [(421, "4.3.2 bye", "4.3.2"), (500, "5.5.1 what", "5.5.1"), (0, "", "4.4.2")]
    )
    def test_ehlo_is_refused(self, code: int, text: str, outcome: str) -> None:
        """A reply is no reason for plaintext, however old the message; a lost connection is, at may."""
        seen = peer(
            ended=Stage.EHLO_TLS, stop="reply" if code else "closed", ehlo_tls_code=code, ehlo_tls_text=text
        )  # fmt: skip

        assert verdict(MAY, seen).dsn == outcome
        assert verdict(MAY, seen, age=600).plaintext is (code == 0)
        assert verdict(ENCRYPT, seen, age=600).plaintext is False

    def test_nothing_is_probed_where_nothing_is_tried(self) -> None:
        """A domain that takes no mail has no peers."""
        assert profiles_needed(MAY, dns(null_mx=True), RELAY) == frozenset()

    def test_mandatory_exclusions_are_for_encrypt_and_above(self) -> None:
        """smtp_tls_mandatory_exclude_ciphers goes with smtp_tls_exclude_ciphers, not at may."""
        relay = RELAY.with_(smtp_tls_exclude_ciphers="RC4", smtp_tls_mandatory_exclude_ciphers="aDSS, kDHE")
        policies = (MAY, ENCRYPT, replace(ENCRYPT, exclude=""))

        asked = [next(iter(profiles_needed(policy, dns(), relay)))[2].exclude for policy in policies]
        assert asked == ["RC4", "RC4:aDSS:kDHE", ""]


class TestOwnSettings:
    @pytest.mark.parametrize(
        "odd", [{"protocols": "TLSv9"}, {"ciphers": "bogus"}, {"ciphers": "null"}, {"exclude": "!aNULL"}]
    )
    def test_a_list_that_cannot_be_used_fails_the_handshake(self, odd: dict[str, str]) -> None:
        """No probe with such a list is needed to say so; what comes before STARTTLS still counts."""
        policy = replace(ENCRYPT, **odd)  # type: ignore[arg-type]
        found = verdict(policy, peer())

        assert (found.dsn, found.reasons) == ("4.7.5", (Reason.TLS_SETTINGS_UNUSABLE,))
        assert {key[2] for key in profiles_needed(policy, dns(), RELAY)} == {TlsProfile()}
        assert verdict(policy, plain()).dsn == "4.7.4"

    def test_at_may_an_aged_message_goes_in_plaintext(self) -> None:
        """The handshake fails by our own fault."""
        policy = replace(MAY, protocols="TLSv9")

        assert [verdict(policy, peer(), age=age).plaintext for age in (0, 300)] == [False, True]

    def test_null_leaves_the_ciphers_of_tls_1_3(self) -> None:
        """Only encrypt excludes what the grade would allow."""
        policies = [replace(one, ciphers="null") for one in (MAY, SECURE)]

        asked = [next(iter(profiles_needed(policy, dns(), RELAY)))[2].ciphers for policy in policies]
        assert asked == ["null", "null"]

    def test_a_list_of_main_cf_takes_the_place_of_a_grade(self) -> None:
        """tls_medium_cipherlist is for medium and below; the usual ones are what a profile has anyway."""
        relay = RELAY.with_(tls_medium_cipherlist="AES128-SHA", tls_high_cipherlist="aNULL:-aNULL:HIGH:@STRENGTH")
        policies = [ENCRYPT, replace(ENCRYPT, ciphers="high")]

        asked = [next(iter(profiles_needed(policy, dns(), relay)))[2].ciphers for policy in policies]
        assert asked == ["=AES128-SHA", "high"]

    @pytest.mark.parametrize(("name", "dsn"), [("bad..name", "4.7.5"), ("mä.example", "4.7.5"), ("hostname", "2.0.0")])
    def test_a_servername_of_main_cf(self, name: str, dsn: str) -> None:
        """One that is no host name makes every entry without its own invalid, except at none."""
        relay = replace(RELAY, smtp_tls_servername=name)
        seen = [peer(), peer(profile=TlsProfile(servername="mx.example.com", anonymous=True))]

        assert verdict(ENCRYPT, *seen, relay=relay).dsn == dsn


class TestHosts:
    def test_a_host_that_closes_after_421_counts_as_a_session(self) -> None:
        """Two such hosts, and smtp_mx_session_limit is reached: the third is not tried."""
        facts = dns(host(), host(MX2, 20, "mx2.example.com"), host("192.0.2.3", 30, "mx3.example.com"))
        closing = {"starttls_code": 421, "starttls_text": "4.3.2 bye"}
        two = [
            stopped(Stage.STARTTLS, "closed", address=address, starttls_offered=True, **closing)
            for address in ("192.0.2.1", MX2)
        ]

        found = verdict(MAY, *two, peer(address="192.0.2.3"), facts=facts)
        assert (found.dsn, found.mx) == ("4.4.2", "mx2.example.com[192.0.2.2]:25")

    def test_soft_bounce(self) -> None:
        """A hard reply is tried elsewhere, and waits at the last host."""
        relay, never = replace(RELAY, soft_bounce=True), {"starttls_code": 554, "starttls_text": "5.7.3 no"}
        hard = stopped(Stage.STARTTLS, "reply", **never)

        assert verdict(ENCRYPT, hard, relay=relay).dsn == "4.7.3"
        assert verdict(ENCRYPT, hard, peer(GOOD, MX2), facts=TWO, relay=relay).mx == "mx2.example.com[192.0.2.2]:25"
        assert verdict(ENCRYPT, relay=relay, facts=dns(null_mx=True)).dsn == "4.1.0"

    def test_a_refused_connection_is_no_relay(self) -> None:
        """relay=none, whatever was logged before."""
        found = verdict(ENCRYPT, plain(), stopped(Stage.CONNECT, "refused", address=MX2), facts=TWO)

        assert (found.dsn, found.mx) == ("4.4.1", None)

    def test_the_name_in_force_is_told(self) -> None:
        """smtp_cname_overrides_servername: the log has the name at the end of the alias."""
        facts = dns(replace(host(), canonical="real.example.com"))

        relay = replace(RELAY, smtp_cname_overrides_servername=True)
        assert verdict(MAY, peer(), facts=facts, relay=relay).mx == "real.example.com[192.0.2.1]:25"
