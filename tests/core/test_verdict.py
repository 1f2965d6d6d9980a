"""judge(): one oddity per case. The peer is good unless the case says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

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
from partners.core.reasons import Reason
from partners.core.relay import DEBIAN_12, DEBIAN_13, PostfixRelease, RelaySettings
from partners.core.verdict import Delivery, PeerKey, TlsStatus, Verdict, judge, profiles_needed
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


NO_TLS_REPLY = {"starttls_code": 0}
LATER = {"starttls_code": 454, "starttls_text": "454 4.7.0 TLS not available"}
NEVER = {"starttls_code": 554, "starttls_text": "554 5.7.3 no"}
OLD = TlsFacts("TLSv1.1", "AES256-SHA", tuple(link.der for link in GOOD.chain))

# what the peer does, and what follows at none, may, encrypt, verify, secure, and a pin of another certificate
TABLE = [
    ("good", peer(GOOD), "plaintext Trusted Trusted Verified Verified 4.7.5"),
    ("name-of-the-domain", peer(NAMED), "plaintext Trusted Trusted 4.7.5 Verified 4.7.5"),
    ("expired", peer(EXPIRED), "plaintext Untrusted Untrusted 4.7.5 4.7.5 4.7.5"),
    ("self-signed", peer(ALONE), "plaintext Untrusted Untrusted 4.7.5 4.7.5 Verified"),
    ("anonymous", peer(None), "plaintext Anonymous Anonymous 4.7.5 4.7.5 4.7.5"),
    ("no-starttls", plain(), "plaintext plaintext 4.7.4 4.7.4 4.7.4 4.7.4"),
    ("bare-220", peer(GOOD, esmtp=False), "plaintext plaintext 4.7.4 4.7.4 4.7.4 4.7.4"),
    ("tls-1.1", peer(tls=OLD), "plaintext Trusted Trusted 4.7.5 4.7.5 4.7.5"),
    ("454", stopped(Stage.STARTTLS, "reply", **LATER), "plaintext plaintext 4.7.0 4.7.0 4.7.0 4.7.0"),
    ("554", stopped(Stage.STARTTLS, "reply", **NEVER), "plaintext plaintext 5.7.3 5.7.3 5.7.3 5.7.3"),
    ("silence", stopped(Stage.STARTTLS, "timeout", **NO_TLS_REPLY), "plaintext 4.4.2 4.4.2 4.4.2 4.4.2 4.4.2"),
    ("close", stopped(Stage.STARTTLS, "closed", **NO_TLS_REPLY), "plaintext 4.4.2 4.4.2 4.4.2 4.4.2 4.4.2"),
    ("handshake", stopped(Stage.HANDSHAKE, "tls"), "plaintext 4.7.5 4.7.5 4.7.5 4.7.5 4.7.5"),
    ("421", stopped(Stage.GREETING, "reply", greeting_code=421), "4.0.0 4.0.0 4.0.0 4.0.0 4.0.0 4.0.0"),
    ("554-greeting", stopped(Stage.GREETING, "reply", greeting_code=554), "4.0.0 4.0.0 4.0.0 4.0.0 4.0.0 4.0.0"),
    ("odd-greeting", stopped(Stage.GREETING, "reply", greeting_code=354), "5.5.0 5.5.0 5.5.0 5.5.0 5.5.0 5.5.0"),
    ("no-greeting", stopped(Stage.GREETING, "timeout", greeting_code=0), "4.4.2 4.4.2 4.4.2 4.4.2 4.4.2 4.4.2"),
    ("ehlo-450", stopped(Stage.EHLO, "reply", ehlo_code=450), "4.0.0 4.0.0 4.0.0 4.0.0 4.0.0 4.0.0"),
    ("ehlo-550", stopped(Stage.EHLO, "reply", ehlo_code=550), "5.0.0 5.0.0 5.0.0 5.0.0 5.0.0 5.0.0"),
    (
        "lost-after-tls",
        peer(ended=Stage.EHLO_TLS, stop="closed", ehlo_tls_code=0),
        "plaintext 4.4.2 4.4.2 4.4.2 4.4.2 4.7.5",
    ),
]


@pytest.mark.parametrize(("seen", "outcomes"), [pytest.param(seen, words, id=name) for name, seen, words in TABLE])
def test_level_by_level(seen: PeerFacts, outcomes: str) -> None:
    """Each oddity of a peer has one outcome per level."""
    policies = (NONE, MAY, ENCRYPT, VERIFY, SECURE, PINNED)

    assert [said(policy, seen) for policy in policies] == outcomes.split()


class TestMainCf:
    @pytest.mark.parametrize("level", [LEVEL.NONE, LEVEL.MAY, LEVEL.ENCRYPT, LEVEL.SECURE])
    def test_without_entry_main_cf_decides(self, level: SecurityLevel) -> None:
        """No entry means smtp_tls_security_level."""
        relay = replace(RELAY, smtp_tls_security_level=level)

        assert said(None, peer(), relay) == said(Policy(level), peer())
        assert verdict(None, peer(), relay=relay).key is None

    def test_match_replaces_the_default(self) -> None:
        """match= is instead of main.cf's list, not beside it."""
        assert said(replace(SECURE, match=("mx.example.net",)), peer(GOOD)) == "4.7.5"
        assert said(replace(SECURE, match=("mx.example.net:hostname",)), peer(GOOD)) == "Verified"

    def test_invalid_entry_stops_all_mail(self) -> None:
        """An entry that Postfix refuses defers before any connection."""
        found = verdict(replace(MAY, invalid="unknown attribute"), unknown())

        assert (found.dsn, found.text) == ("4.7.5", "client TLS configuration problem")

    def test_unknown_ca_set_is_unknown(self) -> None:
        """Without the contents of the CAfile nothing is said of verify and secure."""
        assert verdict(SECURE, peer(), relay=replace(RELAY, ca_pem=b"")).delivery is Delivery.UNKNOWN

    def test_no_ca_set_trusts_nothing(self) -> None:
        """A relay without CAfile and CApath verifies nobody."""
        assert said(SECURE, peer(), RelaySettings()) == "4.7.5"


class TestTaFile:
    RELAY = replace(
        RELAY,
        ca_pem=b"",
        ta_files=(("a.pem", ALONE.pem.encode()), ("k.pem", ALONE.key_pem.encode()), ("gone.pem", None)),
    )

    def test_private_ca_is_trusted_for_this_entry(self) -> None:
        """A tafile replaces the CAfile."""
        assert said(replace(SECURE, tafile=("a.pem",)), peer(ALONE), self.RELAY) == "Verified"

    def test_names_count_with_a_tafile(self) -> None:
        """Even the leaf itself as anchor must carry the name."""
        assert said(replace(SECURE, tafile=("a.pem",), match=("other.example",)), peer(ALONE), self.RELAY) == "4.7.5"

    def test_unreadable_tafile_stops_mail(self) -> None:
        """The entry is invalid."""
        assert verdict(replace(SECURE, tafile=("gone.pem",)), peer(ALONE), relay=self.RELAY).reasons == (
            Reason.POLICY_INVALID,
        )

    def test_tafile_of_other_objects_falls_to_the_ca_file(self) -> None:
        """A PEM object that is no anchor silently leaves main.cf's anchors in force."""
        relay = replace(self.RELAY, ca_pem=ROOT.pem.encode())

        assert said(replace(SECURE, tafile=("k.pem",)), peer(GOOD), relay) == "Verified"


class TestFingerprint:
    @pytest.mark.parametrize(
        ("match", "outcome"),
        [
            pytest.param((ALONE.cert_fingerprint(),), "Verified", id="certificate"),
            pytest.param((ALONE.pkey_fingerprint(),), "Verified", id="key"),
            pytest.param((ALONE.pkey_fingerprint().lower().replace(":", ""),), "Verified", id="other-form"),
            pytest.param((GOOD.cert_fingerprint() + "|" + ALONE.cert_fingerprint(),), "Verified", id="second-of-two"),
            pytest.param((GOOD.cert_fingerprint(), ALONE.cert_fingerprint()), "Verified", id="second-attribute"),
            pytest.param((GOOD.cert_fingerprint(),), "4.7.5", id="other"),
            pytest.param((ALONE.cert_fingerprint("sha1"),), "4.7.5", id="other-algorithm"),
            pytest.param((":" + ALONE.cert_fingerprint(),), "4.7.5", id="leading-colon"),
        ],
    )
    def test_digest(self, match: tuple[str, ...], outcome: str) -> None:
        """The leaf or its key, in any form that Postfix takes."""
        assert said(replace(PINNED, match=match), peer(ALONE)) == outcome

    def test_expired_certificate_matches(self) -> None:
        """Dates, names and chain do not count."""
        policy = replace(PINNED, match=(EXPIRED.cert_fingerprint(),))
        found = verdict(policy, peer(EXPIRED))

        assert (found.tls_status, found.hosts[0].pin_seen) == (TlsStatus.VERIFIED, EXPIRED.cert_fingerprint())

    @pytest.mark.parametrize(("release", "outcome"), [("3.8.0", "Verified"), ("3.9.0", "4.7.5")])
    def test_malformed_values(self, release: str, outcome: str) -> None:
        """Up to 3.8 main.cf's list takes their place, from 3.9 on the entry is invalid."""
        listed = (ALONE.cert_fingerprint(),)
        relay = replace(RELAY, postfix=PostfixRelease.parse(release), smtp_tls_fingerprint_cert_match=listed)

        assert said(replace(PINNED, match=("SHA256:AA",)), peer(ALONE), relay) == outcome

    def test_digest_is_the_relays(self) -> None:
        """One algorithm for all entries."""
        relay = replace(RELAY, smtp_tls_fingerprint_digest="sha1")

        assert said(replace(PINNED, match=(ALONE.cert_fingerprint("sha1"),)), peer(ALONE), relay) == "Verified"
        assert verdict(PINNED, peer(ALONE), relay=relay).reasons == (Reason.FINGERPRINT_UNUSABLE,)


class TestReasons:
    def test_all_reasons_are_told(self) -> None:
        """Expired and wrong name are two things to mend."""
        policy = replace(SECURE, match=("other.example",))

        assert verdict(policy, peer(EXPIRED)).reasons == (Reason.CERTIFICATE_EXPIRED, Reason.CERTIFICATE_HOST_MISMATCH)

    @pytest.mark.parametrize(
        ("release", "status"),
        [
            ("3.5.25", TlsStatus.TRUSTED),
            ("3.7.11", TlsStatus.UNTRUSTED),
            ("3.10.3", TlsStatus.UNTRUSTED),
            ("3.10.4", TlsStatus.TRUSTED),
        ],
    )
    def test_word_for_a_wrong_name(self, release: str, status: TlsStatus) -> None:
        """A good chain with a wrong name defers, under a word that depends on the release."""
        found = verdict(VERIFY, peer(NAMED), relay=replace(RELAY, postfix=PostfixRelease.parse(release)))

        assert (found.delivery, found.tls_status) == (Delivery.DEFER, status)

    def test_texts_are_those_of_the_log(self) -> None:
        """The text is what smtp(8) logs."""
        refused = stopped(Stage.STARTTLS, "reply", **NEVER)

        assert (
            verdict(ENCRYPT, plain()).text == "TLS is required, but was not offered by host mx.example.com[192.0.2.1]"
        )
        assert verdict(ENCRYPT, refused).text.endswith("[192.0.2.1] refused to start TLS: 554 5.7.3 no")
        assert verdict(SECURE, peer(ALONE)).text == "Server certificate not verified"

    def test_hostile_reply_stays_on_one_line(self) -> None:
        """A peer's words are cleaned."""
        refused = stopped(Stage.STARTTLS, "reply", starttls_code=454, starttls_text="454 a\r\nb\x1b[2J")

        assert verdict(ENCRYPT, refused).text.isprintable()

    def test_loop(self) -> None:
        """A peer that greets with our own name bounces."""
        assert said(MAY, peer(ehlo_name="OUT.example.org"), replace(RELAY, myhostname="out.example.org")) == "5.4.6"


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

    def test_second_host_first(self) -> None:
        """A host that takes TLS wins over plaintext to the first one."""
        assert verdict(MAY, self.BROKEN, GOOD2, facts=TWO, age=300).tls_status is TlsStatus.TRUSTED


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
