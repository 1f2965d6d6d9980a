"""One process of the stream: an event loop that takes lines from its pipe and gives answers back as they are there.

Frames on the pipe, both ways: four bytes of length, big end first, then so many bytes. An answer begins with a byte
that says whether the line was usable.
"""

import asyncio
import gc
import logging
import signal
import socket
import struct
from collections.abc import Callable
from datetime import UTC, datetime

from partners.core.errors import PortalError
from partners.core.outcome import Verdict
from partners.core.several import Element, combined
from partners.management.jsonl.answer import answer_line, error_line
from partners.management.jsonl.forecast import asked_nexthop, forecast, is_asked_again, targets_of
from partners.management.jsonl.request import Request, RequestReader, Unusable, identity_of
from partners.probe.engine import Engine

__all__ = ["LENGTH", "REFUSED", "USABLE", "work"]

LENGTH = struct.Struct(">I")
USABLE, REFUSED = b"+", b"-"
GARBAGE_THRESHOLD = 20_000  # sessions are short, and a thousand of them live at once
CRASHED = "predict.line.crashed"

_log = logging.getLogger(__name__)


def work(pipe: socket.socket, engine: Callable[[], Engine]) -> None:
    """Answer what comes through *pipe* until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one by closing the pipe
    gc.freeze()  # what was there before the fork stays shared
    gc.set_threshold(GARBAGE_THRESHOLD)
    asyncio.run(_Worker(engine()).run(pipe))


class _Worker:
    """The loop's state."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = RequestReader()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsent = bytearray()

    async def run(self, pipe: socket.socket) -> None:
        lines, answers = await asyncio.open_connection(sock=pipe)
        try:
            while True:
                (length,) = LENGTH.unpack(await lines.readexactly(LENGTH.size))
                task = asyncio.create_task(self._answer(await lines.readexactly(length), answers))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, line: bytes, answers: asyncio.StreamWriter) -> None:
        mark, answer = USABLE, ""
        try:
            request = self._reader.read(line)
            answer = answer_line(request.identity, await self._judged(request))
        except (Unusable, PortalError) as refused:
            mark, answer = REFUSED, error_line(identity_of(line), str(refused))
        except Exception as crash:  # noqa: BLE001  a task's outermost frame: one line must not hold the others up
            _log.warning(CRASHED, exc_info=True)
            mark, answer = REFUSED, error_line(identity_of(line), f"crashed: {type(crash).__name__}: {crash}")
        octets = answer.encode()
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send, answers)
        self._unsent += LENGTH.pack(len(octets) + 1) + mark + octets

    async def _judged(self, request: Request) -> Verdict:
        """Try one next-hop after the other until one takes the message, or refuses it for good."""
        elements: list[Element] = []
        for destination in request.destinations:
            asked = asked_nexthop(destination)
            facts = await self._engine.look_up(asked)
            if is_asked_again(destination, facts):
                facts = await self._engine.look_up(asked.as_host())
            peers = await self._engine.probe_all(targets_of(destination, facts, request))
            elements.append(forecast(destination, facts, peers, request, datetime.now(UTC)))
            if elements[-1].is_final or elements[-1].ends:
                break
        return combined(elements)

    def _send(self, answers: asyncio.StreamWriter) -> None:
        """Send what is there, once for all answers of a turn of the loop."""
        octets, self._unsent = bytes(self._unsent), bytearray()
        if not answers.is_closing():  # else the first process has ended, and nobody wants to know
            answers.write(octets)
