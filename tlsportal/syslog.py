"""The journal for the house's syslog: RFC 5424 with a JSON object as message, sent and never waited for."""

import logging
import os
import socket
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

__all__ = ["SyslogHandler", "demand_place"]

_FACILITY = 13  # log audit (RFC 5424 section 6.2.1)
_LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (0, 6))
_REST_SECONDS = 5.0  # after a fault: a dead receiver costs nothing but a clock
_ID_MAX = 32


def demand_place(text: str) -> str:
    """Return *text* if it says where to send. Errors: ImproperlyConfigured.

    An address and no name: looking one up could wait, and a form must not.
    """
    try:
        parts = urlsplit(text)
        if parts.scheme == "unix" and parts.path and not parts.netloc:
            return text
        ip_address(parts.hostname or "")
        is_udp = parts.scheme == "udp" and not parts.path and parts.port != 0
    except ValueError:
        is_udp = False
    if not is_udp:
        raise ImproperlyConfigured(f"TLSPORTAL_SYSLOG: {text!r} is not like udp://192.0.2.1:514 or unix:///dev/log")
    return text


class SyslogHandler(logging.Handler):
    """Sends each record as one datagram; what cannot be sent at once is counted and dropped."""

    def __init__(self, place: str) -> None:
        """Send to *place*, as demand_place() takes it; nothing is opened before the first record."""
        super().__init__()
        self._parts = urlsplit(place)
        self._socket: socket.socket | None = None
        self._rests_until = 0.0
        self.lost = 0
        # The name as this machine has it; RFC 5424 wants printable ASCII without spaces, "-" where there is none.
        self._name = _word(socket.gethostname(), 255)

    def emit(self, record: logging.LogRecord) -> None:
        """Send *record*; a receiver that is away is left alone for a while."""
        if time.monotonic() < self._rests_until:
            self.lost += 1
            return
        try:
            self._opened().send(self._line(record))
        except OSError:
            self.lost += 1
            self._rests_until = time.monotonic() + _REST_SECONDS
            self.close()

    def close(self) -> None:
        """Close the socket; the next record opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        super().close()

    def _opened(self) -> socket.socket:
        if self._socket is None:
            is_unix, name = self._parts.scheme == "unix", self._parts.hostname or ""
            family = socket.AF_UNIX if is_unix else socket.AF_INET6 if ":" in name else socket.AF_INET
            opened = socket.socket(family, socket.SOCK_DGRAM)
            opened.setblocking(False)
            try:
                opened.connect(self._parts.path if is_unix else (name, self._parts.port or 514))
            except OSError:
                opened.close()
                raise
            self._socket = opened
        return self._socket

    def _line(self, record: logging.LogRecord) -> bytes:
        """Return the record in the form of RFC 5424 section 6."""
        level = next(number for least, number in _LEVELS if record.levelno >= least)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        act = _word(str(getattr(record, "act", "")), _ID_MAX)
        head = f"<{_FACILITY * 8 + level}>1 {at} {self._name} tlsportal {os.getpid()} {act} -"
        return f"{head} {record.getMessage()}".encode("ascii", "backslashreplace")


def _word(text: str, limit: int) -> str:
    """Return *text* as a field of the header, "-" for an empty one."""
    return "".join(char for char in text if "!" <= char <= "~")[:limit] or "-"
