"""Private daemons of a test session: started in the foreground, dead when the session is."""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.kit.smtpd import wait_until

STOP_TIMEOUT_SECONDS = 10.0


class DaemonError(RuntimeError):
    """A daemon of the kit did not start or stop."""


class Daemon:
    """One foreground process with its log; start, stop, kill -9, pause and start again."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, *, user: str | None = None) -> None:
        """Remember how to run *command*; nothing starts yet."""
        self.name, self.log = name, log
        self._command, self._user = [str(part) for part in command], user
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; LookupError while it does not run."""
        if self._process is None:
            raise LookupError(f"{self.name}: not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, is_up: Callable[[], bool], timeout: float = 10.0) -> None:
        """Start the process and wait until *is_up*."""
        if self.is_running:
            raise DaemonError(f"{self.name}: runs already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                start_new_session=True,
                cwd="/",
            )
        self._guard = _guard(self._process.pid)
        try:
            wait_until(lambda: self._is_up(is_up), timeout, f"{self.name}: start")
        except TimeoutError as cause:
            self.kill()
            raise DaemonError(f"{cause}; its log ends: {self.log.read_text(errors='replace')[-2000:]}") from cause

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        """Ask the process to end, and end it if it does not."""
        if self._process is None:
            return
        self._process.send_signal(signal_number)
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._forget()

    def kill(self) -> None:
        """End the process and its children at once, as a crash would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_TIMEOUT_SECONDS)
            self._forget()

    def signal(self, number: int) -> None:
        """Send signal *number* to the process alone."""
        os.kill(self.pid, number)

    def pause(self) -> None:
        """Freeze the process: its sockets stay open and it answers nothing."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def _is_up(self, is_up: Callable[[], bool]) -> bool:
        if self._process is not None and (code := self._process.poll()) is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            self._forget()
            raise DaemonError(f"{self.name}: ended with {code} at its start; its log ends: {tail}")
        return is_up()

    def _forget(self) -> None:
        self._process = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None


def private_directory(name: str, *, user: str | None = None) -> Path:
    """Make a directory below /tmp, short enough for a unix socket, that *user* may enter."""
    path = Path(tempfile.mkdtemp(prefix=f"tlsportal-{name}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    path.chmod(0o755)
    if user:
        shutil.chown(path, user, user)
    return path


def program(name: str, package: str, *directories: str | Path) -> str:
    """Return the path of program *name*; skip the test, naming the Debian *package*, where it is missing."""
    path = os.pathsep.join([*(str(directory) for directory in directories), os.environ["PATH"], "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return found


def _guard(group: int) -> "subprocess.Popen[bytes]":
    """Start a process that kills process *group* when this one is gone, however it went.

    PR_SET_PDEATHSIG is no help: the kernel drops it when a daemon changes its user, as Postfix's master does.
    """
    script = f"read _; kill -9 -{group}"
    return subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, start_new_session=True, cwd="/")
