"""Where smtp(8) disables its TLS: may goes in plaintext, encrypt and above wait."""

import hashlib
from dataclasses import replace

import pytest

from partners.core.chain import Anchors
from partners.core.engine import engine_failure, is_loadable_ca_file, is_loadable_pair
from partners.core.reasons import Reason
from partners.core.relay import RelaySettings
from tests.core.judged import ENCRYPT, GOOD, MAY, NONE, PINNED, RELAY, ROOT, SECURE, peer, plain, said, verdict
from tests.kit.ca import self_signed

PEM = ROOT.pem
LINES = PEM.strip().split("\n")


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        pytest.param(PEM, True, id="good"),
        pytest.param(f"# a comment\n{PEM}\n{PEM}", True, id="two-and-a-comment"),
        pytest.param(PEM + ROOT.key_pem, True, id="with-a-key"),
        pytest.param(PEM.replace(" CERTIFICATE", " X509 CERTIFICATE"), True, id="x509-certificate"),
        pytest.param(PEM.replace(" CERTIFICATE", " TRUSTED CERTIFICATE"), True, id="trusted-certificate"),
        pytest.param(PEM.replace("\n", "\r\n"), True, id="crlf"),
        pytest.param("\n".join((LINES[0], "".join(LINES[1:-1]), LINES[-1], "")), True, id="one-line-of-base64"),
        pytest.param("", False, id="empty"),
        pytest.param("nothing\n", False, id="no-pem"),
        pytest.param(ROOT.key_pem, False, id="a-key-alone"),
        pytest.param(f" {PEM}", False, id="indented"),
        pytest.param(f"{PEM}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", False, id="one-broken"),
        pytest.param(f"{PEM}-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", False, id="no-base64"),
        pytest.param(f"{PEM}-----BEGIN CERTIFICATE-----\nAAAA\n", False, id="without-an-end"),
        pytest.param(f"{LINES[0]}\n{LINES[1]}\n{PEM}", False, id="begins-twice"),
    ],
)
def test_one_broken_object_spoils_a_ca_file(text: str, loads: bool) -> None:
    """As OpenSSL loads it, all or nothing."""
    assert is_loadable_ca_file(text.encode()) is loads


def test_a_trusted_certificate_is_an_anchor() -> None:
    """Trust settings may follow the certificate."""
    pem = PEM.replace(" CERTIFICATE", " TRUSTED CERTIFICATE").encode()

    assert Anchors.from_ca_file(pem).certificates == (ROOT.der,)


@pytest.mark.parametrize(
    "relay",
    [
        pytest.param(replace(RELAY, tls_engine_failure="the client certificate cannot be read"), id="told"),
        pytest.param(replace(RELAY, smtp_tls_fingerprint_digest="sha999"), id="digest"),
        pytest.param(replace(RELAY, ca_pem=b"nothing"), id="ca-file"),
    ],
)
def test_without_an_engine(relay: RelaySettings) -> None:
    """may falls to plaintext at once; what demands TLS is deferred, and differently where the peer has none."""
    found = [said(policy, peer(GOOD), relay) for policy in (NONE, MAY, ENCRYPT, SECURE)]

    assert found == ["plaintext", "plaintext", "4.7.5", "4.7.5"]
    assert said(ENCRYPT, plain(), relay) == "4.7.4"
    assert verdict(MAY, peer(GOOD), relay=relay).reasons[0] is Reason.TLS_ENGINE_OFF


def test_no_fingerprint_is_compared_without_an_engine() -> None:
    """The digest cannot be computed: no peer is asked for its certificate."""
    relay = replace(RELAY, smtp_tls_fingerprint_digest="sha999")

    assert "unavailable" in verdict(PINNED, peer(GOOD), relay=relay).text


@pytest.mark.parametrize("digest", ["sha384", "SHA256", "Sha256", "sha3-256", "sm3"])
def test_digests_that_openssl_knows(digest: str) -> None:
    """More than the portal pins with."""
    assert engine_failure(replace(RELAY, smtp_tls_fingerprint_digest=digest)) == ""


def test_a_digest_that_the_portal_does_not_pin_with() -> None:
    """It is compared all the same."""
    digest = hashlib.sha384(GOOD.der).hexdigest()
    relay = replace(RELAY, smtp_tls_fingerprint_digest="sha384")

    assert said(replace(PINNED, match=(digest,)), peer(GOOD), relay) == "Verified"


OTHER = self_signed("other.example")
ENCRYPTED = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("certificate", "key", "fits"),
    [
        pytest.param(GOOD.pem, GOOD.key_pem, True, id="its-key"),
        pytest.param(GOOD.pem + GOOD.key_pem, GOOD.pem + GOOD.key_pem, True, id="in-one-file"),
        pytest.param(GOOD.chain_pem, GOOD.key_pem, True, id="with-its-chain"),
        pytest.param(GOOD.pem, OTHER.key_pem, False, id="another-key"),
        pytest.param(GOOD.pem, "", False, id="no-key"),
        pytest.param("", GOOD.key_pem, False, id="no-certificate"),
        pytest.param(GOOD.pem, ENCRYPTED, False, id="behind-a-password"),
        pytest.param(
            GOOD.pem, GOOD.key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), True, id="read-as-what-it-is"
        ),
    ],
)
def test_a_client_certificate_and_its_key(certificate: str, key: str, fits: bool) -> None:
    """Where they do not belong together, smtp(8) goes on without TLS."""
    assert is_loadable_pair(certificate.encode(), key.encode()) is fits
