"""Chains that no CA would make: what cannot be read, keys of every kind, and dates at the ends of time."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.core.chain import Anchors, verify
from partners.core.reasons import Reason
from tests.kit.ca import Certificate, cross_signed, root_ca, self_signed

NOW = datetime.now(UTC).replace(microsecond=0)
PAST, FUTURE = NOW - timedelta(days=1), NOW + timedelta(days=1)
ROOT = root_ca("Odd root")
LEAF = ROOT.leaf("mx.example.com")
JUNK = b"\x30\x03\x02\x01\x01"


@pytest.mark.parametrize("key", ["p256", "p384", "rsa2048", "ed25519"])
def test_a_bare_key_vouches_for_what_it_signed(key: str) -> None:
    """A tafile may hold the key of a root that the server does not send, whatever its kind."""
    issuer = root_ca("Keys", key=key)
    anchors = Anchors(keys=(issuer.spki_der,), synthetic=True)

    assert verify((issuer.leaf("mx.example.com").der,), anchors, NOW).trusted
    assert not verify((LEAF.der,), anchors, NOW).trusted


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        pytest.param(self_signed("a.example"), "", id="self-signed"),
        pytest.param(self_signed("a.example", not_after=PAST), Reason.CERTIFICATE_EXPIRED, id="expired"),
        pytest.param(self_signed("a.example", not_before=FUTURE), Reason.CERTIFICATE_NOT_YET_VALID, id="future"),
        pytest.param(LEAF, Reason.CERTIFICATE_NOT_TRUSTED, id="issued-by-another"),
    ],
)
def test_a_leafs_own_key_as_trust_anchor(leaf: Certificate, reason: str) -> None:
    """TLSA 2 1 0 of the leaf's key: it vouches for a leaf that it signed, whose dates count."""
    anchors = Anchors(keys=(leaf.spki_der,), synthetic=True, takes_leaf=False)

    assert verify((leaf.der,), anchors, NOW).reason == reason


def test_anchors_that_cannot_be_read_vouch_for_nothing() -> None:
    """Beside one that can."""
    assert verify((LEAF.der,), Anchors((JUNK, ROOT.der)), NOW).trusted
    assert verify((LEAF.der,), Anchors((JUNK, ROOT.der), synthetic=True), NOW).trusted
    assert not verify((LEAF.der,), Anchors((JUNK,), (JUNK,), synthetic=True), NOW).trusted


def test_a_trusted_certificate_that_is_none() -> None:
    """A CAfile's object without a whole element is kept as it is, and is no anchor."""
    pem = b"-----BEGIN TRUSTED CERTIFICATE-----\nMIIB\n-----END TRUSTED CERTIFICATE-----\n"

    assert not verify((LEAF.der,), Anchors.from_ca_file(pem), NOW).trusted


@pytest.mark.parametrize("synthetic", [False, True])
def test_a_leaf_without_an_end(synthetic: bool) -> None:
    """9999-12-31 is RFC 5280's word for it; no second comes after that."""
    leaf = ROOT.leaf("mx.example.com", not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))

    assert verify((leaf.der,), Anchors((ROOT.der,), synthetic=synthetic), NOW).trusted


def test_of_two_that_expired_the_later_end_is_the_issuer() -> None:
    """So OpenSSL picks where none is in its time; an anchor's own dates do not count."""
    issuer = ROOT.intermediate("Twice expired")
    older = cross_signed(issuer, by=ROOT, not_after=PAST)
    newer = cross_signed(issuer, by=ROOT, not_after=PAST + timedelta(hours=1))
    sent = (issuer.leaf("mx.example.com").der, older.der, newer.der)

    assert verify(sent, Anchors((newer.der,), synthetic=True), NOW).trusted
    assert not verify(sent, Anchors((older.der,), synthetic=True), NOW).trusted


@pytest.mark.parametrize("strict", [False, True])
def test_a_short_key_passes(strict: bool) -> None:
    """Security level 1 wants 80 bits, and RSA 1024 has them."""
    leaf = ROOT.leaf("mx.example.com", key="rsa1024")

    assert verify((leaf.der,), Anchors((ROOT.der,)), NOW, strict=strict).trusted
