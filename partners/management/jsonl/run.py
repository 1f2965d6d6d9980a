"""The stream: lines from standard input, a bounded number under way, each answer written the moment it is there."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

from partners.core.errors import PortalError
from partners.core.observation import HostFacts, NexthopFacts, TlsProfile
from partners.management.jsonl.answer import answer_line, error_line
from partners.management.jsonl.forecast import forecast, profiles_of
from partners.management.jsonl.relay_files import RelayFiles
from partners.management.jsonl.request import Request, Unusable, identity_of, read_request
from partners.probe.engine import Engine

__all__ = ["CONCURRENCY", "CONCURRENCY_MAX", "LINE_BYTES_MAX", "run"]

LINE_BYTES_MAX = 8_000_000  # a policy map of some ten thousand lines
CONCURRENCY = 64
CONCURRENCY_MAX = 10_000


def run(engine: Callable[[], Engine], *, concurrency: int = CONCURRENCY) -> int:
    """Answer each line of standard input on standard output; return the exit status: 1 if a line was unusable."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        return asyncio.run(_Stream(engine, concurrency).run())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes at its end
        return 1


class _Stream:
    """One run."""

    def __init__(self, engine: Callable[[], Engine], concurrency: int) -> None:
        self._engine = engine()
        self._slots = asyncio.Semaphore(concurrency)
        self._files = RelayFiles()
        self._status = 0

    async def run(self) -> int:
        async with asyncio.TaskGroup() as tasks:
            lines: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
            reader = threading.Thread(
                target=_read, args=(sys.stdin.buffer, lines, asyncio.get_running_loop()), daemon=True
            )
            reader.start()
            while (line := await lines.get()) is not None:
                await self._slots.acquire()
                tasks.create_task(self._answer(line))
        return self._status

    async def _answer(self, line: bytes) -> None:
        try:
            answer = await self._answered(line)
        except Unusable as unusable:
            self._status = 1
            answer = error_line(identity_of(line), str(unusable))
        except PortalError as refused:
            self._status = 1
            answer = error_line(identity_of(line), str(refused))
        finally:
            self._slots.release()
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()

    async def _answered(self, line: bytes) -> str:
        if len(line) > LINE_BYTES_MAX:
            raise Unusable(f"the line is longer than {LINE_BYTES_MAX} bytes")
        request = read_request(line, self._files)
        facts, peers = await self._engine.probe_nexthop(request.nexthop, profiles=_chooser(request))
        return answer_line(request.identity, forecast(request, facts, peers, datetime.now(UTC)))


def _chooser(request: Request) -> Callable[[NexthopFacts, HostFacts], list[TlsProfile]]:
    return lambda facts, host: profiles_of(request, facts, host)


def _read(source: BinaryIO, lines: "asyncio.Queue[bytes | None]", loop: asyncio.AbstractEventLoop) -> None:
    """Put each line into *lines*, waiting while it is full; a line that is too long is cut, its rest dropped."""
    while line := source.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
            while rest := source.readline(LINE_BYTES_MAX):
                if rest.endswith(b"\n"):
                    break
        if line.strip():
            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
    asyncio.run_coroutine_threadsafe(lines.put(None), loop).result()
