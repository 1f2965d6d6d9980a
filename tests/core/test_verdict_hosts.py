"""judge() over several hosts, over time, and what it needs to have been probed."""

from dataclasses import replace

import pytest

from partners.core.grammar import Invalid
from partners.core.observation import (
    LookupStatus,
    NexthopFacts,
    PeerFacts,
    Stage,
)
from partners.core.relay import DEBIAN_12, DEBIAN_13
from partners.core.verdict import Delivery, judge, profiles_needed
from tests.core.judged import (
    ALONE,
    ENCRYPT,
    GOOD,
    MAY,
    MX,
    MX2,
    NEVER,
    NOW,
    RELAY,
    ROOT,
    SECURE,
    VERIFY,
    dns,
    host,
    of,
    peer,
    plain,
    said,
    stopped,
    unknown,
    verdict,
)

TWO = dns(host(), host(MX2, 20, "mx2.example.com"))
GOOD2 = peer(ROOT.leaf("mx2.example.com"), MX2)


class TestHosts:
    @pytest.mark.parametrize(
        ("first", "second", "delivery", "dsn"),
        [
            pytest.param(plain(), GOOD2, Delivery.DELIVER, "2.0.0", id="soft-goes-on"),
            pytest.param(peer(ALONE), GOOD2, Delivery.DELIVER, "2.0.0", id="not-verified-goes-on"),
            pytest.param(plain(), peer(ALONE, MX2), Delivery.DEFER, "4.7.5", id="last-decides"),
            pytest.param(stopped(Stage.STARTTLS, "reply", **NEVER), GOOD2, Delivery.BOUNCE, "5.7.3", id="hard-ends"),
            pytest.param(unknown(), GOOD2, Delivery.DELIVER, "2.0.0", id="unknown-then-good"),
            pytest.param(unknown(), plain(MX2), Delivery.UNKNOWN, "", id="unknown-then-soft"),
            pytest.param(plain(), unknown(MX2), Delivery.UNKNOWN, "", id="soft-then-unknown"),
            pytest.param(peer(), unknown(MX2), Delivery.DELIVER, "2.0.0", id="good-then-unknown"),
        ],
    )
    def test_walk(self, first: PeerFacts, second: PeerFacts, delivery: Delivery, dsn: str) -> None:
        """Soft failures go on, hard replies end, the last host decides."""
        found = verdict(VERIFY, first, second, facts=TWO)

        assert (found.delivery, found.dsn, len(found.hosts)) == (delivery, dsn, 2)

    def test_never_probed_is_unknown(self) -> None:
        """No row for an address is no fact."""
        assert verdict(MAY).unknown == "never-probed"

    def test_equal_preference_shows_the_worst(self) -> None:
        """Postfix shuffles equal hosts: the one that bounces counts."""
        facts = dns(host(MX2, 10, "mx2.example.com"), host())

        assert (
            verdict(ENCRYPT, GOOD2, stopped(Stage.STARTTLS, "reply", **NEVER), facts=facts).delivery is Delivery.BOUNCE
        )

    def test_address_limit(self) -> None:
        """A sixth address is not tried."""
        facts = dns(*(host(f"192.0.2.{number}", number, f"mx{number}.example") for number in range(1, 7)))
        seen = [plain(f"192.0.2.{number}") for number in range(1, 6)]

        found = verdict(ENCRYPT, *seen, peer(GOOD, "192.0.2.6"), facts=facts)
        assert (found.delivery, len(found.hosts)) == (Delivery.DEFER, 6)

    def test_address_family(self) -> None:
        """A relay without IPv6 does not use such an address."""
        facts = dns(replace(host(), addresses=("2001:db8::1", MX)))

        assert [
            row.address
            for row in verdict(MAY, peer(), facts=facts, relay=replace(RELAY, inet_protocols=frozenset({"ipv4"}))).hosts
        ] == [MX]

    @pytest.mark.parametrize(
        ("facts", "delivery", "dsn"),
        [
            pytest.param(dns(null_mx=True), Delivery.BOUNCE, "5.1.0", id="null-mx"),
            pytest.param(dns(mx_status=LookupStatus.NXDOMAIN), Delivery.BOUNCE, "5.4.4", id="nxdomain"),
            pytest.param(dns(mx_status=LookupStatus.FAILED), Delivery.UNKNOWN, "", id="servfail"),
            pytest.param(
                dns(replace(host(), status=LookupStatus.NOT_FOUND, addresses=())),
                Delivery.BOUNCE,
                "5.4.4",
                id="no-address",
            ),
            pytest.param(
                dns(replace(host(), status=LookupStatus.FAILED, addresses=())),
                Delivery.UNKNOWN,
                "",
                id="address-servfail",
            ),
        ],
    )
    def test_dns(self, facts: NexthopFacts, delivery: Delivery, dsn: str) -> None:
        """What the DNS denies bounces; what it does not answer is unknown."""
        found = verdict(SECURE, peer(), facts=facts)

        assert (found.delivery, found.dsn) == (delivery, dsn)


class TestAge:
    BROKEN = stopped(Stage.HANDSHAKE, "tls")

    def test_fresh_message_waits_at_may(self) -> None:
        """A failed handshake defers a message that has just come."""
        assert verdict(MAY, self.BROKEN, age=299).dsn == "4.7.5"

    def test_aged_message_goes_in_plaintext_at_may(self) -> None:
        """From minimal_backoff_time on it is sent without TLS."""
        found = verdict(MAY, self.BROKEN, age=300)

        assert (found.delivery, found.plaintext, found.hosts[0].plaintext) == (Delivery.DELIVER, True, True)

    def test_never_at_encrypt(self) -> None:
        """Age does not lower encrypt."""
        assert verdict(ENCRYPT, self.BROKEN, age=100_000).dsn == "4.7.5"

    @pytest.mark.parametrize(("age", "mx", "plaintext"), [(0, MX2, False), (300, MX, True)])
    def test_the_same_address_goes_before_a_second_host(self, age: int, mx: str, plaintext: bool) -> None:
        """A fresh message goes on to a host that takes TLS, an aged one in plaintext to the first."""
        found = verdict(MAY, self.BROKEN, GOOD2, facts=TWO, age=age)

        assert (found.host and found.host.address, found.plaintext) == (mx, plaintext)


class TestProfiles:
    def test_profile_of_an_entry_is_needed(self) -> None:
        """protocols= makes another handshake: the permissive one says nothing of it."""
        policy = replace(ENCRYPT, protocols=">=TLSv1.3")
        ((address, port, profile),) = profiles_needed(policy, dns(), RELAY)

        assert verdict(policy, peer()).unknown == "never-probed"
        assert verdict(policy, replace(peer(), profile=profile)).delivery is Delivery.DELIVER
        assert (address, port, profile.protocols) == (MX, 25, ">=TLSv1.3")

    def test_servername_words(self) -> None:
        """hostname and nexthop stand for names, other values for themselves."""
        asked = [
            next(iter(profiles_needed(replace(SECURE, servername=word), dns(), RELAY)))[2].servername
            for word in ("hostname", "nexthop", "x.example")
        ]

        assert asked == ["mx.example.com", "example.com", "x.example"]

    def test_port_of_the_nexthop(self) -> None:
        """[host]:587 is judged on port 587."""
        facts = dns(nexthop="[mx.example.com]:587")

        assert verdict(MAY, peer(), facts=facts).delivery is Delivery.UNKNOWN
        assert verdict(MAY, peer(port=587), facts=facts).delivery is Delivery.DELIVER


def test_releases_of_debian_agree_on_a_good_peer() -> None:
    """What is good is good on both."""
    relays = [replace(RELAY, postfix=postfix, openssl=openssl) for postfix, openssl in (DEBIAN_12, DEBIAN_13)]

    assert [said(VERIFY, peer(), relay) for relay in relays] == ["Verified", "Verified"]


def test_no_session_is_asked_for_where_postfix_makes_none():
    """A refused entry connects nowhere, so that nobody has to be probed for it."""
    assert profiles_needed(Invalid("invalid attribute"), dns(), RELAY) == frozenset()


class TestCredentials:
    """smtp_sasl_password_maps: PLAINTEXT_FALLBACK_OK_AFTER_STARTTLS_FAILURE in src/smtp/smtp.h."""

    FAILS = stopped(Stage.HANDSHAKE, "tls", greeting_code=220, ehlo_code=250, starttls_offered=True, starttls_code=220)

    @pytest.mark.parametrize(
        ("hosts", "delivery"),
        [((), Delivery.DELIVER), (("mx.example.com",), Delivery.DEFER), (("x",), Delivery.DELIVER)],
    )
    def test_they_are_never_sent_in_plaintext(self, hosts: tuple[str, ...], delivery: Delivery) -> None:
        """An aged message for a host with credentials goes on waiting."""
        found = judge(MAY, dns(), of(self.FAILS), RELAY, NOW, message_age=600, credentialed=hosts)

        assert found.delivery is delivery

    def test_without_a_failure_they_change_nothing(self) -> None:
        """STARTTLS that is not offered is no failure of TLS."""
        assert judge(MAY, dns(), of(plain()), RELAY, NOW, credentialed=("mx.example.com",)).plaintext


class TestSource:
    """smtp_bind_address_enforce, and an address that this machine does not have."""

    RELAY = RELAY.with_(foreign_sources=frozenset({"ipv4"}))

    def test_no_connection_is_made(self) -> None:
        """A mistake of one's own, told without a host; nothing has to be probed."""
        found = judge(SECURE, dns(), {}, self.RELAY, NOW)

        assert (found.delivery, found.dsn, found.mx, found.unknown) == (Delivery.DEFER, "4.4.0", None, "")
        assert profiles_needed(SECURE, dns(), self.RELAY) == frozenset()

    def test_the_other_kind_of_address_is_free(self) -> None:
        """Only the kind whose source is foreign is passed over."""
        six = host("2001:db8::1")
        found = judge(ENCRYPT, dns(host(), six), of(peer(address="2001:db8::1")), self.RELAY, NOW)

        assert (found.delivery, found.mx) == (Delivery.DELIVER, "mx.example.com[2001:db8::1]:25")


def test_a_host_is_told_in_the_case_of_the_dns() -> None:
    """Postfix logs it so; the row keeps the name by which hosts are known again."""
    found = judge(ENCRYPT, dns(replace(host(), written="MX.example.com")), of(peer()), RELAY, NOW)

    assert found.mx == "MX.example.com[192.0.2.1]:25"
    assert found.hosts[0].mx_host == "mx.example.com"
