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
    """
    is_aged = message_age >= relay.minimal_backoff_time
    rows = tuple(_softened(row, relay) for row in rows)
    rows = tuple(_in_plaintext(row) if is_aged and row.fallback else row for row in rows)
    tried = _tried(rows, relay)
    blank = replace(blank, hosts=tuple(_shown(row) for row in rows))
    for row in tried:
        if row.outcome.delivery in {Delivery.DELIVER, Delivery.BOUNCE}:
            return _decided(blank, row.outcome, row.outcome.reasons, row.outcome.reached)
    if missing := [row for row in tried if row.unknown]:
        return replace(
            blank, unknown=missing[0].unknown, reasons=_reasons(tried), text=missing[0].outcome.text
        )  # fmt: skip
    with_reason = [row for row in tried if not row.is_skipped]
    if not with_reason:
        return replace(
            blank,
            delivery=Delivery.DEFER,
            plaintext=False,
            dsn="4.3.0",
            text=_UNAVAILABLE,
            reasons=_reasons(tried),
            host=_shown(tried[-1]),
        )
    is_last = tried[-1] is with_reason[-1]
    outcome = with_reason[-1].outcome
    return _decided(blank, outcome, _reasons(tried), is_last and outcome.reached)


def _tried(rows: tuple[Row, ...], relay: RelaySettings) -> tuple[Row, ...]:
    """Cut at smtp_mx_address_limit and, of sessions that got past their handshakes, at smtp_mx_session_limit."""
    limited = rows[: relay.smtp_mx_address_limit or len(rows)]
    sessions = 0
    for number, row in enumerate(limited, start=1):
        sessions += row.in_transfer
        if row.in_transfer and sessions == relay.smtp_mx_session_limit:
            return limited[:number]
    return limited


def _decided(blank: Verdict, outcome: HostOutcome, reasons: tuple[str, ...], is_told: bool) -> Verdict:  # noqa: FBT001
    return replace(
        blank,
        delivery=outcome.delivery,
        tls_status=outcome.tls_status if is_told else TlsStatus.NONE,
        plaintext=outcome.plaintext,
        dsn=outcome.dsn,
        text=outcome.text,
        reasons=reasons,
        host=outcome,
        mx=outcome.where if is_told else None,
    )


def _softened(row: Row, relay: RelaySettings) -> Row:
    """soft_bounce: a hard reply goes on to the next host like any other, and defers at the last."""
    if row.outcome.delivery is not Delivery.BOUNCE or not relay.soft_bounce:
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
