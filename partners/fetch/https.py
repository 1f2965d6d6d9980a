"""One guarded HTTPS request: the name is resolved once, the address is judged, and exactly that one is spoken to.

Nothing is followed, nothing is read for longer than a bound of time or size, and the certificate must fit the name.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from partners.core.errors import SettingsRefused, TemporaryFault
from partners.core.routable import Network, address_refusal
from partners.core.webhooks import PORTS, demand_url

__all__ = ["Reply", "Rules", "ask"]

REPLY_MAX: Final = 64 * 1024
SETTING: Final = "TLSPORTAL_NOTICE_NETWORKS"
_CHUNK: Final = 8192
_ADDRESSES_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """What the administrator allows. networks: beside the globally routable ones. ca_file: PEM, "" the system's CAs.

    seconds: for the whole request, from the connection to the last byte of the reply.
    """

    networks: Collection[Network] = ()
    ports: Collection[int] = PORTS
    ca_file: str = ""
    seconds: float = 10.0
    reply_max: int = REPLY_MAX


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. location: where a redirect points to; it is never followed."""

    status: int
    body: bytes = b""
    location: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def ask(method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str], rules: Rules) -> Reply:
    """Send one request and return the reply, whatever its status.

    Errors: SettingsRefused where the address may never be spoken to; TemporaryFault for the network, TLS and time.
    """
    parts = demand_url(url, ports=rules.ports)
    name, port = parts.hostname or "", parts.port or 443
    deadline = time.monotonic() + rules.seconds
    addresses = _allowed_addresses(name, port, rules)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = _request(method, target, name if port == 443 else f"{name}:{port}", body, headers)
    try:
        context = ssl.create_default_context(cafile=rules.ca_file or None)
        with (
            _connected(addresses, port, deadline) as plain,
            context.wrap_socket(plain, server_hostname=name) as peer,
        ):
            peer.settimeout(_left(deadline))
            peer.sendall(request)
            raw = _read(peer, deadline, rules.reply_max)
    except (OSError, ssl.SSLError) as cause:
        raise TemporaryFault(f"{name}:{port}", f"{type(cause).__name__}: {cause}", "it is tried again") from cause
    return _parsed(raw, f"{name}:{port}")


def _allowed_addresses(name: str, port: int, rules: Rules) -> list[str]:
    """Return the addresses of *name*, asked once; refused if any of them is: half an answer is a trap."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as cause:
        raise TemporaryFault(name, f"it has no address at present ({cause})", "it is tried again") from cause
    addresses = [str(row[4][0]) for row in found]
    for address in addresses:
        if why_not := address_refusal(address, networks=rules.networks, setting=SETTING):
            raise SettingsRefused(name, why_not)
    return addresses[:_ADDRESSES_MAX]


def _connected(addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
    """Return a connection to the first of *addresses* that takes one; names are not looked up again."""
    fault: OSError = TimeoutError("the request took too long")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=_left(deadline))
        except OSError as cause:
            fault = cause
    raise fault


def _request(method: str, target: str, authority: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    given = {
        "Host": authority,
        "User-Agent": "tlsportal",
        "Accept": "*/*",
        "Connection": "close",
        "Content-Length": str(len(body)),
        **headers,
    }
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    if any(set(line) & {"\r", "\n", "\0"} for line in lines):
        raise SettingsRefused(authority, "a header would hold a line break")
    return "\r\n".join([*lines, "", ""]).encode("ascii", "backslashreplace") + body


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the request took too long")
    return left


def _read(peer: ssl.SSLSocket, deadline: float, limit: int) -> bytes:
    """Return the raw reply, at most *limit* bytes of it, by the *deadline*: a server that drips gains nothing."""
    raw = b""
    while len(raw) < limit:
        peer.settimeout(_left(deadline))
        try:
            more = peer.recv(_CHUNK)
        except ssl.SSLEOFError:  # closed without close_notify, as many servers do
            break
        if not more:
            break
        raw += more
        if b"\r\n\r\n" in raw and _is_whole(raw):
            break
    return raw[:limit]


def _is_whole(raw: bytes) -> bool:
    """Whether the length that the reply gives has come in; some servers keep the connection open all the same."""
    head, _blank, body = raw.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name, _colon, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit() and len(value.strip()) < 10:
            return len(body) >= int(value)
    return head.startswith((b"HTTP/1.1 204", b"HTTP/1.0 204"))


class _Bytes:
    """What http.client takes for a socket."""

    def __init__(self, raw: bytes) -> None:
        self._file = io.BytesIO(raw)

    def makefile(self, *_mode: object) -> io.BytesIO:
        """Return the bytes as a file."""
        return self._file


def _parsed(raw: bytes, subject: str) -> Reply:
    reply = http.client.HTTPResponse(cast("socket.socket", _Bytes(raw)))
    try:
        reply.begin()
        body = reply.read()
    except http.client.IncompleteRead as cause:  # cut at the limit
        body = cause.partial
    except (http.client.HTTPException, ValueError, OverflowError) as cause:  # the last: a size beyond all memory
        raise TemporaryFault(subject, "it answers no HTTP", "it is tried again") from cause
    headers = {name.lower(): value for name, value in reply.getheaders()}
    return Reply(reply.status, body, headers.get("location", ""), headers)
