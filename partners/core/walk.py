"""From host to host: what the outcomes at the addresses make of the message.

Source: smtp_connect_inet() in src/smtp/smtp_connect.c; smtp_bulk_fail(), smtp_stream_except() in smtp_trouble.c;
PLAINTEXT_FALLBACK_OK_* in smtp.h.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from partners.core.outcome import Delivery, HostOutcome, TlsStatus, Verdict
from partners.core.reasons import Reason
from partners.core.relay import RelaySettings

__all__ = ["Row", "walk"]

_FINAL = {Delivery.DELIVER, Delivery.BOUNCE}
_UNAVAILABLE = "server unavailable or unable to receive mail"


@dataclass(frozen=True, slots=True)
class Row:
    """An outcome with what only the message knows of.

    fallback: an aged message goes in plaintext; unknown: why nothing is known; in_transfer: see SessionOutcome.
    """

    outcome: HostOutcome
    fallback: bool = False
    unknown: str = ""
    in_transfer: bool = False

    @property
    def is_skipped(self) -> bool:
        """Whether the host is passed over without a reason of its own."""
        return self.outcome.delivery is Delivery.DEFER and not self.outcome.dsn


def walk(blank: Verdict, rows: tuple[Row, ...], relay: RelaySettings, message_age: int) -> Verdict:
    """Go from host to host as smtp(8) does: a soft failure goes on, delivery or a hard reply ends.

    The last one decides; its address is what the log tells after relay=, unless a skipped host came after it.
    blank: nexthop, key and level of the verdict.
    """
    is_aged = message_age >= relay.minimal_backoff_time
    rows = tuple(_softened(row) if relay.soft_bounce else row for row in rows)
    rows = tuple(_in_plaintext(row) if is_aged and row.fallback else row for row in rows)
    tried = _tried(rows, relay)
    shown = tuple(_shown(row) for row in rows)
    for row in tried:
        if row.outcome.delivery in _FINAL:
            return _decided(blank, shown, row.outcome, row.outcome.reasons, is_told=row.outcome.reached)
    reasons = _reasons(tried)
    if missing := [row for row in tried if row.unknown]:
        cause, text = missing[0].unknown, missing[0].outcome.text
        return replace(blank, hosts=shown, unknown=cause, reasons=reasons, text=text)
    with_reason = [row for row in tried if not row.is_skipped]
    if not with_reason:
        return _decided(blank, shown, _shown(tried[-1]), reasons, is_told=False)
    outcome = with_reason[-1].outcome
    return _decided(blank, shown, outcome, reasons, is_told=tried[-1] is with_reason[-1] and outcome.reached)


def _tried(rows: tuple[Row, ...], relay: RelaySettings) -> tuple[Row, ...]:
    """Cut at smtp_mx_address_limit and, of sessions that got past their handshakes, at smtp_mx_session_limit."""
    limited = rows[: relay.smtp_mx_address_limit or len(rows)]
    sessions = 0
    for number, row in enumerate(limited, start=1):
        sessions += row.in_transfer
        if row.in_transfer and sessions == relay.smtp_mx_session_limit:
            return limited[:number]
    return limited


def _decided(
    blank: Verdict, shown: tuple[HostOutcome, ...], outcome: HostOutcome, reasons: tuple[str, ...], *, is_told: bool
) -> Verdict:
    return Verdict(
        nexthop=blank.nexthop,
        key=blank.key,
        level=blank.level,
        delivery=outcome.delivery,
        tls_status=outcome.tls_status if is_told else TlsStatus.NONE,
        plaintext=outcome.plaintext,
        dsn=outcome.dsn,
        text=outcome.text,
        reasons=reasons,
        hosts=shown,
        host=outcome,
        mx=outcome.where if is_told else None,
    )


def _softened(row: Row) -> Row:
    """soft_bounce: a hard reply goes on to the next host like any other, and defers at the last."""
    if row.outcome.delivery is not Delivery.BOUNCE:
        return row
    outcome = replace(row.outcome, delivery=Delivery.DEFER, dsn="4" + row.outcome.dsn[1:])
    return replace(row, outcome=outcome)


def _in_plaintext(row: Row) -> Row:
    """The same address again, at once and without TLS, before any other host."""
    reasons = (*row.outcome.reasons, Reason.PLAINTEXT)
    outcome = replace(
        row.outcome, delivery=Delivery.DELIVER, dsn="2.0.0", text="", tls_status=TlsStatus.NONE, reasons=reasons
    )
    return replace(row, outcome=replace(outcome, plaintext=True), in_transfer=False)


def _shown(row: Row) -> HostOutcome:
    return replace(row.outcome, dsn="4.3.0", text=_UNAVAILABLE) if row.is_skipped else row.outcome


def _reasons(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the reasons of all *rows*, worst first."""
    found = {reason for row in rows for reason in row.outcome.reasons}
    return tuple(reason for reason in Reason if reason in found)
