"""Chains: one oddity per case, at levels that must match (strict) and that need not."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.core.chain import NO_ANCHORS, Anchors, ChainResult, verify
from partners.core.reasons import Reason
from tests.kit.ca import Certificate, bundle, cross_signed, root_ca, self_signed

NOW = datetime.now(UTC).replace(microsecond=0)
PAST, FUTURE = NOW - timedelta(days=1), NOW + timedelta(days=1)
ROOT = root_ca("Chain root")
ISSUER = ROOT.intermediate("Chain issuer")
LEAF = ISSUER.leaf("mx.example.com")
ALONE = self_signed("mx.example.com")
OLD_ROOT = root_ca("Old root", not_after=PAST)
OLD_ISSUER = ROOT.intermediate("Old issuer", not_after=PAST)


def ca_file(*certificates: Certificate) -> Anchors:
    return Anchors.from_ca_file(bundle(*certificates).encode())


def ta_file(*pems: str) -> Anchors:
    anchors = Anchors.from_ta_files([pem.encode() for pem in pems])
    assert anchors is not None
    return anchors


def judged(sent: tuple[Certificate, ...], anchors: Anchors, at: datetime = NOW, *, strict: bool = True) -> ChainResult:
    return verify(tuple(link.der for link in sent), anchors, at, strict=strict)


def deep(count: int) -> Certificate:
    """A leaf below *count* intermediates."""
    issuer = ROOT
    for number in range(count):
        issuer = issuer.intermediate(f"Deep {number}")
    return issuer.leaf("mx.example.com")


class TestCaFile:
    @pytest.mark.parametrize(
        ("sent", "anchors", "reason"),
        [
            pytest.param(LEAF.chain, ca_file(ROOT), "", id="good"),
            pytest.param((LEAF, ROOT, ISSUER), ca_file(ROOT), "", id="any-order"),
            pytest.param((LEAF,), ca_file(ROOT, ISSUER), "", id="intermediate-helps-from-ca-file"),
            pytest.param((LEAF,), ca_file(ROOT), Reason.CERTIFICATE_NOT_TRUSTED, id="intermediate-missing"),
            pytest.param(LEAF.chain, ca_file(ISSUER), Reason.CERTIFICATE_NOT_TRUSTED, id="no-partial-chain"),
            pytest.param(LEAF.chain, ca_file(LEAF), Reason.CERTIFICATE_NOT_TRUSTED, id="issued-leaf-is-no-anchor"),
            pytest.param(LEAF.chain, NO_ANCHORS, Reason.CERTIFICATE_NOT_TRUSTED, id="no-anchors"),
            pytest.param((ALONE,), ca_file(ROOT), Reason.CERTIFICATE_SELF_SIGNED, id="self-signed"),
            pytest.param((ALONE,), ca_file(ALONE), "", id="self-signed-anchor"),
            pytest.param(ROOT.leaf("mx", ca=True).chain, ca_file(ROOT), "", id="leaf-is-a-ca"),
            pytest.param((OLD_ROOT.leaf("mx"),), ca_file(OLD_ROOT), Reason.CERTIFICATE_EXPIRED, id="root-expired"),
            pytest.param((), ca_file(ROOT), Reason.CERTIFICATE_NOT_SENT, id="nothing-sent"),
            pytest.param(deep(10).chain, ca_file(ROOT), "", id="ten-intermediates"),
            pytest.param(deep(11).chain, ca_file(ROOT), Reason.CERTIFICATE_CHAIN_TOO_LONG, id="eleven-intermediates"),
        ],
    )
    def test_anchor(self, sent: tuple[Certificate, ...], anchors: Anchors, reason: str) -> None:
        """Only self-signed certificates of the CAfile are anchors."""
        result = judged(sent, anchors)

        assert (result.trusted, result.reason) == (not reason, reason)

    @pytest.mark.parametrize(
        ("leaf", "reason"),
        [
            pytest.param(ROOT.leaf("mx", not_after=PAST), Reason.CERTIFICATE_EXPIRED, id="expired"),
            pytest.param(ROOT.leaf("mx", not_before=FUTURE), Reason.CERTIFICATE_NOT_YET_VALID, id="future"),
            pytest.param(ROOT.leaf("mx", eku=()), "", id="no-eku"),
            pytest.param(ROOT.leaf("mx", eku=("client", "server")), "", id="both-eku"),
            pytest.param(ROOT.leaf("mx", eku=("client",)), Reason.CERTIFICATE_NOT_FOR_SERVERS, id="client-eku"),
            pytest.param(ROOT.leaf("mx", eku=("any",)), Reason.CERTIFICATE_NOT_FOR_SERVERS, id="any-eku"),
            pytest.param(
                ROOT.intermediate("x", eku=("client",)).leaf("mx"), Reason.CERTIFICATE_NOT_FOR_SERVERS, id="ca-eku"
            ),
            pytest.param(ROOT.intermediate("x", ca=False).leaf("mx"), Reason.CERTIFICATE_CA_INVALID, id="no-ca"),
            pytest.param(
                ROOT.intermediate("x", key_usage=("crl_sign",)).leaf("mx"), Reason.CERTIFICATE_CA_INVALID, id="ca-usage"
            ),
            pytest.param(
                ROOT.intermediate("x", path_length=0).intermediate("y").leaf("mx"),
                Reason.CERTIFICATE_CA_INVALID,
                id="path-length",
            ),
            pytest.param(
                ROOT.intermediate("x", permitted=("example.net",)).leaf("mx.example.com"),
                Reason.CERTIFICATE_NAME_CONSTRAINED,
                id="name-constraint",
            ),
            pytest.param(
                ROOT.intermediate("x", permitted=("example.net",)).leaf(common_name="mx.example.com"),
                Reason.CERTIFICATE_NAME_CONSTRAINED,
                id="name-constraint-on-common-name",
            ),
            pytest.param(ROOT.leaf("mx", broken_signature=True), Reason.VALIDATION_FAILURE, id="broken-signature"),
        ],
    )
    def test_leaf(self, leaf: Certificate, reason: str) -> None:
        """Dates, purpose and constraints of every certificate count."""
        assert judged(leaf.chain, ca_file(ROOT)).reason == reason

    @pytest.mark.parametrize(("strict", "reason"), [(True, Reason.CERTIFICATE_WEAK), (False, "")])
    def test_sha1_fails_only_where_the_peer_must_match(self, strict: bool, reason: str) -> None:
        """Security level 1 refuses SHA-1; at may and encrypt such a peer is even Trusted."""
        root = root_ca("RSA root", key="rsa2048")

        assert judged((root.leaf("mx", digest="sha1"),), ca_file(root), strict=strict).reason == reason

    def test_short_rsa_passes(self) -> None:
        """RSA with 1024 bits is 80 bits of security, just enough."""
        assert judged((ROOT.leaf("mx", key="rsa1024"),), ca_file(ROOT)).trusted

    def test_root_with_sha1_is_an_anchor(self) -> None:
        """Nobody checks the signature of an anchor."""
        root = root_ca("SHA-1 root", key="rsa2048", digest="sha1")

        assert judged((root.leaf("mx"),), ca_file(root)).trusted

    def test_cross_certificate(self) -> None:
        """A root in the CAfile beats a cross-certificate by an unknown CA."""
        crossed = cross_signed(ROOT, by=root_ca("Unknown"))

        assert judged((*LEAF.chain, crossed), ca_file(ROOT)).trusted

    def test_time_decides_at_the_second(self) -> None:
        """notAfter is the last good second; the kept result of one day is not that of the next."""
        last = LEAF.not_after
        outcomes = [
            judged(LEAF.chain, ca_file(ROOT), at).trusted for at in (NOW, last, last + timedelta(seconds=1), NOW)
        ]

        assert outcomes == [True, True, False, True]

    def test_unreadable_certificate_is_a_reason(self) -> None:
        """Bytes that are no certificate do not raise."""
        assert verify((b"junk",), ca_file(ROOT), NOW).reason == Reason.VALIDATION_FAILURE


class TestTaFile:
    @pytest.mark.parametrize(
        ("sent", "anchors", "reason"),
        [
            pytest.param(LEAF.chain, ta_file(ROOT.pem), "", id="root"),
            pytest.param((LEAF,), ta_file(ISSUER.pem), "", id="intermediate"),
            pytest.param((LEAF,), ta_file(LEAF.pem), "", id="leaf"),
            pytest.param((LEAF,), ta_file(LEAF.spki_pem), "", id="leaf-key"),
            pytest.param(LEAF.chain, ta_file(ISSUER.spki_pem), "", id="key-of-sent-issuer"),
            pytest.param((LEAF,), ta_file(ISSUER.spki_pem), "", id="key-of-issuer-not-sent"),
            pytest.param(LEAF.chain, ta_file(ROOT.spki_pem), "", id="key-of-root-not-sent"),
            pytest.param(LEAF.chain, ta_file(ALONE.pem, ROOT.pem), "", id="several-files"),
            pytest.param(LEAF.chain, ta_file("note\n" + ROOT.pem + "note"), "", id="text-around"),
            pytest.param(LEAF.chain, ta_file(ALONE.pem), Reason.CERTIFICATE_NOT_TRUSTED, id="other"),
            pytest.param(LEAF.chain, ta_file(ALONE.spki_pem), Reason.CERTIFICATE_NOT_TRUSTED, id="other-key"),
            pytest.param(
                (OLD_ROOT.leaf("mx"),), ta_file(OLD_ROOT.pem), Reason.CERTIFICATE_EXPIRED, id="dates-of-a-root"
            ),
            pytest.param(
                (OLD_ROOT.leaf("mx"), OLD_ROOT),
                ta_file(OLD_ROOT.spki_pem),
                Reason.CERTIFICATE_EXPIRED,
                id="sent-root-of-key",
            ),
            pytest.param((OLD_ROOT.leaf("mx"),), ta_file(OLD_ROOT.spki_pem), "", id="a-bare-key-has-no-dates"),
            pytest.param(
                OLD_ISSUER.leaf("mx").chain, ta_file(OLD_ISSUER.pem), "", id="dates-of-an-intermediate-do-not-count"
            ),
            pytest.param(
                ROOT.leaf("mx", not_after=PAST).chain, ta_file(ROOT.pem), Reason.CERTIFICATE_EXPIRED, id="expired-leaf"
            ),
            pytest.param(
                (ROOT.leaf("mx", not_after=PAST),),
                ta_file(ROOT.spki_pem),
                Reason.CERTIFICATE_EXPIRED,
                id="expired-by-key",
            ),
        ],
    )
    def test_anchor(self, sent: tuple[Certificate, ...], anchors: Anchors, reason: str) -> None:
        """Roots, intermediates, leaves and bare keys are anchors, sent or not."""
        assert judged(sent, anchors).reason == reason

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(None, id="unreadable"),
            pytest.param(b"", id="empty"),
            pytest.param(b"no PEM here", id="text"),
            pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n", id="broken-base64"),
        ],
    )
    def test_file_that_postfix_cannot_load(self, content: bytes | None) -> None:
        """Such a file makes the entry invalid; it never means "no anchors"."""
        assert Anchors.from_ta_files([ROOT.pem.encode(), content]) is None

    def test_other_objects_add_nothing(self) -> None:
        """A PEM object of another type counts as loaded."""
        assert Anchors.from_ta_files([ROOT.key_pem.encode()]) == Anchors(synthetic=True)


class TestTwins:
    """Certificates of one name and key: OpenSSL takes one as issuer and knows no way back (find_issuer())."""

    OF_OURS = cross_signed(ISSUER, by=ROOT, not_before=NOW - timedelta(days=2))
    OF_OTHERS = cross_signed(ISSUER, by=root_ca("Others"))
    OF_OURS_EXPIRED = cross_signed(ISSUER, by=ROOT, not_after=PAST)

    @pytest.mark.parametrize(
        ("sent", "anchor", "reason"),
        [
            pytest.param((LEAF, OF_OTHERS), OF_OURS, "", id="the-anchor-comes-before-what-is-sent"),
            pytest.param((LEAF, OF_OURS), OF_OURS_EXPIRED, Reason.CERTIFICATE_NOT_TRUSTED, id="one-in-its-time-first"),
            pytest.param((LEAF, OF_OURS_EXPIRED), OF_OURS_EXPIRED, "", id="an-expired-anchor-alone"),
            pytest.param((LEAF, OF_OURS_EXPIRED, OF_OURS), ROOT, "", id="below-the-anchor-too"),
        ],
    )
    def test_of_a_tafile(self, sent: tuple[Certificate, ...], anchor: Certificate, reason: str) -> None:
        """Which of them is taken decides."""
        assert judged(sent, ta_file(anchor.pem)).reason == reason

    @pytest.mark.parametrize(
        ("sent", "reason"),
        [
            pytest.param((LEAF, OF_OURS, OF_OTHERS), "", id="first"),
            pytest.param((LEAF, OF_OTHERS, OF_OURS), Reason.CERTIFICATE_NOT_TRUSTED, id="second"),
        ],
    )
    def test_of_a_digest(self, sent: tuple[Certificate, ...], reason: str) -> None:
        """A TLSA digest brings nothing: the order in which they are sent counts."""
        assert judged(sent, Anchors(synthetic=True, sent=(self.OF_OURS.der,))).reason == reason
