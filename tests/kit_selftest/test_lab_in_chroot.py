"""The lab in a plain chroot, whose "/" is no mount point: where a newcomer tries the tests on a bare Debian root."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

REPOSITORY = Path(__file__).parents[2]
ENTER = """
from tests.kit.lab import lab
from tests.kit.rootfs import alone
import os, subprocess
before = os.readlink("/proc/self/ns/net")
lab.enter()
back = subprocess.run(lab.outside("sh", "-c", "readlink /proc/self/ns/net; ls -d /repo"), capture_output=True, text=True)
print(lab.why_not or "entered", os.readlink("/proc/self/ns/net") != before, back.stdout.split() == [before, "/repo"])
first = subprocess.run(lab.outside(*alone("sh", "-c", "echo $$; ls -d /proc/1 /repo")), capture_output=True, text=True)
print(*first.stdout.split())
"""


def chroot(root: Path) -> str:
    """Return the shell lines that fill *root* with this machine's programs, and run the enclosed code in it."""
    for name in ("usr", "proc", "dev", "tmp", "etc", "repo", "packages"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    prefix = Path(sys.base_prefix)  # of the Python that runs: often, but not always, below /usr
    (root / prefix.relative_to("/")).mkdir(parents=True, exist_ok=True)
    shown = {f"/{name}": f"/{name}" for name in ("usr", "proc", "dev", "etc")} | {
        str(REPOSITORY): "/repo",
        sysconfig.get_path("purelib"): "/packages",  # of .venv: the program below it is the machine's own
    }
    if not prefix.is_relative_to("/usr"):
        shown[str(prefix)] = str(prefix)
    binds = "".join(f"mount --rbind {source} {root}{target} && " for source, target in shown.items())
    return f"{binds}cd {root} && exec chroot . {Path(sys.executable).resolve()} -c '{ENTER}'"


def test_the_lab_is_entered_in_a_chroot_and_outside_leads_back_to_it(tmp_path: Path) -> None:
    """It has a network of its own; a command sent outside runs in the old network, and still in the chroot."""
    script = chroot(tmp_path / "root")

    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "/repo:/packages"}, check=False,
    )  # fmt: skip

    assert run.stdout.split() == ["entered", "True", "True", "1", "/proc/1", "/repo"], run.stderr
