"""Lines out of a file descriptor, as they come, each bounded."""

import os

__all__ = ["LINE_BYTES_MAX", "Lines"]

LINE_BYTES_MAX = 8_000_000  # a policy map of some ten thousand lines
READ_CHUNK = 262_144


class Lines:
    """Reads when told to, and never blocks where something is there. A line that is too long is told, its rest dropped.

    is_exhausted: the input has ended and every line was taken.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = bytearray()
        self._searched = 0
        self._is_skipping = False
        self._is_ended = False

    @property
    def is_exhausted(self) -> bool:
        """Whether no line will come any more."""
        return self._is_ended and not self._rest

    def read(self) -> None:
        """Take what is there; wait where nothing is."""
        octets = os.read(self._descriptor, READ_CHUNK)
        if not octets:
            self._is_ended = True
        elif self._is_skipping:
            _long, newline, after = octets.partition(b"\n")
            self._is_skipping = not newline
            self._rest += after
        else:
            self._rest += octets

    def next_line(self) -> bytes | str | None:
        """Return the next whole line, a sentence where it was too long, None while it is not there yet.

        The last line needs no newline.
        """
        end = self._rest.find(b"\n", self._searched)
        if end < 0 and len(self._rest) <= LINE_BYTES_MAX and not (self._is_ended and self._rest):
            self._searched = len(self._rest)
            return None
        self._searched = 0
        if end < 0 and not self._is_ended:
            self._is_skipping = True
            end = len(self._rest)
        end = len(self._rest) if end < 0 else end
        line = bytes(self._rest[:end]) if end <= LINE_BYTES_MAX else None
        del self._rest[: end + 1]
        return f"the line is longer than {LINE_BYTES_MAX} bytes" if line is None else line
