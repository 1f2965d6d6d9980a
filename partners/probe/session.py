"""One session with one address, from connect to QUIT; what was seen, or why nothing was.

A definite answer is a fact: a 5xx, a refused STARTTLS, a handshake that fails. What may be otherwise in a minute is
"not measured": silence, a refused connection, a 4xx before TLS was spoken of. Once the handshake is done the chain is
kept, whatever happens after it (TLS 1.3 tells only then that a client certificate is required).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from partners.core.observation import PERMISSIVE, NotMeasured, NotMeasuredCause, PeerFacts, Stage, TlsFacts, TlsProfile
from partners.probe.dialogue import CLOSING, Dialogue, Want
from partners.probe.handshake import PeerClosed, SecureWire, TlsFailed
from partners.probe.limits import Limits
from partners.probe.profiles import Contexts
from partners.probe.reply import TooMuch, cleaned
from partners.probe.transport import Wire

__all__ = ["Outcome", "Progress", "Session", "SessionSettings", "Target"]

Outcome = PeerFacts | NotMeasured


@dataclass(frozen=True, slots=True)
class Target:
    """What to probe: the nominal port stays in the facts, whatever a port map makes of it."""

    address: str
    port: int
    profile: TlsProfile = PERMISSIVE


Progress = Callable[[Target, Stage], None]


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What all sessions of an engine have in common. port_map: (address, nominal port) -> port; for a demo only."""

    limits: Limits
    contexts: Contexts
    ehlo_name: str
    source: str
    port_map: dict[tuple[str, int], int]
    clock: Callable[[], datetime]


class Session:
    """A session to be run once."""

    def __init__(self, target: Target, settings: SessionSettings, progress: Progress) -> None:
        self._target, self._settings, self._progress = target, settings, progress
        self._limits = settings.limits
        self._dialogue = Dialogue(settings.ehlo_name, settings.limits)
        self._stage = Stage.CONNECT
        self._tls: TlsFacts | None = None
        self._seen_at = settings.clock()
        self._begun = time.monotonic()

    async def run(self) -> Outcome:
        """Return what was seen. Takes limits.session at most; whatever the peer does is no exception."""
        try:
            async with asyncio.timeout(self._limits.session.total_seconds()):
                await self._talk()
        except TimeoutError:
            connecting = self._stage is Stage.CONNECT
            return self._broken(NotMeasuredCause.CONNECT_TIMEOUT if connecting else NotMeasuredCause.TIMEOUT, "timeout")
        except TooMuch as much:
            return self.not_measured(NotMeasuredCause.TOO_MUCH, str(much))
        except TlsFailed as failed:
            return self._facts(stop="tls", tls_error=str(failed))
        except (PeerClosed, OSError) as closed:
            return self._broken(self._cause(closed), "closed", _words(closed))
        if self._dialogue.is_temporary:
            seen = self._dialogue.seen
            code, text = seen.ehlo_code or seen.greeting_code, seen.ehlo_text or seen.greeting_text
            return self.not_measured(NotMeasuredCause.TEMPORARY_REPLY, f"{code} {text}")
        return self._facts(stop=self._dialogue.stop)

    def not_measured(self, cause: NotMeasuredCause, detail: str = "") -> NotMeasured:
        """Return that nothing is known, and how far the session came."""
        target = self._target
        return NotMeasured(
            address=target.address,
            port=target.port,
            profile=target.profile,
            tried_at=self._seen_at,
            cause=cause,
            stage=self._stage,
            detail=cleaned(detail),
            duration_ms=self._duration_ms(),
        )

    async def _talk(self) -> None:
        self._progress(self._target, Stage.CONNECT)
        settings, target = self._settings, self._target
        port = settings.port_map.get((target.address, target.port), target.port)
        try:
            wire = await Wire.connect(target.address, port, source=settings.source, limits=self._limits)
        except ConnectionResetError:
            self._enter(Stage.GREETING)  # the kernel refuses with ECONNREFUSED: this one had accepted
            raise
        try:
            self._enter(Stage.GREETING)
            await self._converse(wire, self._limits.greeting)
            if self._dialogue.want is Want.TLS:
                context = settings.contexts.of(target.profile)
                secure = SecureWire(wire, context, target.profile.servername, self._limits)
                async with asyncio.timeout(self._limits.handshake.total_seconds()):
                    self._tls = await secure.shake()
                self._dialogue.tls_is_up()
                self._enter(self._dialogue.stage)
                await self._converse(secure, self._limits.reply)
        finally:
            wire.close()

    async def _converse(self, wire: Wire | SecureWire, patience: timedelta) -> None:
        """Exchange lines until the dialogue wants something else; each stage has its own time."""
        deadline = self._deadline(patience)
        while self._dialogue.want is Want.READ:
            async with asyncio.timeout_at(deadline):
                await wire.write(self._dialogue.output())
                octets = await wire.read()
            if not octets:
                raise PeerClosed
            self._dialogue.receive(octets)
            if self._dialogue.stage is not self._stage:
                self._enter(self._dialogue.stage)
                deadline = self._deadline(self._limits.reply)
        if self._dialogue.want is Want.CLOSE:
            await self._leave(wire)

    async def _leave(self, wire: Wire | SecureWire) -> None:
        """Say QUIT and wait a moment for the answer; it counts only after a 421 to STARTTLS.

        There a peer that stays gets the message in plaintext at level may, and one that closes does not.
        """
        answer = b""
        with contextlib.suppress(TimeoutError, TooMuch, TlsFailed, PeerClosed, OSError):
            async with asyncio.timeout(self._limits.quit.total_seconds()):
                await wire.write(self._dialogue.output())
                answer = await wire.read()
        if not answer and self._stage is Stage.STARTTLS and self._dialogue.seen.starttls_code == CLOSING:
            self._dialogue.stop = "closed"

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._progress(self._target, stage)

    def _broken(self, cause: NotMeasuredCause, stop: str, detail: str = "") -> Outcome:
        """Return what an end without a word of the peer means at this stage.

        A peer that agrees to STARTTLS and closes in the handshake has answered: OpenSSL's peers often drop a client
        whose versions or ciphers they do not take, without an alert.
        """
        if self._tls is not None:
            return self._facts(stop=stop)
        if self._stage is Stage.HANDSHAKE and stop == "closed":
            return self._facts(stop=stop, tls_error=detail or "the connection was closed in the handshake")
        return self.not_measured(cause, detail or f"at {self._stage.value}")

    def _cause(self, closed: Exception) -> NotMeasuredCause:
        if self._stage is not Stage.CONNECT:
            return NotMeasuredCause.CLOSED
        refused = isinstance(closed, ConnectionRefusedError)
        return NotMeasuredCause.CONNECT_REFUSED if refused else NotMeasuredCause.UNREACHABLE

    def _facts(self, *, stop: str, tls_error: str = "") -> PeerFacts:
        return PeerFacts(
            address=self._target.address,
            port=self._target.port,
            profile=self._target.profile,
            seen_at=self._seen_at,
            ended=self._stage,
            stop=stop,
            tls=self._tls,
            tls_error=tls_error,
            duration_ms=self._duration_ms(),
            **asdict(self._dialogue.seen),
        )

    def _deadline(self, patience: timedelta) -> float:
        return asyncio.get_running_loop().time() + patience.total_seconds()

    def _duration_ms(self) -> int:
        return round((time.monotonic() - self._begun) * 1000)


def _words(cause: Exception) -> str:
    return (cause.strerror or str(cause)) if isinstance(cause, OSError) else ""
