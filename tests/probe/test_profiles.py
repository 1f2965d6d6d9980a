"""postconf(5) words as OpenSSL's settings."""

import ssl
from pathlib import Path

import pytest

from partners.core.errors import SettingsRefused
from partners.core.observation import PERMISSIVE, TlsProfile
from partners.probe.profiles import CONTEXTS_MAX, Contexts, allowed_protocols
from tests.kit.ca import self_signed


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        pytest.param("", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", id="all"),
        pytest.param(">=TLSv1.2", "TLSv1.2 TLSv1.3", id="at-least"),
        pytest.param(">=0x0303", "TLSv1.2 TLSv1.3", id="hexadecimal"),
        pytest.param("<=tlsv1.1", "TLSv1 TLSv1.1", id="at-most"),
        pytest.param(">=TLSv1.1, <=TLSv1.2", "TLSv1.1 TLSv1.2", id="between"),
        pytest.param("!SSLv2:!SSLv3:!TLSv1", "TLSv1.1 TLSv1.2 TLSv1.3", id="excluded"),
        pytest.param("TLSv1.2:TLSv1.3", "TLSv1.2 TLSv1.3", id="named"),
        pytest.param("TLSv1.2 !TLSv1.2 TLSv1.3", "TLSv1.3", id="named-and-excluded"),
        pytest.param("<=0x0909", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", id="at-most-a-later-one"),
        pytest.param(">=SSLv3", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", id="at-least-an-old-one"),
    ],
)
def test_protocols(text: str, allowed: str):
    """Lists, exclusions and bounds mean what they mean in main.cf."""
    assert allowed_protocols(text) == set(allowed.split())


@pytest.mark.parametrize("text", ["SSLv9", "SSLv3", ">=TLSv1.3 <=TLSv1.2", "!x", "0x0909"])
def test_protocols_that_leave_nothing(text: str):
    """Neither could Postfix make a handshake."""
    with pytest.raises(ValueError, match="protocol"):
        allowed_protocols(text)


def ciphers(profile: TlsProfile) -> list[str]:
    return [cipher["name"] for cipher in Contexts().of(profile).get_ciphers()]


class TestContexts:
    def test_nothing_is_verified_and_no_ca_is_loaded(self):
        """The probe sees; judge() judges."""
        context = Contexts().of(PERMISSIVE)

        assert (context.verify_mode, context.check_hostname, context.get_ca_certs()) == (ssl.CERT_NONE, False, [])
        assert context.security_level == 0

    def test_strict_takes_no_anonymous_peer(self):
        """Security level 1, no aNULL."""
        strict = Contexts().of(TlsProfile(strict=True))

        assert strict.security_level == 1
        assert not [name for name in ciphers(TlsProfile(strict=True)) if name.startswith(("ADH", "AECDH"))]

    def test_anonymous_ciphers_come_first_or_last(self):
        """Postfix offers them first at may and encrypt; the permissive probe wants to see the certificate."""
        older = [name for name in ciphers(TlsProfile(anonymous=True)) if not name.startswith("TLS_")]

        assert older[0].startswith(("ADH", "AECDH"))
        assert ciphers(PERMISSIVE)[-1].startswith(("ADH", "AECDH"))

    def test_exclude_takes_ciphers_away(self):
        """Names and classes, in TLS 1.2 and below."""
        assert [name for name in ciphers(PERMISSIVE) if "AES128" in name]
        assert not [
            name for name in ciphers(TlsProfile(exclude="AES128, SHA1")) if "AES128" in name and "TLS_" not in name
        ]

    @pytest.mark.parametrize(
        "profile", [TlsProfile(ciphers="best"), TlsProfile(exclude="AES:@SECLEVEL=5"), TlsProfile(exclude="!x")]
    )
    def test_a_profile_that_is_none(self, profile: TlsProfile):
        """No word of an entry can change anything but what it is for."""
        with pytest.raises(ValueError, match="no cipher"):
            Contexts().of(profile)

    def test_contexts_are_kept_and_bounded(self):
        """One per profile, and not for ever."""
        contexts = Contexts()
        first = contexts.of(TlsProfile(strict=True))

        assert contexts.of(TlsProfile(strict=True)) is first
        for number in range(CONTEXTS_MAX):
            contexts.of(TlsProfile(servername=f"{number}.example"))
        assert contexts.of(TlsProfile(strict=True)) is not first

    def test_a_client_certificate_that_cannot_be_read(self):
        """The setting is named."""
        with pytest.raises(SettingsRefused, match="TLSPORTAL_PROBE_CLIENT_CERT /nowhere"):
            Contexts("/nowhere", "")

    def test_a_key_that_does_not_fit(self, tmp_path: Path):
        """The same, and nothing asks the terminal."""
        certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
        certificate.write_text(self_signed("a.example").pem)
        key.write_text(self_signed("b.example").key_pem)

        with pytest.raises(SettingsRefused, match="cannot be used"):
            Contexts(str(certificate), str(key))


def test_a_semicolon_ends_an_excluded_cipher():
    """For OpenSSL it is one more separator, and Postfix hands it on."""
    names = {cipher["name"] for cipher in Contexts().of(TlsProfile(exclude="kECDHE;:AES128;:für")).get_ciphers()}

    assert "AES256-SHA" in names
    assert not names & {"ECDHE-RSA-AES256-SHA", "AES128-SHA"}
