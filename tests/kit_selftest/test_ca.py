"""Certificates of the kit, as OpenSSL sees them."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.kit.ca import Certificate, cross_signed, root_ca, self_signed


def verify(leaf: Certificate, anchor: Certificate, directory: Path, *options: str) -> str:
    """Return what `openssl verify` says about *leaf* and its chain."""
    files = leaf.write(directory)
    (directory / "root.pem").write_text(anchor.pem)
    command = ["openssl", "verify", "-CAfile", directory / "root.pem", "-untrusted", files.chain, *options, files.cert]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def openssl_text(certificate: Certificate) -> str:
    """Return the certificate in OpenSSL's words."""
    command = ["openssl", "x509", "-noout", "-text", "-fingerprint", "-sha256"]
    return subprocess.run(command, input=certificate.pem, capture_output=True, text=True, check=True).stdout


class TestGoodDefaults:
    @pytest.mark.parametrize("key", ["p256", "p384", "rsa2048", "rsa1024", "ed25519"])
    def test_a_leaf_below_an_intermediate_verifies(self, key: str, tmp_path: Path):
        """A leaf of any key kind verifies against its root, for its name and as a TLS server."""
        root = root_ca()
        leaf = root.intermediate().leaf("mx.example.com", key=key)

        options = ("-purpose", "sslserver", "-verify_hostname", "mx.example.com")
        assert "cert.pem: OK" in verify(leaf, root, tmp_path, *options)

    def test_fingerprints_are_those_of_openssl(self):
        """The fingerprint is written as OpenSSL and Postfix write it."""
        leaf = self_signed("mx.example.com")

        assert f"sha256 Fingerprint={leaf.cert_fingerprint()}" in openssl_text(leaf)
        assert len(leaf.pkey_fingerprint("sha1").split(":")) == 20

    def test_the_chain_leaves_out_the_root(self):
        """A peer sends leaf and intermediates; the root is the anchor."""
        root = root_ca()
        issuing = root.intermediate()
        leaf = issuing.leaf("mx.example.com")

        assert leaf.chain == (leaf, issuing)
        assert leaf.anchor is root


class TestOddities:
    def test_sha1_signature_is_refused_at_security_level_one(self, tmp_path: Path):
        """A SHA-1 signature is sound, and too weak for level 1."""
        root = root_ca(key="rsa2048")
        leaf = root.leaf("mx.example.com", digest="sha1")

        assert "cert.pem: OK" in verify(leaf, root, tmp_path, "-auth_level", "0")
        assert "too weak" in verify(leaf, root, tmp_path, "-auth_level", "1")

    def test_an_expired_leaf_keeps_its_order_of_dates(self, tmp_path: Path):
        """not_after in the past moves not_before before it."""
        past = datetime.now(UTC) - timedelta(days=400)
        leaf = root_ca().leaf("mx.example.com", not_after=past)

        assert leaf.not_before < leaf.not_after == past
        assert "expired" in verify(leaf, leaf.anchor, tmp_path)

    def test_names_may_be_any_bytes(self):
        """A NUL in a dNSName stands in the certificate as given."""
        leaf = self_signed(b"mx.example.com\0.evil.example")

        assert b"mx.example.com\0.evil.example" in leaf.der

    def test_addresses_and_common_name_are_their_own(self):
        """iPAddress names and a CN that differs from the names are written."""
        text = openssl_text(self_signed("mx.example.com", ips=["192.0.2.1"], common_name="other"))

        assert "DNS:mx.example.com, IP Address:192.0.2.1" in text
        assert re.search(r"CN ?= ?other", text)  # OpenSSL 3.2 and later write no blanks there

    def test_without_names_there_is_no_subject_alternative_name(self):
        """CN only: no SAN extension."""
        assert "Alternative" not in openssl_text(self_signed(common_name="mx.example.com"))

    @pytest.mark.parametrize(
        ("root_odd", "leaf_odd", "complaint"),
        [
            pytest.param({}, {"eku": ("client",)}, "unsuitable certificate purpose", id="purpose"),
            pytest.param({"path_length": 0}, {}, "path length constraint exceeded", id="path-length"),
            pytest.param({"excluded": ["example.com"]}, {}, "excluded subtree violation", id="name-constraint"),
            pytest.param({}, {"broken_signature": True}, "certificate signature failure", id="signature"),
            pytest.param({"ca": False}, {}, "invalid ca certificate", id="root-is-no-ca"),
        ],
    )
    def test_openssl_names_the_oddity(self, root_odd: dict, leaf_odd: dict, complaint: str, tmp_path: Path):
        """Each keyword makes the one thing wrong that it names."""
        root = root_ca(**root_odd)
        leaf = root.intermediate().leaf("mx.example.com", **leaf_odd)

        assert complaint in verify(leaf, root, tmp_path, "-purpose", "sslserver").lower()

    def test_a_cross_signed_ca_verifies_both_ways(self, tmp_path: Path):
        """The same name and key under another root: the leaf verifies against either."""
        old, new = root_ca("Old"), root_ca("New")
        crossed = cross_signed(new, by=old)
        leaf = new.leaf("mx.example.com")

        (tmp_path / "crossed.pem").write_text(crossed.pem)
        assert "cert.pem: OK" in verify(leaf, new, tmp_path)
        assert "cert.pem: OK" in verify(leaf, old, tmp_path, "-untrusted", str(tmp_path / "crossed.pem"))
