"""judge(): one oddity per case. The peer is good unless the case says otherwise."""

from dataclasses import replace

import pytest

from partners.core.levels import SecurityLevel
from partners.core.observation import (
    PeerFacts,
    Stage,
    TlsFacts,
)
from partners.core.reasons import Reason
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.verdict import Delivery, TlsStatus
from tests.core.judged import (
    ALONE,
    ENCRYPT,
    EXPIRED,
    GOOD,
    LEVEL,
    MAY,
    NAMED,
    NEVER,
    NONE,
    PINNED,
    RELAY,
    ROOT,
    SECURE,
    VERIFY,
    Policy,
    peer,
    plain,
    said,
    stopped,
    unknown,
    verdict,
)

NO_TLS_REPLY = {"starttls_code": 0}
LATER = {"starttls_code": 454, "starttls_text": "454 4.7.0 TLS not available"}
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

    def test_a_ca_set_that_is_empty_trusts_nothing(self) -> None:
        """A CApath that was looked into and holds nothing is a fact."""
        relay = RelaySettings(smtp_tls_CApath="/etc/postfix/ca", ca_is_known=True)

        assert said(SECURE, peer(), relay) == "4.7.5"

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
