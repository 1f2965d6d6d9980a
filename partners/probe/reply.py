"""SMTP replies out of bytes as they arrive, in any fragments; no sockets here.

Source: smtp_chat_resp() in src/smtp/smtp_chat.c. What Postfix would see of a reply is what counts: lines are cut where
it cuts them, and text beyond its limit is not there.
"""

from dataclasses import dataclass

__all__ = ["LINE_LIMIT", "OVERLONG_LINES", "TEXT_LIMIT", "Reply", "ReplyParser", "TooMuch", "cleaned"]

LINE_LIMIT = 2048  # postconf(5) line_length_limit: of a line, and of the reply's text before a line is added
OVERLONG_LINES = 2  # so many limits; Postfix 3.10 gives the connection up at such a line, older releases read past it
TEXT_LIMIT = 512  # what facts keep of a reply's text
_DIGITS = b"0123456789"
_PRINTABLE = bytes(ord("?") if octet < 32 or octet == 127 else octet for octet in range(256))


class TooMuch(Exception):
    """The peer sent more than a limit allows."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. lines: those that Postfix keeps, code included; last: the final line, whatever came before."""

    code: int
    lines: tuple[bytes, ...]
    last: bytes

    @property
    def text(self) -> str:
        """The last line's text without its code, fit for people."""
        return cleaned(self.last[4:])

    @property
    def is_positive(self) -> bool:
        """Whether the code is 2xx."""
        return self.code // 100 == 2


class ReplyParser:
    """Collects bytes and gives back the reply once its last line is there.

    reply_bytes, reply_lines: how much one reply may take before TooMuch is raised. line_limit: see LINE_LIMIT.
    was_overlong: whether a line came that is longer than OVERLONG_LINES allow.
    """

    def __init__(self, *, reply_bytes: int, reply_lines: int, line_limit: int = LINE_LIMIT) -> None:
        self._reply_bytes, self._reply_lines, self._line_limit = reply_bytes, reply_lines, line_limit
        self.was_overlong = False
        self._rest = bytearray()
        self._lines: list[bytes] = []
        self._kept = self._size = self._number = self._searched = 0

    def feed(self, octets: bytes) -> None:
        """Take *octets* as they came."""
        self._rest += octets

    def next_reply(self) -> Reply | None:
        """Return the next whole reply, or None while its last line is missing. Errors: TooMuch."""
        while (end := self._rest.find(b"\n", self._searched)) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            self._searched = 0
            self.was_overlong |= end >= OVERLONG_LINES * self._line_limit
            self._count(end + 1)
            if reply := self._take(line):
                return reply
        self._searched = len(self._rest)
        if self._size + len(self._rest) > self._reply_bytes:
            raise TooMuch(f"a reply of more than {self._reply_bytes} bytes")
        return None

    def discard(self) -> None:
        """Forget what came and was not read: bytes after the reply to STARTTLS are not the peer's word under TLS."""
        self._rest.clear()
        self._start()

    def _start(self) -> None:
        self._lines = []
        self._kept = self._size = self._number = self._searched = 0

    def _count(self, octets: int) -> None:
        self._size += octets
        self._number += 1
        if self._size > self._reply_bytes:
            raise TooMuch(f"a reply of more than {self._reply_bytes} bytes")
        if self._number > self._reply_lines:
            raise TooMuch(f"a reply of more than {self._reply_lines} lines")

    def _take(self, line: bytes) -> Reply | None:
        # A NUL ends the line for Postfix, whose strings end there; printable() makes "?" of other control characters.
        line = line.rstrip(b"\r").partition(b"\0")[0][: self._line_limit].translate(_PRINTABLE)
        if self._kept < self._line_limit:
            self._kept += len(line) + bool(self._lines)
            self._lines.append(line)
        digits = len(line) - len(line.lstrip(_DIGITS))
        if digits != 3 or line[3:4] not in {b" ", b""}:
            return None  # "250-", or garbage, which Postfix reads past
        reply = Reply(int(line[:3]), tuple(self._lines), line)
        self._start()
        return reply


def cleaned(raw: bytes | str) -> str:
    """Return *raw* as one line for people: nothing unprintable, at most TEXT_LIMIT characters."""
    text = raw if isinstance(raw, str) else raw[: 4 * TEXT_LIMIT].decode("utf-8", "replace")
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.strip()[:TEXT_LIMIT]
