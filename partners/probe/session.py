"""One session with one address, from connect to QUIT; what was seen, or why nothing was.

A definite answer is a fact: a 5xx, a refused STARTTLS, a handshake that fails. What may be otherwise in a minute is
"not measured": silence, a refused connection, a 4xx before TLS was spoken of. Once the handshake is done the chain is
kept, whatever happens after it (TLS 1.3 tells only then that a client certificate is required).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from partners.core.observation import PERMISSIVE, NotMeasured, NotMeasuredCause, PeerFacts, Stage, TlsFacts, TlsProfile
from partners.probe.dialogue import Dialogue, Seen, Want
from partners.probe.handshake import SecureLayer, TlsFailed
from partners.probe.limits import Limits
from partners.probe.manner import USUAL, Manner
from partners.probe.profiles import Contexts
from partners.probe.reply import TooMuch, cleaned
from partners.probe.transport import Wire

__all__ = ["Outcome", "Progress", "Session", "SessionSettings", "Target"]

Outcome = PeerFacts | NotMeasured


class PeerClosed(Exception):
    """The peer closed the connection before it was its turn."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to probe, and as whom: the nominal port stays in the facts, whatever a port map makes of it."""

    address: str
    port: int
    profile: TlsProfile = PERMISSIVE
    manner: Manner = USUAL


Progress = Callable[[Target, Stage], None]
_REPLIES = tuple(field.name for field in fields(Seen))


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
    """A session to be run once. It is the owner of its Wire, whose callbacks move it from stage to stage."""

    def __init__(self, target: Target, settings: SessionSettings, progress: Progress) -> None:
        self._target, self._settings, self._progress = target, settings, progress
        self._limits = target.manner.limited(settings.limits)
        self._dialogue = Dialogue(
            settings.ehlo_name, self._limits, wrapper=target.profile.wrapper, manner=target.manner
        )
        self._stage = Stage.CONNECT
        self._tls: TlsFacts | None = None
        self._secure: SecureLayer | None = None
        self._is_leaving = False
        self._timer: asyncio.TimerHandle | None = None
        self._seen_at = settings.clock()
        self._begun = time.monotonic()

    async def run(self) -> Outcome:
        """Return what was seen. Takes limits.session at most; whatever the peer does is no exception."""
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[Outcome] = self._loop.create_future()
        self._wire = Wire(self, self._limits)
        self._last_moment = self._loop.time() + self._limits.session.total_seconds()
        self._wait(self._limits.connect)
        try:
            self._progress(self._target, Stage.CONNECT)
            target = self._target
            port = self._settings.port_map.get((target.address, target.port), target.port)
            self._wire.connect(target.address, port, source=self._settings.source)
            return await self._done
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._wire.close()

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

    def connected(self) -> None:
        """Wait for the greeting, or begin with the handshake where TLS comes first."""
        if self._target.profile.wrapper:
            self._enter(Stage.HANDSHAKE)
            self._begin_tls()
            return
        self._enter(Stage.GREETING)
        self._wait(self._limits.greeting)

    def received(self, octets: bytes) -> None:
        """Move as far as *octets* lead. Errors: TooMuch, TlsFailed, PeerClosed."""
        if self._is_leaving:
            self._leave(octets)
        elif not octets:
            raise PeerClosed
        elif self._secure is None:
            self._hear(octets)
        else:
            self._secure.feed(octets)
            if self._tls is None:
                self._shake(self._secure)
            else:
                self._decipher(self._secure)

    def failed(self, cause: Exception) -> None:
        """End the session with what *cause* means at this stage; a crash of ours goes to the job wrapper."""
        if self._done.done():
            return
        match cause:
            case _ if self._is_leaving and isinstance(cause, TooMuch | TlsFailed | OSError):
                self._finish()
            case TooMuch():
                self._done.set_result(self.not_measured(NotMeasuredCause.TOO_MUCH, str(cause)))
            case TlsFailed():
                self._done.set_result(self._facts(stop="tls", tls_error=str(cause)))
            case PeerClosed() | OSError():
                if self._stage is Stage.CONNECT and isinstance(cause, ConnectionResetError):
                    self._enter(Stage.GREETING)  # the kernel refuses with ECONNREFUSED: this one had accepted
                self._done.set_result(self._broken(self._cause(cause), "closed", _words(cause)))
            case _:
                self._done.set_exception(cause)

    def _hear(self, octets: bytes) -> None:
        """Let the dialogue take *octets*, in plaintext or deciphered, and do what it wants next."""
        dialogue = self._dialogue
        dialogue.receive(octets)
        if dialogue.stage is not self._stage:
            self._enter(dialogue.stage)
            self._wait(self._limits.starttls if dialogue.stage is Stage.STARTTLS else self._limits.reply)
        elif self._target.manner.helo and self._stage in {Stage.GREETING, Stage.EHLO}:
            self._wait(self._limits.reply)  # the relay's patience, which each read has anew
        self._say(dialogue.output())
        if dialogue.want is Want.TLS:
            self._begin_tls()
        elif dialogue.want is Want.CLOSE:
            self._is_leaving = True
            self._wait(self._limits.quit)

    def _say(self, octets: bytes) -> None:
        if self._secure is not None:
            self._secure.write(octets)
            octets = self._secure.output()
        self._wire.send(octets)

    def _begin_tls(self) -> None:
        profile = self._target.profile
        context = self._settings.contexts.of(profile, self._target.manner.certificates)
        self._secure = SecureLayer(context, profile.servername, self._limits)
        self._wait(self._limits.handshake)
        self._shake(self._secure)

    def _shake(self, secure: SecureLayer) -> None:
        """Go on with the handshake; at its end say EHLO again, in one segment with its last message.

        Where TLS comes first, the greeting is awaited instead.
        """
        try:
            self._tls = secure.shake()
        except TlsFailed:
            self._wire.send(secure.output())
            raise
        if self._tls is None:
            self._wire.send(secure.output())
            return
        if not self._target.profile.wrapper:
            self._dialogue.tls_is_up()
        self._enter(self._dialogue.stage)
        self._wait(self._limits.greeting if self._target.profile.wrapper else self._limits.reply)
        self._say(self._dialogue.output())
        self._decipher(secure)

    def _decipher(self, secure: SecureLayer) -> None:
        """Read all that came under TLS."""
        while not self._is_leaving and (octets := secure.read()) is not None:
            if not octets:
                raise PeerClosed
            self._hear(octets)

    def _leave(self, octets: bytes) -> None:
        """Take the answer to QUIT, or the end."""
        if octets and self._secure is not None:
            self._secure.feed(octets)
            if self._secure.read() is None:
                return
        self._finish()

    @property
    def _is_refused(self) -> bool:
        """Whether the peer refused STARTTLS and has not answered NOOP: one that stays gets the message in plaintext at
        level may, and one that closes does not. Silence is no end, however late a busy peer answers.
        """
        return self._stage is Stage.STARTTLS and bool(self._dialogue.seen.starttls_code)

    def _finish(self) -> None:
        dialogue = self._dialogue
        if dialogue.is_temporary and self._tls is None:
            seen = dialogue.seen
            code, text = seen.ehlo_code or seen.greeting_code, seen.ehlo_text or seen.greeting_text
            self._done.set_result(self.not_measured(NotMeasuredCause.TEMPORARY_REPLY, f"{code} {text}"))
        else:
            self._done.set_result(self._facts(stop=dialogue.stop))
        self._wire.close()

    def _wait(self, patience: timedelta) -> None:
        """Give the stage that begins now *patience*, within that of the session.

        A timer that is set for earlier looks again then; only one that would come too late is set anew.
        """
        self._deadline = min(self._loop.time() + patience.total_seconds(), self._last_moment)
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        """End what took too long; one timer serves all stages, and is set again where the deadline has moved."""
        if self._done.done():
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look_at_the_clock)
        elif self._is_leaving:
            self._finish()
        elif self._is_refused:
            self._done.set_result(self._facts(stop="reply"))
        else:
            connecting = self._stage is Stage.CONNECT
            cause = NotMeasuredCause.CONNECT_TIMEOUT if connecting else NotMeasuredCause.TIMEOUT
            self._done.set_result(self._broken(cause, "timeout"))

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._progress(self._target, stage)

    def _broken(self, cause: NotMeasuredCause, stop: str, detail: str = "") -> Outcome:
        """Return what an end without a word of the peer means at this stage.

        A peer that agrees to STARTTLS and closes in the handshake has answered: OpenSSL's peers often drop a client
        whose versions or ciphers they do not take, without an alert.
        """
        if self._tls is not None or self._is_refused:
            return self._facts(stop=stop)
        if self._stage is Stage.HANDSHAKE and stop == "closed":
            return self._facts(stop=stop, tls_error=detail or "the connection was closed in the handshake")
        manner = self._target.manner
        waited = ", waited for as long as Postfix does" if stop == "timeout" and manner.is_patient else ""
        return self.not_measured(cause, detail or f"at {self._stage.value}{waited}")

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
            **{name: getattr(self._dialogue.seen, name) for name in _REPLIES},
        )

    def _duration_ms(self) -> int:
        return round((time.monotonic() - self._begun) * 1000)


def _words(cause: Exception) -> str:
    return (cause.strerror or str(cause)) if isinstance(cause, OSError) else ""
