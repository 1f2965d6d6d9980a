"""The demo's mail servers: each speaks SMTP as far as STARTTLS and takes no mail."""

import asyncio
import contextlib
import ssl
from pathlib import Path

__all__ = ["Peer"]

LINE_MAX = 2048
PATIENCE_SECONDS = 60.0
COMMANDS_MAX = 50  # in one session


class Peer:
    """One mail server. papers: the file with its certificate and key, None for a peer without STARTTLS."""

    def __init__(self, mx_host: str, address: str, port: int, papers: Path | None, *, is_busy: bool = False) -> None:
        """Prepare; open() listens. is_busy: it says 421 to everybody."""
        self._mx_host, self._address, self._port = mx_host, address, port
        self._context = _context(papers) if papers else None
        self._is_busy = is_busy
        self._listener: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. Errors: OSError where somebody else does."""
        self._listener = await asyncio.start_server(self._talk, self._address, self._port, limit=LINE_MAX)

    def present(self, papers: Path) -> None:
        """Show another certificate from the next session on."""
        self._context = _context(papers)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError, TimeoutError):  # the client left, or sent no line
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet and answer commands."""
        context, is_secure = self._context, False
        if self._is_busy:
            await _say(writer, f"421 4.3.2 {self._mx_host} is too busy, come back later")
            return
        await _say(writer, f"220 {self._mx_host} ESMTP demo")
        for _turn in range(COMMANDS_MAX):
            async with asyncio.timeout(PATIENCE_SECONDS):
                line = await reader.readline()
            if not line:
                return
            verb = line.split(maxsplit=1)[0].upper() if line.strip() else b""
            if verb == b"STARTTLS" and context and not is_secure:
                await _say(writer, "220 2.0.0 Ready to start TLS")
                await writer.start_tls(context, ssl_handshake_timeout=PATIENCE_SECONDS)
                is_secure = True
                continue
            await _say(writer, self._reply(verb, offers_tls=bool(context) and not is_secure))
            if verb == b"QUIT":
                return

    def _reply(self, verb: bytes, *, offers_tls: bool) -> str:
        if verb == b"EHLO":
            names = [self._mx_host, "SIZE 10240000", *(["STARTTLS"] if offers_tls else []), "8BITMIME"]
            lines = [f"250-{name}" for name in names[:-1]]
            return "\r\n".join([*lines, f"250 {names[-1]}"])
        if verb in {b"HELO", b"NOOP", b"RSET"}:
            return f"250 {self._mx_host}"
        if verb == b"QUIT":
            return "221 2.0.0 Bye"
        if verb in {b"MAIL", b"RCPT", b"DATA"}:
            return "550 5.7.1 The demo takes no mail"
        return "502 5.5.1 Not known here"


async def _say(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(f"{text}\r\n".encode())
    await writer.drain()


def _context(papers: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers)
    return context
