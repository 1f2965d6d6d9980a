"""Questions to one resolver over UDP: a few sockets shared by all lookups of an event loop.

A socket for each question would cost more than the question. Against forged answers the sockets are connected, their
ports are the kernel's random choice and change, the number of each message is random, and an answer counts only for the
very question that was asked.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

from partners.probe.dns_message import Malformed, Message, parse_message, query
from partners.probe.transport import Datagrams

__all__ = ["Questions"]

SOCKETS_MAX = 32
QUESTIONS_PER_SOCKET = 256  # then it is used no more, and closed with its last answer
AT_ONCE_PER_SOCKET = 16
AT_ONCE = 128  # more, and resolvers begin to drop them
AGAIN_SECONDS = 1.5  # a datagram may get lost: the same question is sent once more

_Pending = dict[int, tuple[bytes, "asyncio.Future[Message]"]]


@dataclass(slots=True, eq=False)
class _Source:
    """One socket and what is expected on it."""

    pending: _Pending = field(default_factory=dict)
    datagrams: Datagrams | None = None
    asked: int = 0

    def received(self, octets: bytes) -> None:
        """Give an answer to whoever asked; anything else is dropped."""
        try:
            message = parse_message(octets)
        except Malformed:
            return
        asked, answer = self.pending.get(message.number, (b"", None))
        if answer is not None and asked == message.question and not answer.done():
            answer.set_result(message)

    def failed(self, cause: OSError) -> None:
        """Tell all who wait: nobody listens there."""
        for _asked, answer in self.pending.values():
            if not answer.done():
                answer.set_exception(OSError(cause.errno, cause.strerror))


class Questions:
    """Asks the resolver at *address*, *port*."""

    def __init__(self, address: str, port: int) -> None:
        self._address, self._port = address, port
        self._sources: list[_Source] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Semaphore(AT_ONCE)

    async def ask(self, asked: bytes, *, seconds: float) -> Message:
        """Return the answer to *asked*. Errors: TimeoutError *seconds* after it was sent; OSError."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # what belongs to a loop that has ended is of no use
            self._loop, self._sources, self._room = loop, [], asyncio.Semaphore(AT_ONCE)
        async with self._room:
            return await self._asked(loop, asked, seconds)

    async def _asked(self, loop: asyncio.AbstractEventLoop, asked: bytes, seconds: float) -> Message:
        source = self._source()
        number = secrets.randbits(16)
        while number in source.pending:
            number = secrets.randbits(16)
        answer: asyncio.Future[Message] = loop.create_future()
        source.pending[number] = (asked.lower(), answer)
        source.asked += 1
        timer = loop.call_later(seconds, _give_up, answer)
        again: asyncio.TimerHandle | None = None
        try:
            if source.datagrams is None:
                source.datagrams = Datagrams(self._address, self._port, source)
            octets = query(number, asked)
            source.datagrams.send(octets)
            again = loop.call_later(AGAIN_SECONDS, _send_again, source, octets)
            return await answer
        finally:
            timer.cancel()
            if again is not None:
                again.cancel()
            del source.pending[number]
            self._retire(source)

    def _source(self) -> _Source:
        """Return a socket with room; a new one while there are few, else the least busy one."""
        usable = [source for source in self._sources if source.asked < QUESTIONS_PER_SOCKET]
        least = min(usable, key=lambda source: len(source.pending), default=None)
        if least is not None and (len(least.pending) < AT_ONCE_PER_SOCKET or len(usable) >= SOCKETS_MAX):
            return least
        fresh = _Source()
        self._sources.append(fresh)
        return fresh

    def _retire(self, source: _Source) -> None:
        """Close a socket that is idle: none stays open, and known, longer than there are questions."""
        if not source.pending:
            if source.datagrams is not None:
                source.datagrams.close()
            if source in self._sources:
                self._sources.remove(source)


def _send_again(source: _Source, octets: bytes) -> None:
    try:
        if source.datagrams is not None:
            source.datagrams.send(octets)
    except OSError as cause:
        source.failed(cause)


def _give_up(answer: "asyncio.Future[Message]") -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
