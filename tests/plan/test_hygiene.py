"""What must never be committed: hosts of registries, private keys, paths of one machine."""

import re
import shutil
import subprocess

import pytest

from tests.plan.sources import BASE

LOCK_NAMES = re.compile(r"(^|/)(requirements[^/]*|[^/]*\.lock|[^/]*-lock\.json)$")
PRIVATE_KEY = re.compile(rb"^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[^\"']{0,2}$", re.MULTILINE)
MACHINE_PATH = re.compile(rb"(?<![\w.])/(home|root|Users|work)/[\w.-]+/")
PICTURES = {".png", ".woff2", ".ico", ".mo", ".jpg"}


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The names git knows; without git (a release archive) there is nothing to judge."""
    if not shutil.which("git") or not (BASE / ".git").exists():
        pytest.skip("no git checkout")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=BASE, capture_output=True, check=True)
    return [name for name in done.stdout.decode().split("\0") if name and (BASE / name).is_file()]


def test_locks_name_no_host(tracked):
    """A lock holds names, versions and hashes; where a mirror stands is the administrator's own."""
    locks = [name for name in tracked if LOCK_NAMES.search(name)]

    assert {"requirements.lock", "requirements-dev.lock"} <= set(locks)
    assert [name for name in locks if re.search(r"\w+://", (BASE / name).read_text())] == []


def test_locks_hash_every_package():
    """Each package of a lock is followed by at least one sha256."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"\n(?=[a-z])", (BASE / name).read_text().strip())
        assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_development_lock_holds_the_other_one():
    """What tests run with is what runs: the same versions, and some more packages."""
    run, development = (
        (BASE / name).read_text().splitlines() for name in ("requirements.lock", "requirements-dev.lock")
    )

    assert {line for line in run if "==" in line} <= {line for line in development if "==" in line}


def test_no_private_key_is_committed(tracked):
    """Keys are made by the tests that need them."""
    assert [name for name in tracked if PRIVATE_KEY.search((BASE / name).read_bytes())] == []


def test_no_path_of_one_machine_is_committed(tracked):
    """A clone works wherever it stands."""
    texts = [name for name in tracked if (BASE / name).suffix not in PICTURES and "/vendor/" not in name]

    assert [
        name
        for name in texts
        if name != "tests/plan/test_hygiene.py" and MACHINE_PATH.search((BASE / name).read_bytes())
    ] == []
