"""manage.py predict --jsonl: the contract of its lines, as a program beside it sees them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.ca import Certificate
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.smtpd import Smtpd

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
KEYS = ["id", "status", "tls_status", "plaintext", "dsn", "mx", "level", "reasons", "hosts", "unknown"]


def predicted(*lines: Any, options: tuple[str, ...] = ()) -> tuple[list[dict[str, Any]], int]:
    """Return what the command answers to *lines*, and its exit status."""
    given = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    environment = {**os.environ, "TLSPORTAL_PROBE_NETWORKS": "198.18.0.0/15", "TLSPORTAL_NO_VENV": "1"}
    done = subprocess.run(
        [sys.executable, str(MANAGE), "predict", "--jsonl", *options],
        input=given,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def test_an_unusable_line_is_told_and_the_run_goes_on():
    """Each has its own answer; the exit status tells that there was one."""
    answers, status = predicted("nonsense", '{"id": [1, {}]}', '{"id": null, "nexthop": 5}', "[]", "")

    assert sorted(json.dumps(answer["id"]) for answer in answers) == ["[1, {}]", "null", "null", "null"]
    assert all(set(answer) == {"id", "error"} for answer in answers)
    assert status == 1


@pytest.mark.lab
def test_an_answer_has_exactly_the_keys_of_the_contract(dns: DnsServer, smtpd: Smtpd, lab: Lab, ca: Certificate):
    """In Postfix's words, with the host that its log names."""
    address = lab.address()
    dns.zone("example.com").add("@ MX 10 mx", f"mx A {address}")
    smtpd.peer(address, leaf=ca.leaf("mx.example.com"))

    answers, status = predicted({"id": "x", "nexthop": "example.com", "main_cf": {"smtp_tls_security_level": "may"}})

    assert [list(answer) for answer in answers] == [KEYS]
    assert answers[0] | {"hosts": []} == {
        "id": "x",
        "status": "sent",
        "tls_status": "Untrusted",
        "plaintext": False,
        "dsn": "2.0.0",
        "mx": f"mx.example.com[{address}]:25",
        "level": "may",
        "reasons": [],
        "hosts": [],
        "unknown": None,
    }
    assert status == 0


@pytest.mark.lab
def test_what_postfix_meets_now_decides(dns: DnsServer, lab: Lab):
    """A refused connection and a failed lookup are no "unknown" here: the message waits."""
    dns.zone("example.com").add("@ MX 10 mx", f"mx A {lab.address()}")
    dns.servfail("dead.example")

    answers, _status = predicted({"id": 1, "nexthop": "example.com"}, {"id": 2, "nexthop": "dead.example"})

    assert {answer["id"]: (answer["status"], answer["dsn"], answer["mx"], answer["unknown"]) for answer in answers} == {
        1: ("deferred", "4.4.1", None, None),
        2: ("deferred", "4.4.3", None, None),
    }


@pytest.mark.lab
def test_the_table_and_the_files_of_the_relay_count(
    dns: DnsServer, smtpd: Smtpd, lab: Lab, ca: Certificate, tmp_path: Path
):
    """CAfile, and a table whose parent entry applies."""
    address = lab.address()
    dns.zone("a.example.com").add("@ MX 10 mx", f"mx A {address}")
    smtpd.peer(address, leaf=ca.leaf("mx.a.example.com"))
    (tmp_path / "ca.pem").write_text(ca.pem)
    table = [{"key": "b.example", "value": "none"}, {"key": ".example.com", "value": "secure"}]
    main_cf = {"smtp_tls_CAfile": str(tmp_path / "ca.pem")}

    answers, _status = predicted({"id": 1, "nexthop": "a.example.com", "table": table, "main_cf": main_cf})

    assert [(answer["level"], answer["tls_status"]) for answer in answers] == [("secure", "Verified")]
