"""TCP: the only file of the probe that opens a socket. What one peer may send is counted here."""

import asyncio
import contextlib
from ipaddress import ip_address

from partners.probe.limits import Limits
from partners.probe.reply import TooMuch

__all__ = ["Wire"]

READ_CHUNK = 16_384


class Wire:
    """A connection that gives bytes as they come and stops a peer that sends too many."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits) -> None:
        self._reader, self._writer, self._limits = reader, writer, limits
        self._received = 0

    @classmethod
    async def connect(cls, address: str, port: int, *, source: str, limits: Limits) -> "Wire":
        """Connect to *address*, from *source* where that is of the same family.

        Errors: TimeoutError after limits.connect; OSError as the kernel says. The address was allowed by the caller.
        """
        same_family = bool(source) and ip_address(source).version == ip_address(address).version
        async with asyncio.timeout(limits.connect.total_seconds()):
            reader, writer = await asyncio.open_connection(
                address, port, limit=READ_CHUNK, local_addr=(source, 0) if same_family else None
            )
        return cls(reader, writer, limits)

    async def read(self) -> bytes:
        """Return what came, b"" at the end. Errors: TooMuch, OSError."""
        octets = await self._reader.read(READ_CHUNK)
        self._received += len(octets)
        if self._received > self._limits.session_bytes:
            raise TooMuch(f"more than {self._limits.session_bytes} bytes in one session")
        return octets

    async def write(self, octets: bytes) -> None:
        """Send *octets*. Errors: OSError."""
        if octets:
            self._writer.write(octets)
            await self._writer.drain()

    def close(self) -> None:
        """End the connection at once; nothing is owed to the peer any more."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.transport.abort()
