"""What `manage.py predict --jsonl` says about the same cases: a process of its own, fed as an administrator would."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from tests.kit.lab import HOLE, NETWORKS
from tests.oracle.real import BASE, Relay, Said
from tests.oracle.world import Placed
from tests.plan.sources import BASE as CHECKOUT

TIMEOUT_SECONDS = 170
_UNREACHABLE = "198.51.100.0/24"
_PORTS = "1-65535"


def question(relay: Relay, one: Placed) -> dict[str, Any]:
    """Return the JSON object that describes a case to predict."""
    queue = {"queue_directory": str(relay.postfix.queue)} if one.case.chroot or one.case.lies_in_queue else {}
    return {
        "id": f"{relay.release}/{one.case.name}",
        "nexthop": one.nexthop,
        "rcpt_domain": one.rcpt_domain,
        "table": [{"key": key, "value": value} for key, value in one.table],
        "main_cf": {**BASE, **one.main_cf, **queue},
        "postfix": relay.release,
        "openssl": relay.openssl,
        "message_age": one.case.age,
        "headers": list(one.case.headers),
        "chroot": one.case.chroot,
    }


def predict(questions: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Ask predict all *questions* at once and return its answers by id; the lab is what it may probe."""
    networks = ",".join([*(str(network) for network in (*NETWORKS, HOLE)), _UNREACHABLE])
    environment = {**os.environ, "TLSPORTAL_PROBE_NETWORKS": networks, "TLSPORTAL_PROBE_PORTS": _PORTS}
    done = subprocess.run(
        [sys.executable, "manage.py", "predict", "--jsonl"],
        cwd=CHECKOUT,
        env=environment,
        input="".join(f"{json.dumps(asked)}\n" for asked in questions),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not answers:
        raise RuntimeError(f"predict --jsonl: exit status {done.returncode}: {done.stderr[-2000:]}")
    return {answer["id"]: answer for answer in answers}


def said(answer: Mapping[str, Any] | None) -> Said:
    """Put an answer in the five words; what is missing or unknown agrees with nothing."""
    if answer is None:
        return Said("no answer", "", None, "", None)
    if "error" in answer or answer.get("unknown"):
        cause = str(answer.get("error") or answer.get("unknown"))
        return Said("unknown", "", None, "", None, (cause,))
    plaintext = answer["plaintext"] if answer["status"] == "sent" else (answer["plaintext"] or None)
    words = (answer["status"], answer["tls_status"], plaintext, answer["dsn"], answer["mx"])
    return Said(*words, tuple(str(reason) for reason in answer["reasons"]))
