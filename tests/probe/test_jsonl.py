"""manage.py predict --jsonl: the contract of its lines, as a program beside it sees them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kit.ca import Certificate
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.script import Say, Script
from tests.kit.smtpd import Smtpd, wait_until

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


class TestStream:
    """What a program at the other end of the pipes may count on."""

    @staticmethod
    def started(*options: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "TLSPORTAL_PROBE_NETWORKS": "198.18.0.0/15", "TLSPORTAL_NO_VENV": "1"}
        command = [sys.executable, str(MANAGE), "predict", "--jsonl", *options]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0)

    def test_an_answer_comes_while_the_input_is_still_open(self):
        """Nobody has to end the input to see an answer; and its end ends the run."""
        with self.started() as running:
            for number in range(2):
                running.stdin.write(b'{"id": %d}\n' % number)
                assert json.loads(running.stdout.readline())["id"] == number
            running.stdin.close()
            assert running.wait(10) == 1

    def test_a_last_line_without_its_newline_counts(self):
        """And an empty input is no error."""
        with self.started() as running:
            answers, _ = running.communicate(b'\n  \n{"id": 7}', timeout=20)
        with self.started() as empty:
            nothing, _ = empty.communicate(b"", timeout=20)

        assert [json.loads(line)["id"] for line in answers.splitlines()] == [7]
        assert (nothing, empty.returncode) == (b"", 0)

    def test_a_line_without_end_is_cut_off(self):
        """It is told, costs no memory, and the next line is answered."""
        with self.started() as running:
            answers, _ = running.communicate(b'{"id": "' + b"x" * 20_000_000 + b'"}\n{"id": 1}\n', timeout=40)

        told = [json.loads(line) for line in answers.splitlines()]
        assert {(one["id"], "longer than" in one["error"]) for one in told} == {(None, True), (1, False)}
        assert running.returncode == 1

    @pytest.mark.lab
    def test_no_more_is_read_than_is_under_way(self, smtpd: Smtpd, lab: Lab):
        """Endless input waits; the one who writes it feels that."""
        smtpd.crowd(lambda _: Script(replies={"GREETING": Say("220 mx", delay=30)}))
        with self.started("--concurrency", "3") as running:
            os.set_blocking(running.stdin.fileno(), False)
            taken = 0
            for _ in range(60):
                line = json.dumps({"id": 1, "nexthop": f"[{lab.address()}]", "x": "y" * 20_000}).encode() + b"\n"
                with contextlib.suppress(BlockingIOError):
                    taken += running.stdin.write(line * 20) or 0
                time.sleep(0.02)
            running.terminate()
            assert running.wait(10) != 0

        assert taken < 3_000_000

    @pytest.mark.lab
    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    def test_no_process_is_left_behind(self, how: signal.Signals, smtpd: Smtpd, lab: Lab):
        """However the first process ends, its workers end as well."""
        smtpd.crowd(lambda _: Script(replies={"GREETING": Say("220 mx", delay=30)}))
        with self.started() as running:
            for _ in range(4):
                running.stdin.write(json.dumps({"id": 1, "nexthop": f"[{lab.address()}]"}).encode() + b"\n")
            wait_until(lambda: children_of(running.pid), 10, "predict: fork its workers")
            workers = children_of(running.pid)
            time.sleep(0.3)
            running.send_signal(how)
            assert running.wait(10) != 0
            wait_until(lambda: not any(map(runs, workers)), 10, "predict: end workers")

    @pytest.mark.lab
    def test_a_worker_that_dies_is_told(self, smtpd: Smtpd, lab: Lab, capfd: pytest.CaptureFixture[str]):
        """Its lines are lost, and nobody waits for them."""
        smtpd.crowd(lambda _: Script(replies={"GREETING": Say("220 mx", delay=30)}))
        with self.started() as running:
            running.stdin.write(json.dumps({"id": 1, "nexthop": f"[{lab.address()}]"}).encode() + b"\n")
            wait_until(lambda: children_of(running.pid), 10, "predict: fork its workers")
            time.sleep(0.3)
            os.kill(int(children_of(running.pid)[0]), signal.SIGKILL)
            assert running.wait(10) == 1

        assert "a worker ended" in capfd.readouterr().err

    def test_a_reader_that_goes_away_ends_it(self):
        """As `predict --jsonl | head -1` does, without a traceback."""
        environment = {**os.environ, "TLSPORTAL_NO_VENV": "1"}
        pipe = f"yes '{{\"id\": 1}}' | {sys.executable} {MANAGE} predict --jsonl | head -1"
        done = subprocess.run(["sh", "-c", pipe], capture_output=True, env=environment, timeout=30, check=False)

        assert (done.stdout, done.stderr) == (b'{"id":1,"error":"\\"nexthop\\" is missing"}\n', b"")

    @pytest.mark.lab
    def test_workers_share_one_connection_per_address(self, lab: Lab):
        """A partner is asked one thing at a time, by whichever process."""
        address, open_now = lab.address(), [0]

        def close_late(listener: socket.socket) -> None:
            for _ in range(8):
                connection, _client = listener.accept()
                time.sleep(0.1)
                listener.setblocking(False)  # whoever else is here now waits in the queue of the kernel
                with contextlib.suppress(BlockingIOError):
                    listener.accept()
                    open_now[0] += 1
                listener.setblocking(True)
                connection.close()

        with socket.create_server((address, 25)) as listener:
            threading.Thread(target=close_late, args=(listener,), daemon=True).start()
            answers, _status = predicted(*({"id": number, "nexthop": f"[{address}]"} for number in range(8)))

        assert [answer["dsn"] for answer in answers] == ["4.4.2"] * 8
        assert open_now == [0]


def runs(number: str) -> bool:
    """Whether process *number* is there and has not ended; in a container nobody may read an orphan's end."""
    try:
        return Path("/proc", number, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(number: int) -> list[str]:
    """Return the processes that *number* has forked."""
    try:
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()
    except OSError:
        return []


def test_an_openssl_release_may_end_with_a_letter():
    """Debian 11 ships 1.1.1w; the letter changes nothing that counts."""
    answers, status = predicted({"id": 1, "nexthop": "[198.18.255.9]", "openssl": "1.1.1w"})

    assert ("error" in answers[0], status) == (False, 0)
