"""The workers as the first process sees them: forked, fed as far as each has room, listened to, and ended."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

from partners.management.jsonl.worker import LENGTH

__all__ = ["Crew", "Hand"]

READ_CHUNK = 262_144


@dataclass(slots=True)
class Hand:
    """One worker. room: how many lines it may have at once; unsent: bytes on their way to it;
    watched: what the selector is told to look for.
    """

    number: int
    pipe: socket.socket
    room: int
    unsent: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    under_way: int = 0
    watched: int = 0

    def give(self, line: bytes) -> None:
        """Put *line* on its way to the worker; `push()` sends it."""
        self.under_way += 1
        self.unsent += LENGTH.pack(len(line)) + line

    def push(self) -> None:
        """Send what goes now. Errors: EOFError where the worker has ended."""
        while self.unsent:
            try:
                sent = self.pipe.send(self.unsent)
            except BlockingIOError:
                return
            except ConnectionError as cause:
                raise EOFError from cause
            del self.unsent[:sent]

    def answers(self) -> Iterator[bytes]:
        """Yield the answers that have come, each with its mark. Errors: EOFError where the worker has ended."""
        try:
            octets = self.pipe.recv(READ_CHUNK)
        except BlockingIOError:
            return
        except ConnectionError as cause:
            raise EOFError from cause
        if not octets:
            raise EOFError
        self.heard += octets
        place = 0
        while len(self.heard) - place >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self.heard, place)
            if len(self.heard) - place - LENGTH.size < length:
                break
            place += LENGTH.size
            yield bytes(self.heard[place : place + length])
            place += length
            self.under_way -= 1
        del self.heard[:place]


class Crew:
    """All workers of a run; leaving the context ends them, whatever happened."""

    def __init__(self, count: int, concurrency: int, work: Callable[[int, socket.socket], None]) -> None:
        self.hands: list[Hand] = []
        sys.stdout.flush()
        sys.stderr.flush()
        for place in range(count):
            room = concurrency // count + (place < concurrency % count)
            self.hands.append(self._forked(place, room, work))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for hand in self.hands:
            hand.pipe.close()
        for hand in self.hands:
            os.waitpid(hand.number, 0)

    @property
    def freest(self) -> Hand | None:
        """The worker with the most room; None where all have as much as they may."""
        hand = max(self.hands, key=lambda one: one.room - one.under_way)
        return hand if hand.under_way < hand.room else None

    @property
    def is_idle(self) -> bool:
        """Whether no line is under way."""
        return not any(hand.under_way for hand in self.hands)

    def _forked(self, place: int, room: int, work: Callable[[int, socket.socket], None]) -> Hand:
        ours, theirs = socket.socketpair()
        number = os.fork()
        if number:
            theirs.close()
            ours.setblocking(False)
            return Hand(number, ours, room)
        status = 1
        try:
            ours.close()
            for hand in self.hands:
                hand.pipe.close()  # else the pipe of another worker would not end with the first process
            work(place, theirs)
            status = 0
        finally:
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            sys.stderr.flush()
            os._exit(status)
        raise AssertionError("not reached")
