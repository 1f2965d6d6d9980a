"""The probe's side of an SMTP session as a state table: greeting, EHLO, STARTTLS, EHLO under TLS, QUIT; never MAIL.

A refused STARTTLS is followed by NOOP: whether the peer closes then decides what becomes of a message at level may.
No sockets and no clock. The caller passes bytes in, sends what `output()` returns, and looks at `want`:

    want READ      read more, or give up when the time of `stage` is over
    want TLS       the peer agreed to STARTTLS: make the handshake, then call `tls_is_up()`
    want CLOSE     all is said; `seen` tells what was learned, `stop` is "reply" where a reply ended it early

Source: smtp_helo() in src/smtp/smtp_proto.c.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from partners.core.observation import Stage
from partners.probe.limits import Limits
from partners.probe.manner import USUAL, Manner
from partners.probe.reply import Reply, ReplyParser, cleaned

__all__ = ["Dialogue", "Seen", "Want"]

_FEATURES_MAX = 64
_AFTER_CODE = re.compile(rb"[- ]")
_KEYWORD_END = re.compile(rb"[ \t=]")
_PIX = b"20 *"
_CLOSING = 421  # RFC 5321 section 3.8: the peer will close, whatever was asked


class Want(Enum):
    """What the dialogue needs next."""

    READ = "read"
    TLS = "tls"
    CLOSE = "close"


@dataclass(slots=True)
class Seen:
    """What the replies said; the names are those of PeerFacts."""

    greeting_code: int = 0
    greeting_text: str = ""
    esmtp: bool = True
    ehlo_code: int = 0
    ehlo_text: str = ""
    ehlo_name: str = ""
    features: tuple[str, ...] = ()
    starttls_offered: bool = False
    starttls_code: int = 0
    starttls_text: str = ""
    ehlo_tls_code: int = 0
    ehlo_tls_text: str = ""
    ehlo_tls_name: str = ""
    overlong_at: str = ""


class Dialogue:
    """One session from the greeting on."""

    def __init__(self, ehlo_name: str, limits: Limits, *, wrapper: bool = False, manner: Manner = USUAL) -> None:
        """Begin; *wrapper*: all of it is under TLS already, so that there is no STARTTLS."""
        self.seen = Seen()
        self._wrapper = wrapper
        self.stage = Stage.GREETING
        self.want = Want.READ
        self.stop = ""
        self._ehlo_name = ehlo_name
        self._parser = ReplyParser(
            reply_bytes=limits.reply_bytes, reply_lines=limits.reply_lines, line_limit=manner.line_limit
        )
        self._output = bytearray()
        self._state: Callable[[Reply], None] = self._greeted

    @property
    def is_temporary(self) -> bool:
        """Whether a 4xx ended the session before anything was learned about TLS."""
        code = {Stage.GREETING: self.seen.greeting_code, Stage.EHLO: self.seen.ehlo_code}.get(self.stage, 0)
        return self.stop == "reply" and code // 100 == 4

    def receive(self, octets: bytes) -> None:
        """Take *octets* from the peer and move as far as they lead. Errors: TooMuch."""
        self._parser.feed(octets)
        while self.want is Want.READ and (reply := self._parser.next_reply()):
            if self._parser.was_overlong and not self.seen.overlong_at:
                self.seen.overlong_at = self.stage.value
            self._state(reply)

    def output(self) -> bytes:
        """Return what is to be sent now, once."""
        octets = bytes(self._output)
        self._output.clear()
        return octets

    def tls_is_up(self) -> None:
        """Go on under TLS: EHLO again (RFC 3207 section 4.2)."""
        self._parser.discard()
        self._say(f"EHLO {self._ehlo_name}", Stage.EHLO_TLS, self._ehlo_tls_answered)

    def _say(self, command: str, stage: Stage, state: Callable[[Reply], None]) -> None:
        self._output += command.encode("ascii") + b"\r\n"
        self.stage, self._state, self.want = stage, state, Want.READ

    def _end(self, *, stop: str = "") -> None:
        """Say QUIT; a stop leaves the stage where it was."""
        self._output += b"QUIT\r\n"
        self.stop, self.want = stop, Want.CLOSE
        if not stop:
            self.stage = Stage.DONE

    def _greeted(self, reply: Reply) -> None:
        self.seen.greeting_code, self.seen.greeting_text = reply.code, reply.text
        if not reply.is_positive:
            self._end(stop="reply")
            return
        # SMTP_FEATURE_MAYBEPIX: a bare "220", or one of stars, is a firewall that mangles ESMTP: HELO, so no STARTTLS.
        self.seen.esmtp = bool(b" ".join(reply.lines).strip(_PIX))
        if self.seen.esmtp:
            self._say(f"EHLO {self._ehlo_name}", Stage.EHLO, self._ehlo_answered)
        else:
            self._say(f"HELO {self._ehlo_name}", Stage.EHLO, self._helo_answered)

    def _ehlo_answered(self, reply: Reply) -> None:
        self._note_ehlo(reply)
        if reply.is_positive:
            self.seen.features = _keywords(reply)
            self.seen.starttls_offered = "STARTTLS" in self.seen.features
            if self.seen.starttls_offered and not self._wrapper:
                self._say("STARTTLS", Stage.STARTTLS, self._starttls_answered)
            else:
                self._end()
        elif reply.code == _CLOSING:
            self._end(stop="reply")
        else:
            self.seen.esmtp = False  # SMTP_FEATURE_ESMTP goes
            self._say(f"HELO {self._ehlo_name}", Stage.EHLO, self._helo_answered)

    def _helo_answered(self, reply: Reply) -> None:
        self._note_ehlo(reply)
        self._end(stop="" if reply.is_positive else "reply")

    def _starttls_answered(self, reply: Reply) -> None:
        self.seen.starttls_code, self.seen.starttls_text = reply.code, reply.text
        self._parser.discard()  # never read plaintext as if it had come under TLS (CVE-2011-0411)
        if reply.is_positive:
            self.stage, self.want = Stage.HANDSHAKE, Want.TLS
        else:
            self._say("NOOP", Stage.STARTTLS, self._refused_and_open)

    def _refused_and_open(self, _reply: Reply) -> None:
        self._end(stop="reply")

    def _ehlo_tls_answered(self, reply: Reply) -> None:
        self.seen.ehlo_tls_code, self.seen.ehlo_tls_text = reply.code, reply.text
        self.seen.ehlo_tls_name = _name(reply)
        if reply.is_positive or reply.code == _CLOSING:
            self._end(stop="" if reply.is_positive else "reply")
        else:
            self._say(f"HELO {self._ehlo_name}", Stage.EHLO_TLS, self._helo_tls_answered)

    def _helo_tls_answered(self, reply: Reply) -> None:
        self.seen.ehlo_tls_code, self.seen.ehlo_tls_text = reply.code, reply.text
        self._end(stop="" if reply.is_positive else "reply")

    def _note_ehlo(self, reply: Reply) -> None:
        self.seen.ehlo_code, self.seen.ehlo_text = reply.code, reply.text
        self.seen.ehlo_name = _name(reply)


def _name(reply: Reply) -> str:
    """Return the peer's name in a positive reply: the first word of all, whatever it is."""
    return next(_words(reply), "") if reply.is_positive else ""


def _keywords(reply: Reply) -> tuple[str, ...]:
    """Return the EHLO keywords, upper case; the first word of all is the peer's name, whatever it is."""
    return tuple(dict.fromkeys(word.upper() for word in islice(_words(reply), 1, None)))[:_FEATURES_MAX]


def _words(reply: Reply) -> Iterator[str]:
    """Yield the first word of each line; a line without one does not count, not even as the first."""
    return filter(None, map(_first_word, reply.lines))


def _first_word(line: bytes) -> str:
    """Return the word after the code, up to a blank, tab or "=", as mystrtok() finds it."""
    parts = _AFTER_CODE.split(line.lstrip(b"- "), maxsplit=1)
    rest = parts[1] if len(parts) == 2 else b""
    return cleaned(_KEYWORD_END.split(rest.lstrip(b" \t="), maxsplit=1)[0])
