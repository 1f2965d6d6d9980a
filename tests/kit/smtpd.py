"""Scripted STARTTLS peers on real sockets: receiving MTAs for Postfix, and traps for probes.

    peer = smtpd.peer("198.18.0.1", leaf=ca.leaf("mx.example.com"))         # fixture `smtpd`; port 25 of the lab
    peer = smtpd.peer(script=Script(starttls_offered=False))                 # 127.0.0.1, a free port: needs no lab
    peer.port, peer.address, peer.visits, peer.messages, peer.commands       # what happened
    peer.wait_for_message(); peer.wait_for_visits(2)
    peer.present(renewed); peer.play(other_script)                           # from the next connection on
    peer.close()                                                             # connection refused from now on; reopen()
    smtpd.crowd(lambda address: Script(...), port=25)                        # one listener for every address of the lab

All peers of a process live on one asyncio loop in a thread of its own. Each connection is recorded as a Visit, from its
first byte; a dialogue ends with its client. See tests.kit.script for what a peer can do.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Self, TypeVar

from tests.kit.ca import Certificate
from tests.kit.script import Message, Say, Script, Tls, Visit, servername_of

Chooser = Callable[[str], Script | None]
T = TypeVar("T")

BACKLOG = 4096
LINE_LIMIT = 1 << 20
PATIENCE = 3  # a wait that ends well costs no more by it, and a machine may be busy
_GARBAGE = bytes(range(256))
_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # fatal handshake_failure (RFC 8446 section 6)


class Loop:
    """An asyncio loop in a thread of its own."""

    def __init__(self) -> None:
        """Start the thread."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="kit-smtpd", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* on the loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=30)

    def stop(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()


class Peer:
    """One listener and what it saw."""

    def __init__(self, loop: Loop, address: str, port: int, choose: Chooser) -> None:
        """Listen on *address* and *port*; port 0 takes a free one."""
        self.address, self.port = address, port
        self.visits: list[Visit] = []
        self.messages: list[Message] = []
        self._loop, self._choose = loop, choose
        self._news = threading.Condition()
        self._dialogues: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.reopen()

    @property
    def commands(self) -> list[str]:
        """Every command of every visit."""
        return [command for visit in list(self.visits) for command in visit.commands]

    @property
    def script(self) -> Script:
        """The script that the next connection gets."""
        script = self._choose(self.address)
        if script is None:
            raise LookupError(f"peer {self.address}: no script")
        return script

    def play(self, script: Script) -> None:
        """Follow *script* from the next connection on."""
        ready(script)
        self._choose = lambda _: script

    def present(self, leaf: Certificate, **tls: Any) -> None:
        """Present *leaf* from the next connection on; *tls* are further fields of Tls."""
        script = self.script
        self.play(replace(script, tls=replace(script.tls or Tls(leaf), leaf=leaf, **{"chain": None, **tls})))

    def wait_for_message(self, count: int = 1, timeout: float = 10.0) -> Message:
        """Return message number *count*, waiting for it."""
        self._wait(lambda: len(self.messages) >= count, timeout, f"{count} messages")
        return self.messages[count - 1]

    def wait_for_visits(self, count: int = 1, timeout: float = 10.0) -> list[Visit]:
        """Return the visits once *count* of them are over."""
        self._wait(lambda: sum(visit.finished for visit in self.visits) >= count, timeout, f"{count} visits")
        return self.visits

    def reopen(self) -> None:
        """Listen again."""
        self._loop.call(self._open())

    def close(self) -> None:
        """Stop listening and drop every connection."""
        self._loop.call(self._shut())

    def _wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        with self._news:
            if not self._news.wait_for(condition, timeout * PATIENCE):
                seen = f"{len(self.messages)} messages, {len(self.visits)} visits: {self.commands}"
                raise TimeoutError(f"peer {self.address}:{self.port}: no {what} in {timeout * PATIENCE} s; saw {seen}")

    async def _open(self) -> None:
        if self._listener is None:
            listener = _listening_socket(self.address, self.port)
            self.port = listener.getsockname()[1]
            self._listener = await asyncio.start_server(self._accept, sock=listener, limit=LINE_LIMIT, backlog=BACKLOG)

    async def _shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for dialogue in list(self._dialogues):
            dialogue.cancel()
        await asyncio.gather(*self._dialogues, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        local, remote = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        visit = Visit(remote[0] if remote else "", local[0], local[1])
        task = asyncio.current_task()
        if task is not None:
            self._dialogues.add(task)
            task.add_done_callback(self._dialogues.discard)
        with self._news:
            self.visits.append(visit)
        script = self._choose(local[0])
        try:
            if script is not None:
                await _Dialogue(self, script, visit, reader, writer).run()
        except (OSError, EOFError, ValueError):
            pass  # the client went away, or sent a line beyond LINE_LIMIT: the visit tells how far it came
        finally:
            if script is None:
                _reset(writer)
            writer.close()
            self._note(visit)

    def _note(self, visit: Visit) -> None:
        with self._news:
            visit.finished = True
            self._news.notify_all()

    def take(self, message: Message) -> None:
        """Keep *message* and wake who waits for it."""
        with self._news:
            self.messages.append(message)
            self._news.notify_all()


class Smtpd:
    """Makes peers and closes them together; a context manager."""

    def __init__(self, loop: Loop | None = None) -> None:
        """Use *loop*, or one of its own."""
        self._own = loop is None
        self._loop = loop or Loop()
        self.peers: list[Peer] = []

    def peer(
        self,
        address: str = "127.0.0.1",
        port: int | None = None,
        *,
        leaf: Certificate | None = None,
        script: Script | None = None,
    ) -> Peer:
        """Start a peer that follows *script* and presents *leaf*.

        port: default 25 on the lab's addresses, a free one on 127.0.0.1.
        """
        played = script or Script()
        if leaf is not None:
            played = replace(played, tls=replace(played.tls or Tls(leaf), leaf=leaf))
        ready(played)
        if port is None:
            port = 0 if address == "127.0.0.1" else 25
        return self._keep(Peer(self._loop, address, port, lambda _: played))

    def crowd(self, choose: Chooser, port: int = 25, *, address: str = "0.0.0.0") -> Peer:
        """Start one listener for every address ("0.0.0.0" or "::"); *choose* gives the script by local address.

        None as script resets the connection.
        """
        return self._keep(Peer(self._loop, address, port, choose))

    def close(self) -> None:
        """Close every peer."""
        for peer in self.peers:
            peer.close()
        if self._own:
            self._loop.stop()

    def __enter__(self) -> Self:
        """Return this factory."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every peer."""
        self.close()

    def _keep(self, peer: Peer) -> Peer:
        self.peers.append(peer)
        return peer


class _Dialogue:
    """One connection, from greeting to end."""

    def __init__(
        self, peer: Peer, script: Script, visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.peer, self.script, self.visit = peer, script, visit
        self.reader, self.writer = reader, writer
        self.sender, self.recipients = "", list[str]()

    async def run(self) -> None:
        """Greet and answer until either side ends it."""
        if self.script.implicit_tls and not await self.handshake():
            return
        if not await self.say(self.script.reply("GREETING", self.visit)):
            return
        while line := await self.reader.readline():
            command = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            self.visit.commands.append(command)
            if self.visit.tls_version:
                self.visit.tls_commands.append(command)
            if not await self.answer(command):
                return

    async def answer(self, command: str) -> bool:
        """Answer *command*; False ends the connection."""
        verb = command.split(" ", maxsplit=1)[0].upper()
        reply = self.script.reply(verb, self.visit)
        if not await self.say(reply) or verb == "QUIT":
            return False
        code = reply.octets[:1]
        if verb == "STARTTLS" and code == b"2" and not self.visit.tls_version:
            return await self.handshake()
        if verb == "MAIL" and code == b"2":
            self.sender, self.recipients = _path(command), []
        elif verb == "RCPT" and code == b"2":
            self.recipients.append(_path(command))
        elif verb == "DATA" and code == b"3":
            return await self.take_message()
        return True

    async def take_message(self) -> bool:
        """Read up to the final dot and keep the message if the reply to it is 2xx."""
        lines = []
        while (line := await self.reader.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        reply = self.script.reply("BODY", self.visit)
        if line and reply.octets[:1] == b"2":
            under_tls = bool(self.visit.tls_version)
            self.peer.take(Message(self.sender, tuple(self.recipients), b"".join(lines), under_tls, self.visit.address))
        return await self.say(reply)

    async def say(self, words: Say) -> bool:
        """Send *words* in their manner; False ends the connection."""
        await asyncio.sleep(words.delay)
        octets = words.octets
        step = words.fragment or max(len(octets), 1)
        while octets:
            for start in range(0, len(octets), step):
                self.writer.write(octets[start : start + step])
                await self.writer.drain()
                await asyncio.sleep(words.pause)
            if not words.repeat:
                break
        if words.then == "hang":
            await self.listen()
        elif words.then == "reset":
            self.reset()
        return not words.then

    async def listen(self) -> None:
        """Read until the client leaves, and never answer."""
        while octets := await self.reader.read(4096):
            self.visit.stray += octets

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        _reset(self.writer)

    async def handshake(self) -> bool:
        """Complete TLS, or spoil it as the script says; False ends the connection."""
        manner = self.script.handshake
        if manner == "complete" and self.script.tls is not None:
            return await self.start_tls(self.script.tls.context)
        if manner == "hang":
            await self.listen()
        elif manner != "close":
            await self.reader.read(1)  # the ClientHello has begun
            if manner == "reset":
                self.reset()
            else:
                spoiled = {"garbage": _GARBAGE, "plaintext": b"250 2.0.0 What was that?\r\n"}.get(manner, _ALERT)
                await self.say(Say(spoiled))
        return False

    async def start_tls(self, context: ssl.SSLContext) -> bool:
        """Speak TLS from now on and note what was agreed."""
        try:
            await self.writer.start_tls(context, ssl_handshake_timeout=60)
        except (ssl.SSLError, OSError) as cause:
            self.visit.tls_failure = str(cause) or type(cause).__name__
            return False
        tls: ssl.SSLObject = self.writer.get_extra_info("ssl_object")
        cipher = tls.cipher()
        self.visit.cipher = cipher[0] if cipher else ""
        self.visit.tls_version = tls.version() or ""
        self.visit.servername = servername_of(tls)
        self.visit.client_certificate = tls.getpeercert(binary_form=True) or b""
        return True


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port of *address* that nobody listens on."""
    with contextlib.closing(_listening_socket(address, 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until(condition: Callable[[], object], timeout: float, what: str) -> None:
    """Wait for *condition*, looking 50 times a second; TimeoutError names *what* if PATIENCE times *timeout* go by."""
    deadline = time.monotonic() + timeout * PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout * PATIENCE} s")
        time.sleep(0.02)


def ready(script: Script) -> Script:
    """Return *script* with its TLS contexts made: a certificate that OpenSSL cannot load fails in the test itself."""
    if script.tls is not None:
        script.tls.context  # noqa: B018
    return script


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _path(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]


def _listening_socket(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as cause:
        listener.close()
        raise OSError(cause.errno, f"peer {address}:{port}: {cause.strerror}") from cause
    return listener
