"""What the benches share: the lab, peers and a reference in C, compiled at the start, and the command under measure."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.kit.ca import root_ca
from tests.kit.lab import lab

HERE = Path(__file__).resolve().parent
MANAGE = HERE.parents[1] / "manage.py"
PORT = 25
SYSTEM_CAS = Path("/etc/ssl/certs/ca-certificates.crt")


class World:
    """The lab with programs compiled from the C files beside this one."""

    def __init__(self, directory: Path) -> None:
        """Compile, and make the one certificate that all peers show."""
        lab.enter()
        if not lab.is_entered:
            sys.exit(f"bench: {lab.why_not}")
        if shutil.which("gcc") is None:
            sys.exit("bench: it compiles its reference: apt-get install gcc libssl-dev")
        self.directory = directory
        for name in ("peer", "client"):
            command = ["gcc", "-O2", "-o", str(directory / name), str(HERE / f"{name}.c"), "-lssl", "-lcrypto"]
            subprocess.run(command, check=True, timeout=120)
        root = root_ca()
        leaf = root.leaf("mx.example.com")
        self.ca_file = directory / "ca.pem"  # as large as a relay's: the system's bundle, and one more
        self.ca_file.write_text(root.pem + (SYSTEM_CAS.read_text() if SYSTEM_CAS.exists() else ""))
        (directory / "chain.pem").write_text(leaf.chain_pem)
        (directory / "key.pem").write_text(leaf.key_pem)

    @contextlib.contextmanager
    def peers(self, *, delay_ms: int = 0) -> Iterator[None]:
        """Let every address of the lab answer at port 25, each step after *delay_ms*."""
        paths = [str(self.directory / name) for name in ("chain.pem", "key.pem")]
        command = [str(self.directory / "peer"), str(PORT), "2", str(delay_ms), *paths]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            if running.stdout is None or running.stdout.readline() != "ready\n":
                sys.exit("bench: the peers do not start")
            try:
                yield
            finally:
                running.terminate()

    def c_client(self, addresses: Sequence[str], *, processes: int) -> float:
        """Return how many seconds a C client needs for a handshake with each of *addresses*."""
        command = [str(self.directory / "client"), str(PORT), str(processes)]
        done = subprocess.run(
            command, input="\n".join(addresses), capture_output=True, text=True, check=True, timeout=300
        )
        count, seconds = done.stdout.split()
        if int(count) != len(addresses):
            sys.exit(f"bench: the reference made {count} of {len(addresses)} handshakes")
        return float(seconds)

    def predict(self, nexthops: Sequence[str], *options: str, verified: bool = False) -> tuple[float, float]:
        """Return seconds in all, and seconds from the first answer to the last, of predict --jsonl.

        verified: at a level at which the certificate decides, with the CA file.
        """
        main_cf = {"smtp_tls_security_level": "encrypt"}
        if verified:
            main_cf = {"smtp_tls_security_level": "secure", "smtp_tls_CAfile": str(self.ca_file)}
            main_cf["smtp_tls_secure_cert_match"] = "mx.example.com"
        lines = "".join(json.dumps({"id": one, "nexthop": one, "main_cf": main_cf}) + "\n" for one in nexthops)
        command = [sys.executable, str(MANAGE), "predict", "--jsonl", *options]
        environment = {
            **os.environ,
            "TLSPORTAL_PROBE_NETWORKS": "198.18.0.0/15",
            "TLSPORTAL_NO_VENV": "1",
            "TLSPORTAL_DATA_DIR": str(self.directory / "state"),
        }
        asked = self.directory / "asked.jsonl"
        asked.write_text(lines)
        begun = time.monotonic()
        with (
            asked.open("rb") as given,
            subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, text=True, env=environment) as running,
        ):
            if running.stdout is None:
                sys.exit("bench: predict has no output")
            first = running.stdout.readline()
            first_at = time.monotonic()
            answers = [first, *running.stdout]
            ended = time.monotonic()
        wanted = f'"status":"sent","tls_status":"{"Verified" if verified else "Untrusted"}"'
        sent = sum(answer.count(wanted, 0, answer.find('"hosts"')) for answer in answers)
        if sent != len(nexthops):
            sys.exit(f"bench: {sent} of {len(nexthops)} were sent: {answers[0]}")
        return ended - begun, ended - first_at


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Give a world, and leave nothing of it behind."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        yield World(Path(directory))


def addresses(count: int) -> list[str]:
    """Return *count* addresses of the lab that were not used before."""
    return [lab.address() for _ in range(count)]
