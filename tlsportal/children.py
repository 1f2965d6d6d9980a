"""Processes that belong together: one log, restarts with a pause that grows, and an end that leaves nothing behind.

Standard library only. Each child leads a session of its own, so that a Ctrl-C reaches the supervisor alone and the
child's own children are found by their process group. Three things end a child:

    Children.stop           TERM to the child, a grace, then KILL to its whole group
    PR_SET_PDEATHSIG        the kernel sends TERM if the supervisor dies without a word (kill -9)
    the watchman            a process that outlives the supervisor by a moment and ends the groups that are left
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

GRACE_SECONDS = 10.0  # a worker may finish what it does; rows that stay leased are taken up again
FIRST_PAUSE_SECONDS = 1.0
SETTLED_SECONDS = 60.0  # a child that lived this long failed for a new reason
RAPID_FAILURES = 5  # then the supervisor gives up: the log holds the reason five times
LINE_LIMIT = 16 * 1024
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_COLOURS = (36, 32, 33, 35, 34)  # readable on a dark and on a light ground


class GaveUpError(Exception):
    """A child ended again and again; the message names it."""


@dataclass
class Child:
    """One process that is kept running; a quiet one is heard only if it ends by itself."""

    name: str
    command: list[str]
    environment: dict[str, str]
    is_quiet: bool = False
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=20), repr=False)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    rest: bytes = field(default=b"", repr=False)


class Log:
    """Lines of all children on one standard output, each behind its writer's name."""

    def __init__(self) -> None:
        self._is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._names: list[str] = []

    def write(self, name: str, text: str) -> None:
        """Write *text* line by line; characters that would move a terminal's cursor are taken out."""
        if name not in self._names:
            self._names.append(name)
        colour = _COLOURS[self._names.index(name) % len(_COLOURS)]
        mark = f"{name:<8}|"
        if self._is_coloured:
            mark = f"\x1b[{colour}m{mark}\x1b[0m"
        for line in filter(str.strip, text.splitlines()):
            print(mark, "".join(character for character in line if character.isprintable() or character == "\t"))
        sys.stdout.flush()


class Watchman:
    """A process that learns the groups in use through a pipe and ends those left when the pipe closes."""

    def __init__(self) -> None:
        """Fork at once; the caller must still be small and have one thread."""
        reading, self._writing = os.pipe()
        if os.fork() == 0:
            os.close(self._writing)
            _watch(reading)
        os.close(reading)

    def tell(self, sign: str, group: int) -> None:
        """Say that *group* began ("+") or ended ("-")."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writing, f"{sign}{group}\n".encode())

    def dismiss(self) -> None:
        """Let the watchman go; nothing is left for it."""
        os.close(self._writing)
        with contextlib.suppress(ChildProcessError):
            os.wait()


class Children:
    """The processes of one supervisor, their log and their end."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._watchman = Watchman()

    def start(self, name: str, command: list[str], environment: dict[str, str], *, is_quiet: bool = False) -> None:
        """Start *command* and keep it running."""
        child = Child(name, command, environment, is_quiet)
        self._children.append(child)
        self._spawn(child)

    def run(self, command: list[str], environment: dict[str, str]) -> tuple[int, str]:
        """Run *command* to its end; return its exit code and what it said. It dies with the supervisor."""
        process = _popen(command, environment)
        self._watchman.tell("+", process.pid)
        said, _nothing = process.communicate()
        _end_group(process.pid)
        self._watchman.tell("-", process.pid)
        return process.returncode, said.decode(errors="replace")

    def attend(self, seconds: float) -> None:
        """For *seconds* at most: pass on lines, restart what ended. Raise GaveUpError where that does not help."""
        for key, _events in self._selector.select(seconds):
            self._read(key.data)
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.restart_at:
                    self._spawn(child)
            elif child.process.poll() is not None:
                self._bury(child, now)

    def stop(self) -> None:
        """End all children, the last one started first; return when no process of theirs is left."""
        for child in reversed(self._children):
            if child.process:
                child.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        while any(c.process and c.process.poll() is None for c in self._children) and time.monotonic() < deadline:
            for key, _events in self._selector.select(0.1):
                self._read(key.data)
        for child in self._children:
            if child.process:
                self._forget(child)
        self._watchman.dismiss()

    def _spawn(self, child: Child) -> None:
        child.process = _popen(child.command, child.environment)
        child.started_at = time.monotonic()
        self._watchman.tell("+", child.process.pid)
        assert child.process.stdout
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _read(self, child: Child) -> None:
        """Pass on the whole lines that *child* wrote; an endless line is cut."""
        assert child.process
        assert child.process.stdout
        chunk = child.process.stdout.read(64 * 1024)
        if chunk == b"":  # closed; the process itself is looked after by attend()
            self._selector.unregister(child.process.stdout)
        child.rest += chunk or b""
        whole, newline, rest = child.rest.rpartition(b"\n")
        if len(rest) > LINE_LIMIT:
            whole, newline, rest = child.rest[:LINE_LIMIT], b"\n", b""
        child.rest = rest
        if newline:
            self._pass_on(child, whole)

    def _pass_on(self, child: Child, said: bytes) -> None:
        text = said.decode(errors="replace")
        if child.is_quiet:
            child.last_lines.extend(text.splitlines())
        else:
            self.log.write(child.name, text)

    def _bury(self, child: Child, now: float) -> None:
        """Clear away what is left of *child* and set the time of its restart."""
        assert child.process
        code = child.process.returncode
        self._forget(child)
        self.log.write(child.name, "\n".join(child.last_lines))
        child.failures = 1 if now - child.started_at > SETTLED_SECONDS else child.failures + 1
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        if child.failures >= RAPID_FAILURES:
            raise GaveUpError(f"{child.name} ended {child.failures} times in a row, at last {how}; its lines say why")
        pause = FIRST_PAUSE_SECONDS * 2 ** (child.failures - 1)
        child.restart_at = now + pause
        self.log.write("up", f"{child.name} ended {how}; starting it again in {pause:.0f} s")

    def _forget(self, child: Child) -> None:
        """End the group of *child* and take its last lines."""
        assert child.process
        assert child.process.stdout
        _end_group(child.process.pid)
        child.process.wait()
        if child.process.stdout in self._selector.get_map():
            self._read(child)
        if child.process.stdout in self._selector.get_map():
            self._selector.unregister(child.process.stdout)
        if child.rest:
            self._pass_on(child, child.rest)
        child.process.stdout.close()
        self._watchman.tell("-", child.process.pid)
        child.process, child.rest = None, b""


def _popen(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start *command* as leader of a session, with one pipe for all it says."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  the supervisor has one thread
    )


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a new process does first: ask for TERM at the death of *parent*, unless that is dead already."""

    def ask() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _end_group(group: int) -> None:
    """Kill what is left of *group*."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _watch(reading: int) -> None:
    """Be the watchman: note the groups; at the end of the pipe end them, politely first; never return."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    with os.fdopen(reading) as told:
        for line in told:
            group = int(line[1:])
            groups.add(group) if line[0] == "+" else groups.discard(group)
    _end_groups(groups)
    os._exit(0)


def _end_groups(groups: set[int]) -> None:
    """Send TERM to *groups*, and KILL to those that stay."""
    deadline = time.monotonic() + GRACE_SECONDS
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
    while any(_exists(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.1)
    for group in groups:
        _end_group(group)


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
