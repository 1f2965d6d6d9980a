"""What an upload may be, what is refused, and fingerprints."""

import contextlib
import subprocess
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.core import uploads
from partners.core.certificates import (
    cert_fingerprint,
    certificate_facts,
    parse_fingerprint,
    parse_upload,
    pkey_fingerprint,
)
from partners.core.chain import Anchors, verify
from partners.core.errors import CertificateRefused, PrivateKeyRefused
from partners.core.matching import match_names
from tests.kit import der as asn1
from tests.kit.ca import bundle, new_key, root_ca, self_signed

CA = root_ca("Upload root")
LEAF = CA.leaf("mx.example.com", key="rsa2048")
PARSED = x509.load_der_x509_certificate(LEAF.der)


def ders(content: bytes) -> list[bytes]:
    return [facts.der for facts in parse_upload(content)]


class TestForms:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(LEAF.pem.encode(), id="pem"),
            pytest.param(b"subject: mx\n\n" + LEAF.pem.encode() + b"\nregards\n", id="pem-in-a-letter"),
            pytest.param(LEAF.pem.replace("\n", "\r\n").encode(), id="pem-crlf"),
            pytest.param(b"\xef\xbb\xbf" + LEAF.pem.encode(), id="pem-utf8-mark"),
            pytest.param(LEAF.pem.encode("utf-16"), id="pem-utf16"),
            pytest.param(LEAF.der, id="der"),
            pytest.param("".join(LEAF.pem.splitlines()[1:-1]).encode(), id="bare-base64"),
            pytest.param(pkcs7.serialize_certificates([PARSED], Encoding.DER), id="pkcs7-der"),
            pytest.param(pkcs7.serialize_certificates([PARSED], Encoding.PEM), id="pkcs7-pem"),
            pytest.param(LEAF.pem.encode() * 2, id="twice"),
            pytest.param(LEAF.pem.replace("CERT", "TRUSTED CERT").encode(), id="trusted"),
        ],
    )
    def test_certificate_is_found(self, content: bytes) -> None:
        """Every form in which mail admins send certificates gives the same DER bytes, once."""
        assert ders(content) == [LEAF.der]

    def test_chain_keeps_its_order(self) -> None:
        """A chain comes out as it went in."""
        assert ders(bundle(LEAF, CA).encode()) == [LEAF.der, CA.der]

    @pytest.mark.parametrize(
        ("content", "word"),
        [
            pytest.param(b"", "empty", id="empty"),
            pytest.param(b"hello, here is our certificate!", "no certificate", id="text"),
            pytest.param(LEAF.spki_pem.encode(), "public key", id="public-key"),
            pytest.param(LEAF.pem[:-40].encode(), "no certificate", id="cut-short"),
            pytest.param(LEAF.pem.replace("M", "!", 1).encode(), "base64", id="broken-base64"),
            pytest.param(b"x" * (uploads.UPLOAD_BYTES_MAX + 1), "larger", id="too-large"),
            pytest.param(LEAF.der[:-5], "no certificate", id="der-cut-short"),
        ],
    )
    def test_anything_else_is_refused_with_its_cause(self, content: bytes, word: str) -> None:
        """The refusal says what was sent instead and how to send it."""
        with pytest.raises(CertificateRefused) as refused:
            parse_upload(content)

        assert word in refused.value.cause
        assert refused.value.cure

    def test_too_many_certificates_are_refused(self) -> None:
        """A whole CA bundle is not a partner's certificate."""
        many = bundle(*(self_signed(f"mx{number}.example") for number in range(uploads.CERTIFICATES_MAX + 1)))

        with pytest.raises(CertificateRefused, match="more than"):
            parse_upload(many.encode())


KEY = new_key("rsa2048")
EC_KEY = new_key("p256")
assert isinstance(EC_KEY, ec.EllipticCurvePrivateKey)
SECRET = BestAvailableEncryption(b"secret")
P12 = pkcs12.serialize_key_and_certificates(b"x", EC_KEY, None, None, SECRET)


class TestPrivateKeys:
    @pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
    @pytest.mark.parametrize("shape", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    @pytest.mark.parametrize("key", [KEY, EC_KEY], ids=["rsa", "ec"])
    def test_key_is_refused(self, key: ec.EllipticCurvePrivateKey, shape: PrivateFormat, encoding: Encoding) -> None:
        """PKCS#8, PKCS#1 and SEC 1 are refused in PEM and DER."""
        with pytest.raises(PrivateKeyRefused):
            parse_upload(key.private_bytes(encoding, shape, NoEncryption()))

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(EC_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, SECRET), id="encrypted-der"),
            pytest.param(EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, SECRET), id="encrypted-pem"),
            pytest.param(EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), id="openssh"),
            pytest.param(P12, id="pkcs12"),
            pytest.param(LEAF.pem.encode() + LEAF.key_pem.encode(), id="behind-the-certificate"),
            pytest.param(LEAF.key_pem.replace("PRIVATE KEY", "CERTIFICATE").encode(), id="under-another-label"),
            pytest.param("".join(LEAF.key_pem.splitlines()[1:-1]).encode(), id="bare-base64"),
            pytest.param(LEAF.key_pem.encode("utf-16"), id="utf16"),
            pytest.param(LEAF.key_pem.encode("utf-16-le"), id="utf16-without-mark"),
            pytest.param(LEAF.key_pem[:100].encode(), id="cut-short"),
            pytest.param(b"\xfe\xed\xfe\xed\0\0\0\2", id="java-key-store"),
        ],
    )
    def test_key_in_disguise_is_refused(self, content: bytes) -> None:
        """A key behind, inside or under another label is refused, and the message keeps nothing of it."""
        with pytest.raises(PrivateKeyRefused) as refused:
            parse_upload(content)

        assert LEAF.key_pem.splitlines()[1] not in str(refused.value)


class TestFingerprints:
    @pytest.mark.parametrize("digest", ["md5", "sha1", "sha256", "sha512"])
    def test_both_digests_are_those_of_the_bytes(self, digest: str) -> None:
        """The certificate's digest is over its DER, the key's over the DER SubjectPublicKeyInfo."""
        assert cert_fingerprint(LEAF.der, digest) == LEAF.cert_fingerprint(digest)
        assert pkey_fingerprint(LEAF.der, digest) == LEAF.pkey_fingerprint(digest)

    def test_openssl_says_the_same(self, tmp_path: Path) -> None:
        """The seed's command line shows the same fingerprint."""
        pem = tmp_path / "leaf.pem"
        pem.write_text(LEAF.pem)
        command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(pem)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout

        assert shown.strip().partition("=")[2] == cert_fingerprint(LEAF.der, "sha256")

    @pytest.mark.parametrize("shape", ["{}", "SHA256:{}", "sha256 Fingerprint={}", " {} \n"])
    def test_pasted_fingerprint_is_read(self, shape: str) -> None:
        """What openssl and people write before a digest is dropped."""
        pasted = shape.format(LEAF.cert_fingerprint("sha256"))

        assert parse_fingerprint(pasted).hex(":").upper() == LEAF.cert_fingerprint("sha256")

    @pytest.mark.parametrize("text", ["", "zz", "AA:BB", "A" * 63, "SHA1:" + "AB" * 32, "AB" * 32 + ",may", "٣" * 64])
    def test_anything_else_is_no_fingerprint(self, text: str) -> None:
        """Odd lengths, other digits and another algorithm's prefix are refused."""
        with pytest.raises(CertificateRefused):
            parse_fingerprint(text)


class TestFacts:
    def test_names_and_dates(self) -> None:
        """The facts are what the certificate says, with aware dates."""
        facts = certificate_facts(LEAF.der)

        assert (facts.dns_ids, facts.common_names) == (("mx.example.com",), ("mx.example.com",))
        assert (facts.not_before, facts.not_after) == (LEAF.not_before, LEAF.not_after)
        assert (facts.key_type, facts.key_bits, facts.is_ca, facts.self_signed) == ("RSA", 2048, False, False)
        assert (facts.subject, facts.issuer, facts.parse_error) == ("CN=mx.example.com", "CN=Upload root", "")

    def test_self_signed_ca(self) -> None:
        """A root signs itself and is a CA."""
        facts = certificate_facts(CA.der)

        assert (facts.is_ca, facts.self_signed) == (True, True)

    def test_hostile_names_are_cleaned(self) -> None:
        """Line ends, controls and direction marks never leave the certificate."""
        odd = self_signed(b"a\r\nb.example", common_name="x\N{RIGHT-TO-LEFT OVERRIDE}y\x1b[31m")
        facts = certificate_facts(odd.der)

        assert facts.dns_ids == ("a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b.example",)
        assert facts.subject == "CN=x\N{REPLACEMENT CHARACTER}y\N{REPLACEMENT CHARACTER}[31m"

    def test_unreadable_names_are_a_fact(self) -> None:
        """A certificate with a broken SubjectAltName keeps its fingerprint and tells the fault."""
        odd = self_signed("mx.example", san_der=b"\x30\x7fjunk")

        assert "names" in certificate_facts(odd.der).parse_error
        assert pkey_fingerprint(odd.der, "sha256") == odd.pkey_fingerprint("sha256")

    def test_endless_object_identifier_is_refused(self) -> None:
        """A number of thousands of digits is no reason to fall over."""
        endless = asn1.tlv(0x06, b"\xff" * 10_000 + b"\x7f") + b"\x05\x00"
        name = asn1.tlv(0x30, asn1.tlv(0x31, asn1.tlv(0x30, endless)))
        dates = asn1.tlv(0x30, b"\x17\x00\x17\x00")
        tbs = asn1.tlv(0x30, b"\x02\x01\x01\x30\x00" + name + dates + name + b"\x30\x00")
        facts = certificate_facts(asn1.tlv(0x30, tbs + asn1.tlv(0x30, asn1.oid("1.2.3")) + b"\x03\x01\x00"))

        assert "too long" in facts.parse_error

    def test_dates_are_days_everywhere(self) -> None:
        """The first and the last moment there is lie in no year, west or east of UTC."""
        moments = asn1.tlv(0x18, b"00010101000000Z") + asn1.tlv(0x18, b"99991231235959Z")
        tbs = asn1.tlv(0x30, b"\x02\x01\x01\x30\x00\x30\x00" + asn1.tlv(0x30, moments) + b"\x30\x00\x30\x00")
        facts = certificate_facts(asn1.tlv(0x30, tbs + asn1.tlv(0x30, asn1.oid("1.2.3")) + b"\x03\x01\x00"))

        assert facts.not_before.astimezone(timezone(timedelta(hours=-12))).year == 1
        assert facts.not_after.astimezone(timezone(timedelta(hours=14))).year == 9999


@given(place=st.integers(0, len(LEAF.der) - 1), byte=st.integers(0, 255), cut=st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_broken_bytes_never_raise_anything_else(place: int, byte: int, cut: int) -> None:
    """Whatever a peer or an upload holds, the only error is a refusal."""
    broken = LEAF.der[:place] + bytes([byte]) + LEAF.der[place + 1 + cut :]
    with contextlib.suppress(CertificateRefused):
        parse_upload(broken)
    match_names(("nexthop", "dot-nexthop"), "example.com", "mx.example.com", broken)
    for anchors in (Anchors((CA.der,)), Anchors((broken, CA.der), (LEAF.spki_der,), synthetic=True)):
        verify((broken, CA.der), anchors, LEAF.not_before, strict=True)
