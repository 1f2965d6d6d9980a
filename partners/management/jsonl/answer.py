"""One line of output, in the words and codes that Postfix logs for that message."""

import json
from typing import Any

from partners.core.outcome import Delivery, HostOutcome, Verdict

__all__ = ["STATUS", "answer_line", "error_line", "host_fields"]

# Postfix's own words for what became of a recipient.
STATUS = {Delivery.DELIVER: "sent", Delivery.DEFER: "deferred", Delivery.BOUNCE: "bounced"}


def answer_line(identity: Any, verdict: Verdict) -> str:
    """Return the answer, without its newline.

    Where the outcome is not known, status is that of a message that waits, and "unknown" says why.
    """
    unknown = verdict.unknown or ("unknown" if verdict.delivery is Delivery.UNKNOWN else "")
    return json.dumps(
        {
            "id": identity,
            "status": STATUS.get(verdict.delivery, "deferred"),
            "tls_status": verdict.tls_status.value,
            "plaintext": None if unknown else _plaintext(verdict),
            "dsn": verdict.dsn,
            "mx": verdict.mx,
            "level": verdict.level.value,
            "reasons": [str(reason) for reason in verdict.reasons],
            "hosts": [host_fields(row) for row in verdict.hosts],
            "unknown": unknown or None,
        },
        ensure_ascii=True,
        separators=(",", ":"),
    )


def error_line(identity: Any, error: str) -> str:
    """Return the answer to an unusable line."""
    return json.dumps({"id": identity, "error": error}, ensure_ascii=True, separators=(",", ":"))


def host_fields(row: HostOutcome) -> dict[str, Any]:
    """Return one address as programs read it."""
    return {
        "mx_host": row.mx_host,
        "preference": row.preference,
        "address": row.address,
        "port": row.port,
        "status": STATUS.get(row.delivery, "unknown"),
        "tls_status": row.tls_status.value,
        "level": row.effective.value,
        "plaintext": row.plaintext,
        "dsn": row.dsn,
        "text": row.text,
        "reasons": [str(reason) for reason in row.reasons],
        "fingerprint": row.pin_seen or None,
    }


def _plaintext(verdict: Verdict) -> bool:
    return bool(verdict.plaintext)
