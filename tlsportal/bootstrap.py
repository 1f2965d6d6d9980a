"""Before Django: the virtual environment beside manage.py, its locked packages, and the commands that need no Django.

Standard library only. `enter` makes .venv, fills it from a lock file (every byte checked against its hash) and starts
the same command again inside it. A stamp with the lock's hash makes the second start cost two file reads.
"""

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tlsportal import debian

BASE = Path(__file__).resolve().parent.parent
VENV = BASE / ".venv"
DEVELOPMENT_COMMANDS = frozenset({"test", "dev"})


def enter(argv: list[str]) -> None:
    """Return inside .venv; if it is not there or its lock changed, make it and start again in it.

    Errors: SystemExit with one line that says what is missing and how to get it.
    """
    command = argv[1] if len(argv) > 1 else ""
    if os.environ.get("TLSPORTAL_NO_VENV"):  # a container image brings its packages itself
        return
    lock = BASE / ("requirements-dev.lock" if command in DEVELOPMENT_COMMANDS else "requirements.lock")
    if not _is_filled(lock):
        _make(lock)
    if Path(sys.prefix).resolve() != VENV.resolve():
        python = VENV / "bin" / "python"
        os.execv(python, [str(python), *argv])


def run(argv: list[str]) -> None:
    """Run the command *argv* names: test and dev here, all else in Django."""
    command = argv[1] if len(argv) > 1 else ""
    if command == "test":
        debian.install_test_packages(override="--install-anyway" in argv)
        words = [word for word in argv[2:] if word != "--install-anyway"]
        os.chdir(BASE)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *words])
    if command == "dev":
        return
    # By name, since Django is not there before `enter` has run.
    importlib.import_module("django.core.management").execute_from_command_line(argv)


def _is_filled(lock: Path) -> bool:
    """Whether .venv holds what *lock* names; the development lock holds all of the other one as well."""
    if not (VENV / "bin" / "python").exists():
        return False
    stamped = {path.read_text() for path in VENV.glob("tlsportal-*.stamp")}
    locks = {lock, BASE / "requirements-dev.lock"}
    return any(_digest(path) in stamped for path in locks)


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _make(lock: Path) -> None:
    """Make .venv and install *lock*; a half-made one is begun anew."""
    try:
        if not (VENV / "bin" / "pip").exists():
            shutil.rmtree(VENV, ignore_errors=True)
            print(f"tlsportal: making {VENV.name} (once)", flush=True)
            _require_venv_module()
            _run([sys.executable, "-m", "venv", "--clear", str(VENV)], "the virtual environment could not be made")
        for old in VENV.glob("tlsportal-*.stamp"):
            old.unlink()
        print(f"tlsportal: installing the packages of {lock.name}, each checked by its hash", flush=True)
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "-r", str(lock)], "the locked packages could not be installed")
        (VENV / f"tlsportal-{lock.stem}.stamp").write_text(_digest(lock))
    except OSError as cause:
        sys.exit(
            f"tlsportal: {cause.filename or VENV}: {cause.strerror}. Clone into a directory that you may write to."
        )


def _require_venv_module() -> None:
    """Make sure that this Python can build an environment with pip (Debian parts both from python3)."""
    probe = [sys.executable, "-c", "import venv, ensurepip"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return
    if os.geteuid() != 0:
        sys.exit("tlsportal: python3-venv is missing. Run: sudo apt-get install --yes python3-venv")
    debian.install(["python3-venv"])


def _run(command: list[str], failure: str) -> None:
    """Run *command* quietly; on failure show the end of what it said and stop."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        sys.exit(f"{said}\ntlsportal: {failure}; the lines above say why.")
