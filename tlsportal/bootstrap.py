"""Before Django: the virtual environment beside manage.py, filled with the locked packages.

Standard library only. `enter` makes .venv, fills it from a lock file (every byte checked against its hash) and starts
the same command again inside it. A stamp names the lock and the interpreter, so that the second start reads three
small files. An installation that was cut off left a mark: then .venv is made anew.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tlsportal import debian

BASE = Path(__file__).resolve().parent.parent
VENV = BASE / ".venv"
DEVELOPMENT_COMMANDS = frozenset({"test", "dev"})
RUNTIME_LOCK = BASE / "requirements.lock"
DEVELOPMENT_LOCK = BASE / "requirements-dev.lock"
UNFINISHED = VENV / "tlsportal-unfinished"  # there while packages are being installed
PROGRESS_SECONDS = 10.0


def enter(argv: list[str]) -> None:
    """Return inside .venv; where that is not active, make it if need be and start again in it.

    Errors: SystemExit with one line that says what is missing and how to get it.
    """
    if Path(sys.prefix).resolve() == VENV.resolve() or os.environ.get(
        "TLSPORTAL_NO_VENV"
    ):  # the latter: a container's image
        return
    command = argv[1] if len(argv) > 1 else ""
    lock = DEVELOPMENT_LOCK if command in DEVELOPMENT_COMMANDS else RUNTIME_LOCK
    try:
        if not _is_filled(lock):
            with _alone():
                if not _is_filled(lock):  # nobody else made it meanwhile
                    _make(lock)
    except OSError as cause:
        sys.exit(
            f"tlsportal: {cause.filename or VENV}: {cause.strerror}. Clone into a directory that you may write to."
        )
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, *argv])


def _is_filled(lock: Path) -> bool:
    """Whether .venv holds what *lock* names; the development lock holds all of the other one as well."""
    stamps = (_stamp_path(path) for path in {lock, DEVELOPMENT_LOCK})
    wanted = {_stamp(path) for path in {lock, DEVELOPMENT_LOCK}}
    return not UNFINISHED.exists() and any(path.exists() and path.read_text() in wanted for path in stamps)


def _stamp_path(lock: Path) -> Path:
    return VENV / f"tlsportal-{lock.stem}.stamp"


def _stamp(lock: Path) -> str:
    """Return the lock's hash and the interpreter that .venv points to: a newer Debian makes .venv useless."""
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {os.path.realpath(VENV / 'bin' / 'python')}\n"


def _tell(line: str) -> None:
    """Say what takes long; on standard error, for what a command prints may be meant for a program."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time make .venv; the lock is the directory itself, so that it leaves no file."""
    handle = os.open(BASE, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make(lock: Path) -> None:
    """Make .venv, unless a sound one is there, and install *lock* into it."""
    if UNFINISHED.exists() or not _is_sound():
        if not os.access(BASE, os.W_OK):
            sys.exit(f"tlsportal: {BASE} cannot be written. Clone into a directory that you may write to.")
        _tell(f"tlsportal: making {VENV.name} (once)")
        if VENV.exists():
            shutil.rmtree(VENV)
        _require_venv_module()
        _run([sys.executable, "-m", "venv", str(VENV)], "the virtual environment could not be made")
    UNFINISHED.touch()
    for old in VENV.glob("tlsportal-*.stamp"):
        old.unlink()
    packages = sum(line[:1].isalnum() for line in lock.read_text().splitlines())
    _tell(f"tlsportal: installing the {packages} packages of {lock.name}, each checked by its hash")
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    _run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], "the locked packages could not be installed")
    for whole in {lock, RUNTIME_LOCK}:
        _stamp_path(whole).write_text(_stamp(whole))
    UNFINISHED.unlink()


def _is_sound() -> bool:
    """Whether .venv has an interpreter that starts and finds pip."""
    python = VENV / "bin" / "python"
    if not python.exists():
        return False
    return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0


def _require_venv_module() -> None:
    """Make sure that this Python can build an environment with pip (Debian parts both from python3)."""
    if _has_venv():
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit("tlsportal: python3-venv is missing. Run: sudo apt-get install --yes python3-venv")
    _tell("tlsportal: installing the Debian package python3-venv")
    debian.install(["python3-venv"])
    importlib.invalidate_caches()
    if not _has_venv():
        sys.exit(f"tlsportal: {sys.executable} cannot make virtual environments. Run: /usr/bin/python3 manage.py up")


def _has_venv() -> bool:
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def _run(command: list[str], failure: str) -> None:
    """Run *command* quietly, with a sign of life now and then; on failure show the end of what it said and stop."""
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}  # whatever a pip.conf says
    started = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while True:
        try:
            said, _nothing = process.communicate(timeout=PROGRESS_SECONDS)
            break
        except subprocess.TimeoutExpired:
            _tell(f"tlsportal: still at it after {time.monotonic() - started:.0f} s")
        except KeyboardInterrupt:
            process.kill()
            sys.exit("\ntlsportal: stopped; the next start begins anew.")
    if process.returncode:
        end = "\n".join(said.strip().splitlines()[-15:])
        sys.exit(f"{end}\ntlsportal: {failure}; the lines above say why.")
