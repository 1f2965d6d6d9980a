"""TLS over memory buffers, and the chain that the peer sent, as DER; no sockets here."""

import _ssl
import ssl
import weakref

from partners.core.observation import TlsFacts
from partners.probe.limits import Limits
from partners.probe.reply import TooMuch, cleaned

__all__ = ["SecureLayer", "TlsFailed", "note_requests"]

_DER = 2  # _ssl.ENCODING_DER
_READ_CHUNK = 16_384
_CERTIFICATE_REQUEST = 13  # RFC 8446 section 4
_HANDSHAKE_RECORD = 22
_EXCESSIVE = {"EXCESSIVE_MESSAGE_SIZE", "EXCEEDS_MAX_FRAGMENT_SIZE"}

_asked: "weakref.WeakSet[ssl.SSLObject]" = weakref.WeakSet()


class TlsFailed(Exception):
    """TLS ended with an error; the text is OpenSSL's reason."""


class SecureLayer:
    """The client side of TLS: `feed()` what came, send what `output()` returns after each call."""

    def __init__(self, context: ssl.SSLContext, servername: str, limits: Limits) -> None:
        self._limits = limits
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=servername or None)

    def feed(self, octets: bytes) -> None:
        """Take *octets* from the peer."""
        self._incoming.write(octets)

    def output(self) -> bytes:
        """Return what is to be sent now, once; after an error the alert, so that the peer's log tells why."""
        return self._outgoing.read()

    def shake(self) -> TlsFacts | None:
        """Go on with the handshake; None while more has to come. Errors: TlsFailed, TooMuch."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as failed:
            raise _told(failed) from failed
        return self._facts()

    def read(self) -> bytes | None:
        """Return what came under TLS, None while more has to come, b"" at the end. Errors: TlsFailed, TooMuch."""
        try:
            return self._tls.read(_READ_CHUNK)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as failed:
            raise _told(failed) from failed

    def write(self, octets: bytes) -> None:
        """Put *octets* under TLS. Errors: TlsFailed."""
        if not octets:
            return
        try:
            self._tls.write(octets)
        except ssl.SSLError as failed:
            raise _told(failed) from failed

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


def note_requests(context: ssl.SSLContext) -> None:
    """Let *context* remember which peers ask for a client certificate.

    ssl.SSLContext wraps the callback into one that makes enums of every number, thirty times in a handshake; the
    attribute of its base class does not.
    """
    base = _ssl._SSLContext  # noqa: SLF001
    base._msg_callback.__set__(context, _note)  # type: ignore[attr-defined]  # noqa: SLF001  the one way to see it


def _note(tls: ssl.SSLObject, direction: str, _version: int, content: int, kind: int, _octets: bytes) -> None:
    if kind == _CERTIFICATE_REQUEST and content == _HANDSHAKE_RECORD and direction == "read":
        _asked.add(tls)


def _told(failed: ssl.SSLError) -> TlsFailed | TooMuch:
    if failed.reason in _EXCESSIVE:
        return TooMuch(f"a message of the handshake is too large: {failed.reason}")
    return TlsFailed(cleaned(failed.reason or str(failed)))
