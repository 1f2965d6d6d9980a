"""manage.py predict: from a nexthop to what Postfix would do, without a database."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.kit.ca import Certificate, self_signed
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.script import Script
from tests.kit.smtpd import Smtpd

pytestmark = pytest.mark.lab
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _probe_settings(settings: Any, dns: DnsServer, lab: Lab) -> None:
    settings.PROBE_NETWORKS = ["198.18.0.0/15"]
    settings.PROBE_EHLO = "probe.example"
    settings.RESOLVER = f"{dns.address}:{dns.port}"


@pytest.fixture
def ca_file(tmp_path: Path, ca: Certificate) -> str:
    path = tmp_path / "ca.pem"
    path.write_text(ca.pem)
    return str(path)


def predicted(capsys: pytest.CaptureFixture[str], nexthop: str, *options: str) -> dict[str, Any]:
    """Return what predict --json prints."""
    call_command("predict", nexthop, "--json", *options)
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def mail_domain(dns: DnsServer, lab: Lab) -> str:
    """Return the address of the one mail server of example.com."""
    address = lab.address()
    dns.zone("example.com").add("@ MX 10 mx", f"mx A {address}")
    return address


def test_a_good_partner_is_verified(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab, ca: Certificate, ca_file: str):
    """The line, Postfix's word, and the host that decides."""
    address = mail_domain(dns, lab)
    smtpd.peer(address, leaf=ca.intermediate().leaf("mx.example.com"))

    answer = predicted(capsys, "example.com", "--policy", "secure match=.example.com", "--ca-file", ca_file)

    assert (answer["status"], answer["tls"], answer["dsn"]) == ("sent", "Verified", "2.0.0")
    assert answer["line"] == "example.com\tsecure match=.example.com"
    assert [(host["mx_host"], host["address"], host["tls"]) for host in answer["hosts"]] == [
        ("mx.example.com", address, "Verified")
    ]


def test_an_expired_certificate_defers(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab, ca: Certificate, ca_file: str):
    """The reason is a stable code."""
    leaf = ca.leaf("mx.example.com", not_after=datetime.now(UTC) - DAY)
    smtpd.peer(mail_domain(dns, lab), leaf=leaf)

    answer = predicted(capsys, "example.com", "--policy", "secure match=hostname", "--ca-file", ca_file)

    assert (answer["status"], answer["dsn"]) == ("deferred", "4.7.5")
    assert "certificate-expired" in answer["reasons"]


def test_without_a_policy_the_strongest_that_works_is_found(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab):
    """A self-signed certificate can be pinned, not verified."""
    leaf = self_signed("mx.example.com")
    smtpd.peer(mail_domain(dns, lab), leaf=leaf)

    answer = predicted(capsys, "example.com")

    assert answer["line"] == f"example.com\tfingerprint match={leaf.cert_fingerprint()}"
    assert [one["status"] for one in answer["tried"]] == ["deferred", "deferred", "sent", "sent", "sent"]


@pytest.mark.parametrize("script", [None, Script(starttls_offered=False)])
def test_no_line_is_proposed_that_asks_for_less(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab, script: Script | None):
    """A peer that is down, or without STARTTLS, is no reason to propose plaintext."""
    address = mail_domain(dns, lab)
    if script:
        smtpd.peer(address, script=script)

    answer = predicted(capsys, "example.com")

    assert (answer["line"], answer["level"]) == (None, "secure")
    assert "--policy" in answer["refused"]


def test_a_peer_that_is_down_is_unknown(capsys, dns: DnsServer, lab: Lab):
    """Not measured is no verdict."""
    mail_domain(dns, lab)

    answer = predicted(capsys, "example.com", "--policy", "encrypt")

    assert (answer["status"], answer["unknown"], answer["plaintext"]) == ("unknown", "connect-refused", None)


def test_a_bracketed_nexthop_with_a_port(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab, ca: Certificate, ca_file: str):
    """The probe goes to that port."""
    address = mail_domain(dns, lab)
    smtpd.peer(address, 587, leaf=ca.leaf("mx.example.com"))

    answer = predicted(capsys, "[mx.example.com]:587", "--policy", "secure match=nexthop", "--ca-file", ca_file)

    assert (answer["status"], answer["tls"], answer["hosts"][0]["port"]) == ("sent", "Verified", 587)


def test_a_private_ca_in_a_tafile(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab, ca: Certificate, ca_file: str):
    """The file is read as the relay would read it."""
    smtpd.peer(mail_domain(dns, lab), leaf=ca.leaf("mx.example.com"))

    answer = predicted(capsys, "example.com", "--policy", f"secure match=hostname tafile={ca_file}")

    assert (answer["status"], answer["tls"]) == ("sent", "Verified")


def test_an_entry_that_postfix_refuses(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab, ca: Certificate):
    """No line is given, and all mail would be deferred."""
    smtpd.peer(mail_domain(dns, lab), leaf=ca.leaf("mx.example.com"))

    answer = predicted(capsys, "example.com", "--policy", "encrypt match=nexthop")

    assert (answer["line"], answer["status"], answer["reasons"]) == (None, "deferred", ["policy-invalid"])


def test_people_read_sentences_and_a_command(capsys, dns: DnsServer, smtpd: Smtpd, lab: Lab):
    """Each host, its reasons, the command that shows them, the line."""
    smtpd.peer(mail_domain(dns, lab), script=Script(starttls_offered=False))

    call_command("predict", "example.com", "--policy", "encrypt")

    said = capsys.readouterr()
    assert "a message would be deferred (4.7.4)" in said.out
    assert "starttls-not-supported" in said.out
    assert "$ openssl s_client -starttls smtp" in said.out
    assert said.out.endswith("example.com\tencrypt\n")
    assert "port 25: greeting" in said.err


def test_a_null_mx_bounces(capsys, dns: DnsServer):
    """The domain takes no mail."""
    dns.zone("example.com").add("@ MX 0 .")

    answer = predicted(capsys, "example.com", "--policy", "encrypt")

    assert (answer["status"], answer["dsn"], answer["hosts"]) == ("bounced", "5.1.0", [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a b"], "nexthop a b"),
        ([".example.com"], "no destination"),
        (["example.com", "--postfix", "x"], "--postfix x"),
        (["example.com", "--ca-file", "/nowhere"], "--ca-file /nowhere"),
    ],
)
def test_a_slip_of_the_hand_gets_one_clear_line(arguments: list[str], said: str):
    """Subject, cause and cure; no traceback."""
    with pytest.raises(CommandError, match=said):
        call_command("predict", *arguments)
