"""main.cf as the settings of a relay: releases, files, and where they are looked for."""

import pytest
from OpenSSL import crypto

from partners.core.errors import SettingsRefused
from partners.core.levels import SecurityLevel
from partners.core.main_cf import NOT_SET, MainCf, client_certificates, relay_settings, unheeded
from partners.core.relay import OpensslRelease, PostfixRelease, RelaySettings
from tests.kit.ca import Certificate, root_ca

OPENSSL = OpensslRelease(3, 0, 19)


class Files:
    """Files in memory."""

    def __init__(self, **contents: str) -> None:
        self.contents = {path: text.encode() for path, text in contents.items()}

    def read(self, path: str, *, reader: str = "", within: str = "") -> bytes | None:
        return self.contents.get(path)

    def names(self, path: str) -> list[str]:
        return [name.removeprefix(f"{path}/") for name in self.contents if name.startswith(f"{path}/")]


def settings(
    given: dict[str, str],
    release: str = "3.7.11",
    *,
    chroot: bool = False,
    files: Files | None = None,
    level: str = "3.6",
) -> RelaySettings:
    main_cf = MainCf(given, PostfixRelease.parse(release), level)
    return relay_settings(main_cf, openssl=OPENSSL, chroot=chroot, files=files or Files())


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({}, "none"),
        ({"smtp_tls_security_level": "Encrypt"}, "encrypt"),
        ({"smtp_use_tls": "yes"}, "may"),
        ({"smtp_enforce_tls": "yes"}, "verify"),
        ({"smtp_enforce_tls": "yes", "smtp_tls_enforce_peername": "no"}, "encrypt"),
        ({"smtp_enforce_tls": "yes", "smtp_tls_security_level": "may"}, "may"),
    ],
)
def test_older_parameters_stand_in_for_the_level(given: dict[str, str], level: str):
    """As global_tls_level() reads them."""
    assert settings(given).smtp_tls_security_level.value == level


@pytest.mark.parametrize(
    ("release", "level", "expected"),
    [("3.11.6", "3.11", "may"), ("3.11.6", "3.6", "none"), ("3.10.13", "3.10", "none")],
)
def test_the_default_level_is_may_from_3_11_on(release: str, level: str, expected: str):
    """Where the compatibility level is as new."""
    assert settings({"compatibility_level": level}, release).smtp_tls_security_level.value == expected


@pytest.mark.parametrize(
    ("release", "level", "digest"),
    [("3.7.11", "3.6", "sha256"), ("3.7.11", NOT_SET, "md5"), ("3.5.0", "3.6", "md5"), ("3.10.13", "2", "md5")],
)
def test_the_default_digest_depends_on_both(release: str, level: str, digest: str):
    """On the release and on the compatibility level."""
    assert settings({}, release, level=level).fingerprint_digest == digest


def test_times_lists_and_families():
    """With units, commas and blanks; the queue's lifetime is in days where it has no unit."""
    relay = settings(
        {
            "minimal_backoff_time": "5m",
            "maximal_queue_lifetime": "3",
            "smtp_tls_fingerprint_cert_match": "AA:BB, cc",
            "inet_protocols": "IPv4",
            "smtp_tls_wrappermode": "YES",
        }
    )

    assert (relay.minimal_backoff_time, relay.maximal_queue_lifetime) == (300, 259_200)
    assert relay.smtp_tls_fingerprint_cert_match == ("AA:BB", "cc")
    assert (relay.inet_protocols, relay.smtp_tls_wrappermode) == (frozenset({"ipv4"}), True)


def test_what_is_no_parameter_of_a_relay_changes_nothing():
    """Neither an unknown one nor the name of a field that is none."""
    assert settings({"ca_pem": "x", "chroot": "yes", "tls_engine_failure": "x", "smtpd_banner": "$x"}) == settings({})


@pytest.mark.parametrize(
    ("path", "chroot", "place"),
    [
        ("/etc/a.pem", False, "/etc/a.pem"),
        ("/etc/a.pem", True, "/q/etc/a.pem"),
        ("a.pem", False, "/q/a.pem"),
        ("a.pem", True, "/q/a.pem"),
    ],
)
def test_trust_anchor_files_are_opened_in_the_chroot(path: str, chroot: bool, place: str, ca: Certificate):
    """Relative ones below the queue directory in any case; known by the path as it is written."""
    relay = settings(
        {"smtp_tls_trust_anchor_file": path, "queue_directory": "/q"}, chroot=chroot, files=Files(**{place: ca.pem})
    )

    assert relay.ta_files == ((path, ca.pem.encode()),)


def test_the_ca_file_is_read_before_the_chroot(ca: Certificate):
    """As smtp(8) loads it when it starts."""
    relay = settings({"smtp_tls_CAfile": "/etc/ca.pem"}, chroot=True, files=Files(**{"/etc/ca.pem": ca.pem}))

    assert (relay.ca_pem, relay.tls_engine_failure) == (ca.pem.encode(), "")


@pytest.mark.parametrize("chroot", [False, True])
def test_a_directory_of_cas_is_searched_by_hash(chroot: bool, ca: Certificate):
    """<hash>.0, .1 …; other names, and numbers after a gap, are never seen."""
    digest = f"{crypto.load_certificate(crypto.FILETYPE_PEM, ca.pem.encode()).subject_name_hash():08x}"
    place = "/var/spool/postfix/etc/certs" if chroot else "/etc/certs"
    names = {f"{place}/{digest}.0": "first", f"{place}/{digest}.2": "after a gap", f"{place}/ca.pem": "by name"}
    files = Files(**{path: f"{word}\n{ca.pem}" for path, word in names.items()}, **{f"{place}/00000000.0": ca.pem})

    relay = settings({"smtp_tls_CApath": "/etc/certs"}, chroot=chroot, files=files)

    assert relay.ca_pem == f"first\n{ca.pem}".encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_tls_security_level", "safe"),
        ("smtp_mx_address_limit", "many"),
        ("smtp_tls_wrappermode", "1"),
        ("inet_protocols", ""),
        ("smtp_bind_address", "${"),
    ],
)
def test_a_value_that_stops_postfix_is_refused(name: str, value: str):
    """With the parameter's name."""
    with pytest.raises(SettingsRefused):
        settings({name: value})


def test_the_level_of_main_cf_is_an_enum():
    """So that the rest of the core never compares texts."""
    assert settings({"smtp_tls_security_level": "dane-only"}).smtp_tls_security_level is SecurityLevel.DANE_ONLY


def test_a_directory_without_a_root_trusts_nothing():
    """It was read: that is known, and not a missing setting."""
    relay = settings({"smtp_tls_CApath": "/etc/certs"})

    assert (relay.ca_is_known, relay.ca_pem) == (True, b"")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_eecdh_auto_curves": "X448"}, "tls_eecdh_auto_curves = X448"),
        ({"line_length_limit": "2048"}, ""),
        ({"smtp_tls_per_site": "hash:/etc/postfix/site"}, "smtp_tls_per_site"),
        ({"smtp_reply_filter": "pcre:/etc/postfix/filter"}, "smtp_reply_filter = pcre:/etc/postfix/filter"),
        ({"smtp_reply_filter": ""}, ""),
        ({"smtp_tls_fingerprint_digest": "shake128"}, "smtp_tls_fingerprint_digest = shake128"),
        ({}, ""),
    ],
)
def test_what_is_not_followed_is_told(given: dict[str, str], said: str):
    """An outcome that may be otherwise is better not known."""
    assert said in unheeded(MainCf(given, PostfixRelease(3, 7, 11)), has_policy=False)


def test_the_older_table_is_ignored_beside_a_policy_map():
    """smtp_tls_per_site says nothing where smtp_tls_policy_maps is set."""
    older = MainCf({"smtp_tls_per_site": "hash:/etc/postfix/site"}, PostfixRelease(3, 7, 11))

    assert unheeded(older, has_policy=True) == ""


CERTIFIED = root_ca("Client root").leaf("relay.example", eku=("client",))
PEM, KEY = CERTIFIED.pem.encode(), CERTIFIED.key_pem.encode()


@pytest.mark.parametrize(
    ("given", "pairs", "fault"),
    [
        ({}, (), ""),
        ({"smtp_tls_cert_file": "/both"}, (("/both", "/both"),), ""),
        ({"smtp_tls_cert_file": "/leaf", "smtp_tls_key_file": "/key"}, (("/leaf", "/key"),), ""),
        ({"smtp_tls_eccert_file": "etc/both"}, (("/var/spool/postfix/etc/both",) * 2,), ""),
        ({"smtp_tls_cert_file": "/leaf"}, (("/leaf", "/leaf"),), "cannot be used"),
        ({"smtp_tls_cert_file": "/none"}, (("/none", "/none"),), "cannot be read"),
        ({"smtp_tls_chain_files": "/first", "smtp_tls_cert_file": "/none"}, (("/first", "/first"),), ""),
        ({"smtp_tls_chain_files": "/both"}, (("/both", "/both"),), "cannot be loaded"),
        ({"smtp_tls_chain_files": "/none"}, (("/none", "/none"),), ""),
    ],
)
def test_the_client_certificate(given: dict[str, str], pairs: tuple[tuple[str, str], ...], fault: str):
    """smtp_tls_chain_files goes before all others, and holds the key first; what cannot be loaded disables TLS."""
    files = Files()
    files.contents = {"/both": PEM + KEY, "/first": KEY + PEM, "/leaf": PEM, "/key": KEY}
    files.contents["/var/spool/postfix/etc/both"] = PEM + KEY
    said = settings(given, files=files).tls_engine_failure

    assert client_certificates(MainCf(given, PostfixRelease(3, 7, 11))) == pairs
    assert fault in said
    assert bool(said) is bool(fault)
