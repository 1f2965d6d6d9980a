"""`manage.py up` as a process of its own, and what can be seen of it from outside."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

BASE = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 30.0


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def up(*words: str, **environment: str) -> subprocess.Popen[str]:
    """Start `manage.py up` with *words*; none of this session's own settings reach it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TLSPORTAL_", "DJANGO_"))}
    return subprocess.Popen(
        [sys.executable, str(BASE / "manage.py"), "up", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**clean, **environment},
        start_new_session=True,
    )


def refusal(*words: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of an `up` that is expected not to start."""
    process = up(*words, **environment)
    try:
        said, _nothing = process.communicate(timeout=START_SECONDS)
    finally:
        process.terminate()
    return process.returncode, said


def at_console(*words: str, directory: Path) -> tuple[int, str]:
    """Exit code and output of one command beside the portal in *directory*."""
    done = console(*words, directory=directory)
    return done.returncode, done.stdout


def console(*words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run one command beside the portal in *directory*."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TLSPORTAL_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, str(BASE / "manage.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, "TLSPORTAL_DATA_DIR": str(directory)},
    )


class Portal:
    """A portal in *directory* that answers; close() ends it whatever happened."""

    def __init__(self, directory: Path, *words: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.lines: list[str] = []
        self.process = up("--data-dir", str(directory), "--port", str(self.port), *words)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.await_line("the portal is at")
        except AssertionError:
            self.close()
            raise

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def await_line(self, part: str) -> str:
        """Wait for a line that holds *part*."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if part in line:
                    return line
            assert self.process.poll() is None, "\n".join(self.lines)
            time.sleep(0.1)
        raise AssertionError(f"no line with {part!r}:\n" + "\n".join(self.lines))

    @property
    def first_link(self) -> str:
        """The link with which the first person joins."""
        found = re.search(r"http://\S+/invitations/\S+/", "\n".join(self.lines))
        assert found, "\n".join(self.lines)
        return found[0]

    def status(self, path: str) -> int:
        """The status with which *path* is answered to a browser, which follows and keeps cookies."""
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        try:
            with browser.open(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            return answer.code

    def await_status(self, path: str) -> int:
        """The status of *path* once connections are taken again."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.status(path)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def processes(self) -> dict[int, str]:
        """All processes that work in the data directory, by their command line or environment."""
        needle = os.fsencode(self.directory)
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
                is_dead = (folder / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            except OSError:
                continue
            if not is_dead and (needle in command or needle in environment):
                found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send signal *number* to the supervisor; return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        return code

    def await_silence(self, seconds: float) -> dict[int, str]:
        """Wait until no process is left, *seconds* at most; return those that are."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def close(self) -> None:
        """End what is left."""
        if self.process.poll() is None:
            self.stop()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
