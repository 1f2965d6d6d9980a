"""What a real Postfix does with one message per case: one instance per release, one smtp(8) transport per main.cf."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.kit.maillog import Outcome
from tests.kit.postfix import Postfix, release_of
from tests.kit.rootfs import Root
from tests.oracle.case import QUEUE
from tests.oracle.world import Placed

# The same for every case, in main.cf and in what is predicted.
BASE = {
    "compatibility_level": "3.6",
    "myhostname": "relay.example",
    "inet_protocols": "all",
    "smtp_tls_security_level": "may",
    "smtp_connect_timeout": "4s",
    "smtp_helo_timeout": "20s",
    "smtp_starttls_timeout": "20s",
}
# Of Postfix's own: all messages at once, each on a connection of its own.
_ENGINE = {
    "smtp_tls_loglevel": "1",
    "smtputf8_enable": "yes",
    "smtpd_client_connection_rate_limit": "0",
    "queue_run_delay": "1000s",
    "minimal_backoff_time": "300s",
    "default_process_limit": "60",
}
LAST_OUTCOME_SECONDS = 70.0
_SENDER = "sender@relay.example"


@dataclass(frozen=True)
class Said:
    """The five words that must agree, and on what they rest."""

    status: str
    tls_status: str
    plaintext: bool | None
    dsn: str
    mx: str | None
    why: tuple[str, ...] = ()


class Relay:
    """One release with the transports of all cases."""

    def __init__(self, placed: Sequence[Placed], root: Root | None = None) -> None:
        """Write its configuration; `root` is another Debian's."""
        self.release, self.openssl = release_of(root)
        self.placed = [one for one in placed if one.case.is_about(self.release)]
        names: dict[object, str] = {}
        self._transports = {
            one.case.name: names.setdefault(_settings_key(one), f"o{len(names)}") for one in self.placed
        }
        services = {self._transports[one.case.name]: _service(one) for one in self.placed}
        _refuse_meddling(self.placed)
        self.postfix = Postfix(
            root=root,
            policy="".join(f"{key}\t{value}\n" for one in self.placed for key, value in one.table),
            services="".join(f"{name} {service}" for name, service in services.items()),
            **{**BASE, **_ENGINE},  # type: ignore[arg-type]  # each is a text, and no other parameter
        )
        routes = self.postfix.write("transport", "".join(map(self._route, self.placed)))
        self.postfix.configure(transport_maps=f"inline:{{relay.example=discard:}}, texthash:{routes}")
        self._queue_ids: dict[str, str] = {}
        self._write_queue_files()

    def run(self) -> dict[str, Outcome]:
        """Start, send every message, wait for every outcome, and stop; return the outcomes by case. The queue stays."""
        self.postfix.start()
        try:
            for age in sorted({one.case.age for one in self.placed}):
                self._send([one for one in self.placed if one.case.age == age], age)
            self._wait()
            found = {name: self.postfix.log.outcomes(queue_id) for name, queue_id in self._queue_ids.items()}
            return {name: outcomes[0] for name, outcomes in found.items() if outcomes}
        finally:
            self.postfix.stop()

    def close(self) -> None:
        """Remove queue and configuration."""
        self.postfix.close()

    def log_of(self, name: str) -> str:
        """Return the lines of the log about a case, for one that has no outcome."""
        deaths = "\n".join(line for line in self.postfix.log.lines if "fatal:" in line or "panic:" in line)
        return f"{self.postfix.log.text(self._queue_ids.get(name, name))}\n{deaths[-1000:]}"

    def recipient(self, one: Placed) -> str:
        """Return the address that stands for a case: its local part tells the release."""
        return f"to-{self.release}@{one.rcpt_domain}"

    def _route(self, one: Placed) -> str:
        nexthop = "" if one.nexthop == one.rcpt_domain else one.nexthop
        return f"{one.rcpt_domain}\t{self._transports[one.case.name]}:{nexthop}\n"

    def _send(self, placed: Sequence[Placed], age: int) -> None:
        with self.postfix.session(held=age > 0) as session:
            for one in placed:
                text = "".join(f"{line}\n" for line in (*one.case.headers, "Subject: oracle"))
                self._queue_ids[one.case.name] = session.send(_SENDER, self.recipient(one), f"{text}\nHello.\n")
        if age:
            self.postfix.release([self._queue_ids[one.case.name] for one in placed], age)

    def _wait(self) -> None:
        deadline = time.monotonic() + LAST_OUTCOME_SECONDS
        waiting = set(self._queue_ids.values())
        while waiting and time.monotonic() < deadline:
            waiting = {queue_id for queue_id in waiting if not self.postfix.log.outcomes(queue_id)}
            time.sleep(0.1)

    def _write_queue_files(self) -> None:
        for one in self.placed:
            for name, text in one.case.files.items():
                if name.startswith(QUEUE):
                    path = self.postfix.queue / one.naming.fill(name.removeprefix(QUEUE))
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(one.naming.fill(text))


def said(outcome: Outcome, recipient: str, under_tls: Mapping[str, bool]) -> Said:
    """Put *outcome* in the words of a prediction; what the peers took tells whether mail went in plaintext."""
    plaintext = not under_tls[recipient] if recipient in under_tls else None
    word = (outcome.tls if outcome.address else "") or "none"
    mx = f"{outcome.mx_host}[{outcome.address}]:{outcome.port}" if outcome.address else None
    if plaintext:
        word = "none"  # an attempt under TLS at the same address may have come before
    why = (*outcome.lines, f"status={outcome.status} ({outcome.reason})")
    status = "deferred" if outcome.status == "SOFTBOUNCE" else outcome.status  # bounce_append() of soft_bounce
    return Said(status, word, plaintext, outcome.dsn, mx, why)


def _refuse_meddling(placed: Sequence[Placed]) -> None:
    """Raise ValueError where the entry of one case would apply to another: they share one table."""
    owners = {key.lower(): one.case.name for one in placed for key, _ in one.table}
    for one in placed:
        labels = one.nexthop.lower().split(".")
        for key in (one.nexthop.lower(), *(f".{'.'.join(labels[at:])}" for at in range(1, len(labels)))):
            if owners.get(key, one.case.name) != one.case.name:
                raise ValueError(f"case {owners[key]}: its key {key} would apply to case {one.case.name}")


def _settings_key(one: Placed) -> tuple[object, ...]:
    return (tuple(sorted(one.main_cf.items())), one.case.chroot)


def _service(one: Placed) -> str:
    settings = "".join(f" -o {{{key} = {value}}}" for key, value in one.main_cf.items())
    return f"unix - - {'y' if one.case.chroot else 'n'} - - smtp{settings}\n"
