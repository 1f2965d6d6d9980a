"""The stream: lines from standard input to a worker for each core, each answer out the moment it is there.

At most `concurrency` lines are under way; no more is read before one of them is answered, so that an endless input
costs no memory. This process opens no connection: it only splits lines and passes them on.
"""

import contextlib
import os
import resource
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack

from partners.management.jsonl.answer import error_line
from partners.management.jsonl.crew import Crew, Hand
from partners.management.jsonl.lines import LINE_BYTES_MAX, Lines
from partners.management.jsonl.request import identity_of
from partners.management.jsonl.worker import USABLE, work
from partners.probe.engine import Engine
from partners.probe.turnstile import Turnstile

__all__ = ["CONCURRENCY", "CONCURRENCY_MAX", "LINE_BYTES_MAX", "run"]

CONCURRENCY = 1000  # each on an address of its own
CONCURRENCY_MAX = 10_000

MakeEngine = Callable[[Turnstile], Engine]


class _Ended(Exception):
    """SIGTERM came."""


def run(make_engine: MakeEngine, *, concurrency: int = CONCURRENCY) -> int:
    """Answer each line of standard input on standard output; return the exit status: 1 if a line was unusable."""
    _raise_file_limit()
    count = min(len(os.sched_getaffinity(0)), concurrency)
    turnstiles = Turnstile.several(count)

    def begin(place: int, pipe: socket.socket) -> None:
        work(pipe, lambda: make_engine(turnstiles[place]))

    with ExitStack() as stack:
        crew = stack.enter_context(Crew(count, concurrency, begin))
        before = signal.signal(signal.SIGTERM, _terminated)
        stack.callback(signal.signal, signal.SIGTERM, before)
        try:
            return _Stream(crew).run()
        except BrokenPipeError:  # whoever reads the answers has gone; the interpreter would flush to it at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except EOFError:
            print("tlsportal: a worker ended by itself; the lines it had are not answered", file=sys.stderr)
            return 1
        except _Ended:
            return 128 + signal.SIGTERM


def _raise_file_limit() -> None:
    """Allow as many open sockets as the hard limit does: each nexthop under way holds one or a few."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid even that
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _terminated(*_: object) -> None:
    raise _Ended


class _Stream:
    """One run of the first process."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._lines = Lines(sys.stdin.fileno())
        self._output = sys.stdout.buffer
        self._status = 0
        self._selector = selectors.PollSelector()  # unlike epoll it takes regular files
        for hand in crew.hands:
            self._selector.register(hand.pipe, selectors.EVENT_READ, hand)
        self._is_listening = False

    def run(self) -> int:
        while True:
            self._feed()
            if self._lines.is_exhausted and self._crew.is_idle:
                return self._status
            self._listen(wanted=self._crew.freest is not None and not self._lines.is_exhausted)
            for key, _events in self._selector.select():
                if isinstance(key.data, Hand):
                    self._collect(key.data)
                else:
                    self._lines.read()
            self._output.flush()

    def _feed(self) -> None:
        """Give lines to whoever has room for them."""
        while (hand := self._crew.freest) is not None and (line := self._lines.next_line()) is not None:
            if isinstance(line, str):
                self._refuse(None, line)
            elif line.strip():
                hand.give(line)
        for hand in self._crew.hands:
            hand.push()
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if hand.unsent else 0)
            if wanted != hand.watched:
                self._selector.modify(hand.pipe, wanted, hand)
                hand.watched = wanted

    def _listen(self, *, wanted: bool) -> None:
        """Wait for standard input only while somebody has room for a line."""
        if wanted and not self._is_listening:
            self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, None)
        elif self._is_listening and not wanted:
            self._selector.unregister(sys.stdin.fileno())
        self._is_listening = wanted

    def _collect(self, hand: Hand) -> None:
        for answer in hand.answers():
            if not answer.startswith(USABLE):
                self._status = 1
            self._output.write(answer[1:] + b"\n")

    def _refuse(self, line: bytes | None, why: str) -> None:
        self._status = 1
        identity = identity_of(line) if line is not None else None
        self._output.write(error_line(identity, why).encode() + b"\n")
