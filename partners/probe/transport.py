"""TCP, and UDP for the DNS: the only file of the probe that opens a socket. What one peer may send is counted here.

A Wire has no task and no buffer of its own: it tells its owner what happens, from the loop's callbacks. A thousand open
connections so cost little more than their sockets.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from partners.probe.limits import Limits
from partners.probe.reply import TooMuch

__all__ = ["READ_CHUNK", "Datagrams", "Listener", "Owner", "Wire", "exchange"]

READ_CHUNK = 16_384
DATAGRAM_OCTETS_MAX = 65_535
DATAGRAMS_AT_ONCE = 64


class Owner(Protocol):
    """Whoever a Wire reports to. What a callback raises goes to `failed`."""

    def connected(self) -> None:
        """The connection is there."""

    def received(self, octets: bytes) -> None:
        """Some bytes came; b"" where the peer has closed."""

    def failed(self, cause: Exception) -> None:
        """It ended with OSError, TooMuch, or whatever a callback raised; nothing more is told."""


class Wire:
    """A connection that gives bytes as they come and stops a peer that sends too many."""

    def __init__(self, owner: Owner, limits: Limits) -> None:
        self._owner, self._limits = owner, limits
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._number = -1
        self._unsent = b""
        self._received = 0

    def connect(self, address: str, port: int, *, source: str) -> None:
        """Begin to connect to *address*, from *source* where that is of the same family.

        The address was allowed by the caller.
        """
        self._guarded(lambda: self._begin(address, port, source))

    def send(self, octets: bytes) -> None:
        """Send *octets*, later what does not go at once. Errors: OSError."""
        if self._socket is None or not octets:
            return
        if self._unsent:
            self._unsent += octets
            return
        try:
            sent = self._socket.send(octets)
        except BlockingIOError:
            sent = 0
        if sent < len(octets):
            self._unsent = octets[sent:]
            self._loop.add_writer(self._number, self._guarded, self._flush)

    def close(self) -> None:
        """End the connection at once; nothing is owed to the peer any more."""
        if self._socket is not None:
            self._loop.remove_writer(self._number)
            self._loop.remove_reader(self._number)
            self._socket.close()
            self._socket = None

    def _begin(self, address: str, port: int, source: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._number = self._socket.fileno()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source and (":" in source) == (":" in address):
            self._socket.bind((source, 0))
        try:
            self._socket.connect((address, port))
        except BlockingIOError:
            self._loop.add_writer(self._number, self._guarded, self._decided)
        else:
            self._established()

    def _decided(self) -> None:
        """Learn how the attempt to connect ended."""
        if self._socket is None:
            return
        self._loop.remove_writer(self._number)
        if number := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number))
        self._established()

    def _established(self) -> None:
        self._loop.add_reader(self._number, self._guarded, self._read)
        self._owner.connected()

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            octets = self._socket.recv(READ_CHUNK)
        except BlockingIOError:
            return
        self._received += len(octets)
        if self._received > self._limits.session_bytes:
            raise TooMuch(f"more than {self._limits.session_bytes} bytes in one session")
        if not octets:
            self._loop.remove_reader(self._number)  # it would be told again and again
        self._owner.received(octets)

    def _flush(self) -> None:
        if self._socket is None:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._loop.remove_writer(self._number)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Let no exception get lost in the loop: the owner's job wrapper tells a crash from what a peer did."""
        try:
            step()
        except Exception as cause:  # noqa: BLE001  part of the job wrapper of engine.py: the owner passes it on
            self.close()
            self._owner.failed(cause)


class Listener(Protocol):
    """Whoever Datagrams report to."""

    def received(self, octets: bytes) -> None:
        """One datagram came."""

    def failed(self, cause: OSError) -> None:
        """The kernel was told that nobody takes them."""


class Datagrams:
    """A UDP socket connected to one resolver, with a port of the kernel's choice."""

    def __init__(self, address: str, port: int, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
        self._socket: socket.socket | None = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect((address, port))
        except OSError:
            self._socket.close()
            raise
        self._number = self._socket.fileno()
        self._loop.add_reader(self._number, self._read)

    def send(self, octets: bytes) -> None:
        """Send one datagram; what the kernel has no room for is lost, as it may be on the way. Errors: OSError."""
        if self._socket is not None:
            with contextlib.suppress(BlockingIOError):
                self._socket.send(octets)

    def close(self) -> None:
        """End it."""
        if self._socket is not None:
            self._loop.remove_reader(self._number)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        """Take what is there, so that one wake-up serves many answers."""
        for _number in range(DATAGRAMS_AT_ONCE):
            if self._socket is None:
                return
            try:
                octets = self._socket.recv(DATAGRAM_OCTETS_MAX)
            except BlockingIOError:
                return
            except OSError as cause:
                self._listener.failed(cause)
                return
            self._listener.received(octets)


async def exchange(address: str, port: int, octets: bytes, *, seconds: float) -> bytes:
    """Send a DNS message over TCP and return the answer (RFC 7766 section 8).

    Errors: TimeoutError, OSError, EOFError.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as opened:
        async with asyncio.timeout(seconds):
            await loop.sock_connect(opened, (address, port))
            await loop.sock_sendall(opened, len(octets).to_bytes(2, "big") + octets)
            received = bytearray()
            while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2], "big"):
                part = await loop.sock_recv(opened, READ_CHUNK)
                if not part:
                    raise EOFError("the resolver closed before its answer was whole")
                received += part
    return bytes(received[2 : 2 + int.from_bytes(received[:2], "big")])
