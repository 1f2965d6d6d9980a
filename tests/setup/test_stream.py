"""predict --jsonl is started without Django: with the same settings, and with nothing that the stream does not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2]
GIVEN = {
    "TLSPORTAL_PROBE_NETWORKS": "198.18.0.0/15, 192.0.2.0/24",
    "TLSPORTAL_PROBE_PORTS": "2525,3000-3010",
    "TLSPORTAL_PROBE_PORT_MAP": "127.0.0.1:25=127.0.0.1:2525",
    "TLSPORTAL_PROBE_EHLO": " probe.house.example ",
    "TLSPORTAL_PROBE_SOURCE": "192.0.2.1",
    "TLSPORTAL_PROBE_CLIENT_CERT": "/etc/probe.pem",
    "TLSPORTAL_PROBE_CLIENT_KEY": "/etc/probe.key",
    "TLSPORTAL_RESOLVER": "127.0.0.1:53",
}
SAME = """
from tlsportal import settings
from tlsportal.stream import ProbeVariables
for name, value in vars(ProbeVariables()).items():
    assert value == getattr(settings, name) and value, name
print(len(vars(ProbeVariables())))
"""
LOADED = """
import sys
import tlsportal.stream
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"dns", "environ", "structlog", "celery"}))
print("django.conf" in sys.modules)
"""


def run(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with *words* and nothing but *environment* of ours; the data directory does not exist."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TLSPORTAL_")}
    given = {"TLSPORTAL_NO_VENV": "1", "TLSPORTAL_DATA_DIR": str(tmp_path / "data"), **environment}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=BASE, env={**clean, **given}, input="", capture_output=True, text=True, check=False
    )


def test_its_settings_are_those_of_the_portal(tmp_path: Path) -> None:
    """Each that is named for the one is read by the other, from the same variable."""
    done = run(tmp_path, "-c", SAME, **GIVEN)

    assert done.stderr == ""
    assert done.stdout == f"{len(GIVEN)}\n"


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    """The first answer would wait for it."""
    assert run(tmp_path, "-c", LOADED).stdout == "\nFalse\n"


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    """There is no portal where it is asked, and none comes to be."""
    done = run(tmp_path, "manage.py", "predict", "--jsonl", TLSPORTAL_RESOLVER="127.0.0.1:53")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TLSPORTAL_PROBE_EHLO_FILE", "/nowhere", "TLSPORTAL_PROBE_EHLO_FILE: /nowhere: No such file"),
        ("TLSPORTAL_PROBE_NETWORKS", "nonsense", "TLSPORTAL_PROBE_NETWORKS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, name: str, value: str, told: str) -> None:
    """And nothing is answered."""
    done = run(tmp_path, "manage.py", "predict", "--jsonl", **{name: value})

    assert done.returncode == 1
    assert done.stderr.startswith("tlsportal: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
