"""A small HTTPS server on loopback that notes what it is asked and answers as told.

hook = httpsd(ca.leaf("localhost"))          # fixture-free: a context manager
hook.url("/path"), hook.requests, hook.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
"""

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit.ca import Certificate

__all__ = ["Hook", "Request", "httpsd"]

TAKEN = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """What somebody asked."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """The server. answer: what is sent; drip: seconds between its bytes; stays: the connection is left open."""

    port: int
    requests: list[Request] = field(default_factory=list)
    answer: bytes = TAKEN
    drip: float = 0.0
    stays: bool = False
    connections: int = 0

    def url(self, path: str = "/hook") -> str:
        """Return the address of *path* here."""
        return f"https://localhost:{self.port}{path}"


@contextlib.contextmanager
def httpsd(leaf: Certificate) -> Iterator[Hook]:
    """Run a server that shows *leaf* on a free port of 127.0.0.1."""
    with tempfile.TemporaryDirectory() as directory, socket.create_server(("127.0.0.1", 0)) as listener:
        files = leaf.write(Path(directory))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.chain, files.key)
        listener.settimeout(0.2)
        hook, stop = Hook(listener.getsockname()[1]), threading.Event()
        thread = threading.Thread(target=_accept, args=(listener, context, hook, stop), daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            stop.set()
            thread.join(timeout=10)


def _accept(listener: socket.socket, context: ssl.SSLContext, hook: Hook, stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(OSError):
            plain, _peer = listener.accept()
            hook.connections += 1
            plain.settimeout(10)
            with context.wrap_socket(plain, server_side=True) as peer:
                _answer(peer, hook, stop)


def _answer(peer: ssl.SSLSocket, hook: Hook, stop: threading.Event) -> None:
    raw = b""
    while b"\r\n\r\n" not in raw and (more := peer.recv(4096)):
        raw += more
    head, _blank, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")) and (more := peer.recv(4096)):
        body += more
    hook.requests.append(Request(first, headers, body))
    for byte in hook.answer if hook.drip else ():
        if stop.wait(hook.drip):
            return
        peer.sendall(bytes([byte]))
    if not hook.drip:
        peer.sendall(hook.answer)
    deadline = time.monotonic() + 10
    while hook.stays and not stop.is_set() and time.monotonic() < deadline:
        stop.wait(0.1)
