"""TLS over memory buffers, and the chain that the peer sent, as DER."""

import ssl
import weakref
from typing import Any

from partners.core.observation import TlsFacts
from partners.probe.limits import Limits
from partners.probe.reply import TooMuch, cleaned
from partners.probe.transport import READ_CHUNK, Wire

__all__ = ["PeerClosed", "SecureWire", "TlsFailed"]

_DER = 2  # _ssl.ENCODING_DER
_CERTIFICATE_REQUEST = 13  # RFC 8446 section 4
_EXCESSIVE = {"EXCESSIVE_MESSAGE_SIZE", "EXCEEDS_MAX_FRAGMENT_SIZE"}

_asked: "weakref.WeakSet[ssl.SSLObject]" = weakref.WeakSet()


class PeerClosed(Exception):
    """The peer closed the connection before it was its turn."""


class TlsFailed(Exception):
    """TLS ended with an error; the text is OpenSSL's reason."""


class SecureWire:
    """TLS on top of a Wire; `shake()` first, then read and write."""

    def __init__(self, wire: Wire, context: ssl.SSLContext, servername: str, limits: Limits) -> None:
        self._wire, self._limits = wire, limits
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context._msg_callback = _note  # type: ignore[attr-defined]  # noqa: SLF001  the one way to see a request
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=servername or None)

    async def shake(self) -> TlsFacts:
        """Make the handshake. Errors: TlsFailed, PeerClosed, TooMuch, OSError."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._refill()
            except ssl.SSLError as failed:
                await self._flush()  # the alert, so that the peer's log tells why
                raise _told(failed) from failed
        await self._flush()
        return self._facts()

    async def read(self) -> bytes:
        """Return what came under TLS, b"" at the end. Errors: TlsFailed, TooMuch, OSError."""
        while True:
            try:
                return self._tls.read(READ_CHUNK)
            except ssl.SSLWantReadError:
                try:
                    await self._refill()
                except PeerClosed:
                    return b""
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as failed:
                raise _told(failed) from failed

    async def write(self, octets: bytes) -> None:
        """Send *octets* under TLS. Errors: TlsFailed, OSError."""
        if octets:
            try:
                self._tls.write(octets)
            except ssl.SSLError as failed:
                raise _told(failed) from failed
            await self._flush()

    async def _refill(self) -> None:
        await self._flush()
        octets = await self._wire.read()
        if not octets:
            raise PeerClosed
        self._incoming.write(octets)

    async def _flush(self) -> None:
        await self._wire.write(self._outgoing.read())

    def _facts(self) -> TlsFacts:
        chain = chain_of(self._tls)
        if len(chain) > self._limits.chain_certificates:
            raise TooMuch(f"a chain of {len(chain)} certificates; {self._limits.chain_certificates} are read")
        if sum(map(len, chain)) > self._limits.chain_bytes:
            raise TooMuch(f"a chain of more than {self._limits.chain_bytes} bytes")
        cipher = self._tls.cipher()
        return TlsFacts(self._tls.version() or "", cipher[0] if cipher else "", chain, self._tls in _asked)


def chain_of(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates as the peer sent them, leaf first; empty where it is anonymous.

    Python 3.13 made get_unverified_chain() public and lets it return DER; before, it returns _ssl.Certificate.
    """
    if hasattr(tls, "get_unverified_chain"):
        return tuple(tls.get_unverified_chain() or ())
    sent = tls._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # noqa: SLF001
    return tuple(certificate.public_bytes(_DER) for certificate in sent)


def _note(tls: ssl.SSLObject, direction: str, _version: Any, _content: Any, kind: Any, _octets: bytes) -> None:
    """Remember that the peer asked for a client certificate."""
    if direction == "read" and kind == _CERTIFICATE_REQUEST:
        _asked.add(tls)


def _told(failed: ssl.SSLError) -> TlsFailed | TooMuch:
    if failed.reason in _EXCESSIVE:
        return TooMuch(f"a message of the handshake is too large: {failed.reason}")
    return TlsFailed(cleaned(failed.reason or str(failed)))
