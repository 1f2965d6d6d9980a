"""Postfix's log, read as it grows: the outcome of each delivery with the TLS lines of the process that made it."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^\S+ +\S+ \S+ \S+ (?P<service>postfix\S*)\[(?P<pid>\d+)\]: (?P<text>.*)$")
_STATUS = re.compile(
    r"^(?P<queue_id>\w+): to=<(?P<recipient>.*?)>,(?: orig_to=<.*?>,)?"
    r" relay=(?:none|(?P<mx_host>[^\[]*)\[(?P<address>[^\]]*)\](?::(?P<port>\d+))?|\S+?),"
    r".*? dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) \((?P<reason>.*)\)$"
)
_TLS = re.compile(
    r"^(?P<word>Anonymous|Untrusted|Trusted|Verified) TLS connection (?:established|reused) to (?P<mx_host>[^\[]*)"
    r"\[(?P<address>[^\]]*)\](?::(?P<port>\d+))?: (?P<version>\S+) with cipher (?P<cipher>\S+)"
)


@dataclass(frozen=True)
class TlsConnection:
    """One "... TLS connection established to" line."""

    word: str
    mx_host: str
    address: str
    port: int
    version: str
    cipher: str


@dataclass(frozen=True)
class Outcome:
    """One "status=" line and what its process logged on the way there.

    status: "sent", "deferred", "bounced". mx_host and address: of the last host tried, "" for relay=none.
    lines: every other line of that process during this delivery, in order; connections: the TLS ones among them.
    """

    queue_id: str
    recipient: str
    status: str
    dsn: str
    reason: str
    mx_host: str
    address: str
    port: int
    service: str
    lines: tuple[str, ...]
    connections: tuple[TlsConnection, ...]

    @property
    def tls(self) -> str:
        """Postfix's word for the last peer: Anonymous, Untrusted, Trusted, Verified; "" without TLS."""
        for connection in reversed(self.connections):
            if connection.address == self.address or not self.address:
                return connection.word
        return ""


class MailLog:
    """The log of one relay."""

    def __init__(self, path: Path) -> None:
        """Read from the start of *path*, which need not exist yet."""
        self.path = path
        self.lines: list[str] = []
        self._offset = 0
        self._rest = ""
        self._outcomes: dict[str, list[Outcome]] = defaultdict(list)
        self._pending: dict[str, list[str]] = defaultdict(list)
        self._done: set[str] = set()

    def outcomes(self, queue_id: str) -> list[Outcome]:
        """Return what happened to message *queue_id* so far, oldest first."""
        self._read()
        return list(self._outcomes[queue_id])

    def text(self, queue_id: str = "") -> str:
        """Return the log, or its lines about *queue_id*."""
        self._read()
        return "\n".join(line for line in self.lines if queue_id in line)

    def _read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._offset)
            text = self._rest + log.read()
            self._offset = log.tell()
        *complete, self._rest = text.split("\n")
        for line in complete:
            self.lines.append(line)
            self._take(line)

    def _take(self, line: str) -> None:
        logged = _LINE.match(line)
        if logged is None:
            return
        pid, text = logged["pid"], logged["text"]
        status = _STATUS.match(text)
        if status is None:
            if pid in self._done:  # the first line after a delivery begins the next one
                self._done.discard(pid)
                self._pending[pid].clear()
            self._pending[pid].append(text)
            return
        self._done.add(pid)
        lines = tuple(self._pending[pid])
        self._outcomes[status["queue_id"]].append(_outcome(status, logged["service"], lines))


def _outcome(status: re.Match[str], service: str, lines: tuple[str, ...]) -> Outcome:
    found = (_TLS.match(line) for line in lines)
    connections = tuple(
        TlsConnection(tls["word"], tls["mx_host"], tls["address"], int(tls["port"] or 0), tls["version"], tls["cipher"])
        for tls in found
        if tls is not None
    )
    return Outcome(
        status["queue_id"],
        status["recipient"],
        status["status"],
        status["dsn"],
        status["reason"],
        status["mx_host"] or "",
        status["address"] or "",
        int(status["port"] or 0),
        service,
        lines,
        connections,
    )
