"""What postconf prints, read; and beside the real postconf of this machine."""

import shutil
import subprocess
from pathlib import Path

import pytest

from partners.core.errors import SettingsRefused
from partners.core.expansion import expand
from partners.core.levels import SecurityLevel
from partners.core.main_cf import MainCf
from partners.core.postconf import PostconfOutput, parse_entries, parse_parameters, smtp_transports
from partners.core.relay import OpensslRelease, PostfixRelease, RelaySettings

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix
smtp_tls_security_level = dane
smtp_tls_CAfile = ${config_directory}/ca.pem
smtp_dns_support_level = dnssec
maximal_queue_lifetime = 2d
inet_protocols = ipv4
smtp_tls_secure_cert_match = nexthop, $extra_names
extra_names = .example.net
smtp_tls_scert_verifydepth = 3
smtp_use_tls = no
"""
MASTER_CF = """\
smtp unix - - y - - smtp
relay unix - - - - - smtp
    -o smtp_tls_security_level=encrypt
    -o smtp_tls_fingerprint_digest=sha512
safe unix - - n - - smtp
    -o {smtp_tls_trust_anchor_file = anchors/a.pem anchors/b.pem}
smtp inet n - n - - smtpd
"""


class NoFiles:
    """A relay whose files nobody can read; it notes what is asked for."""

    def __init__(self, **contents: bytes) -> None:
        self.asked: list[str] = []
        self.contents = contents

    def read(self, path: str, *, reader: str = "", within: str = "") -> bytes | None:
        self.asked.append(path)
        return self.contents.get(path)

    def names(self, path: str) -> list[str]:
        self.asked.append(path)
        return []


def printed(directory: Path, main_cf: str, master_cf: str) -> PostconfOutput:
    """Return what the real postconf says about these files."""
    (directory / "main.cf").write_text(main_cf)
    (directory / "master.cf").write_text(master_cf)

    def postconf(*options: str) -> str:
        command = ["postconf", "-c", str(directory), *options]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout

    services = postconf("-F", "*/*/chroot") + postconf("-F", "*/*/command")
    return PostconfOutput(postconf("-x"), postconf("-n"), postconf("-P"), services, postconf("-T", "run-version"))


@pytest.mark.skipif(shutil.which("postconf") is None, reason="postconf is part of the Debian package postfix")
class TestRealPostconf:
    @pytest.fixture
    def relays(self, tmp_path: Path) -> dict[str, RelaySettings]:
        return smtp_transports(printed(tmp_path, MAIN_CF, MASTER_CF), NoFiles())

    def test_finds_the_transports_that_are_smtp(self, relays: dict[str, RelaySettings]):
        """By their command: smtpd is none."""
        assert set(relays) == {"smtp", "relay", "safe"}

    def test_reads_parameters_by_their_types(self, relays: dict[str, RelaySettings], tmp_path: Path):
        """Times, lists, numbers, $names."""
        relay = relays["smtp"]

        assert relay.smtp_tls_security_level is SecurityLevel.DANE
        assert relay.smtp_tls_CAfile == f"{tmp_path}/ca.pem"
        assert (relay.maximal_queue_lifetime, relay.minimal_backoff_time) == (172_800, 300)
        assert (relay.inet_protocols, relay.smtp_tls_scert_verifydepth) == (frozenset({"ipv4"}), 3)
        assert relay.smtp_tls_secure_cert_match == ("nexthop", ".example.net")
        assert relay.postfix >= PostfixRelease(3, 7)
        assert relay.openssl >= OpensslRelease(3, 0)

    def test_overrides_of_master_cf_count_for_their_transport(self, relays: dict[str, RelaySettings]):
        """-n does not show them."""
        assert relays["relay"].smtp_tls_security_level is SecurityLevel.ENCRYPT
        assert (relays["relay"].fingerprint_digest, relays["smtp"].fingerprint_digest) == ("sha512", "sha256")

    def test_the_chroot_column_counts(self, relays: dict[str, RelaySettings]):
        """ "-" is no chroot from compatibility level 1 on."""
        assert [relays[name].chroot for name in ("smtp", "relay", "safe")] == [True, False, False]

    def test_trust_anchor_files_are_looked_for_where_smtp_opens_them(self, tmp_path: Path):
        """Relative to the queue directory, and below it in a chroot."""
        files = NoFiles()
        master_cf = MASTER_CF.replace("safe unix - - n", "safe unix - - y").replace("anchors/b.pem", "/etc/b.pem")

        smtp_transports(printed(tmp_path, MAIN_CF, master_cf), files)

        assert {"/var/spool/postfix/anchors/a.pem", "/var/spool/postfix/etc/b.pem"} <= set(files.asked)

    def test_without_a_compatibility_level_old_defaults_hold(self, tmp_path: Path):
        """md5 and a chroot, as Postfix itself says."""
        main_cf = MAIN_CF.replace("compatibility_level = 3.6\n", "")

        relays = smtp_transports(printed(tmp_path, main_cf, MASTER_CF), NoFiles())

        assert (relays["smtp"].fingerprint_digest, relays["relay"].chroot) == ("md5", True)

    @pytest.mark.parametrize(
        "value",
        [
            "$myhostname x",
            "${myhostname?yes} ${nothing?no}",
            "${nothing:unset} ${myhostname:set}",
            "${myhostname?{a b}:{c}} ${nothing?{a}:{c d}}",
            "${{$compatibility_level} <level {3.6} ? {old} : {new}}",
            "${{abc} == {abc}?{same}:{other}} ${{9} < {10}?{less}:{more}} ${{a} >= {b}?{x}:{y}}",
            "a$$b $(myhostname) ${{x} != {x}?{n}}.",
        ],
    )
    def test_names_are_expanded_as_postconf_expands_them(self, tmp_path: Path, value: str):
        """Side by side, in a parameter that takes any text."""
        given = {"compatibility_level": "3.6", "myhostname": "mx.example.com", "relayhost": value, "nothing": ""}
        output = printed(tmp_path, "".join(f"{name} = {text}\n" for name, text in given.items()), MASTER_CF)

        expected = parse_parameters(output.expanded, "-x")["relayhost"]

        assert MainCf(given, PostfixRelease(3, 7, 11)).value("relayhost") == expected


def test_a_service_without_a_command_is_known_by_its_name():
    """With the chroot column alone, and by parameters that only smtp(8) has."""
    output = PostconfOutput(
        "mail_version = 3.10.13\n",
        "",
        "partners/unix/smtp_tls_security_level = secure\nsubmission/inet/smtpd_x = y\n",
        "smtp/inet/chroot = n\nsmtp/unix/chroot = n\npartners/unix/chroot = y\nqmgr/unix/chroot = n\n",
        "OpenSSL 3.5.9 1 Jan 2026",
    )

    relays = smtp_transports(output, NoFiles())

    assert {name: relay.chroot for name, relay in relays.items()} == {"smtp": False, "partners": True}
    assert relays["partners"].smtp_tls_security_level is SecurityLevel.SECURE


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"expanded": "mail_version = x"}, "mail_version"),
        ({"expanded": "nonsense"}, "postconf -x"),
        ({"run_version": "LibreSSL"}, "run-version"),
        ({"entries": "smtp/unix/chroot = maybe"}, "neither y, n nor -"),
        ({"main_cf": "smtp_tls_wrappermode = perhaps"}, "smtp_tls_wrappermode"),
        ({"main_cf": "smtp_tls_security_level = safe"}, "smtp_tls_security_level"),
        ({"main_cf": "a = $b\nb = $a\nsmtp_bind_address = $a"}, "circle"),
        ({"main_cf": "inet_protocols = ipx"}, "inet_protocols"),
        ({"main_cf": "minimal_backoff_time = soon"}, "minimal_backoff_time"),
    ],
)
def test_what_cannot_be_read_is_named(changed: dict[str, str], said: str):
    """The output, or the parameter that stops Postfix as well."""
    sound = {
        "expanded": "mail_version = 3.7.11",
        "main_cf": "",
        "entry_parameters": "",
        "entries": "smtp/unix/chroot = n",
        "run_version": "OpenSSL 3.0.19",
    }

    with pytest.raises(SettingsRefused, match=said):
        smtp_transports(PostconfOutput(**(sound | changed)), NoFiles())


@pytest.mark.parametrize("text", ["$", "${a", "$(a", "${}", "${a!b}", "${{a} ~ {b}?c}", "${{a}"])
def test_a_broken_expression_is_refused(text: str):
    """Postfix ends with a fatal error there."""
    with pytest.raises(SettingsRefused):
        expand(text, lambda _name: "value")


def test_folded_output_is_read():
    """postconf -f."""
    assert parse_parameters("a = b,\n    c\nd =\n", "-n") == {"a": "b, c", "d": ""}
    assert parse_entries("smtp/unix/a = x = y\n", "-P") == {"smtp/unix": {"a": "x = y"}}
