"""What is told to the house's syslog besides: audit entries and alerts, as one JSON object each, once they are kept.

Written to a logger of its own; the handler of tlsportal/syslog.py sends it and never waits. Without one, nothing is
told.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from django.db import transaction

from partners.models import Alert, AuditEntry

__all__ = ["JOURNAL", "tell_alert", "tell_audit"]

JOURNAL = "tlsportal.journal"
_TEXT_MAX = 7000
_SEVERITY = {1: logging.CRITICAL, 2: logging.ERROR, 3: logging.WARNING, 4: logging.WARNING}


def tell_audit(entry: AuditEntry) -> None:
    """Tell of *entry* once it is in the database."""
    fields: dict[str, object] = {
        "kind": "audit",
        "number": entry.pk,
        "at": _stamp(entry.at),
        "by": entry.by.email if entry.by else "portal",
        "act": entry.act,
        "subject": entry.subject,
        "detail": entry.detail,
        "entry_hash": entry.entry_hash,
    }
    _tell(entry.act, logging.INFO, fields)


def tell_alert(act: str, alert: Alert, *, now: datetime, partners: int = 0) -> None:
    """Tell what became of *alert*, by its number; partners are not named."""
    fields: dict[str, object] = {
        "kind": "alert",
        "number": alert.pk,
        "at": _stamp(now),
        "act": act,
        "cause": alert.cause,
        "severity": alert.get_severity_display(),
        "place": alert.place,
        "where": alert.where,
        "partners": partners,
        "breaks_at": _stamp(alert.breaks_at) if alert.breaks_at else None,
    }
    _tell(act, logging.INFO if act == "alert.closed" else _SEVERITY.get(alert.severity, logging.WARNING), fields)


def _tell(act: str, level: int, fields: Mapping[str, object]) -> None:
    logger = logging.getLogger(JOURNAL)
    if not logger.handlers:
        return
    text = json.dumps(fields, sort_keys=True, ensure_ascii=True, default=str)
    if len(text) > _TEXT_MAX:  # it must fit one datagram, and stay JSON
        text = json.dumps({**fields, "detail": None, "left_out": ["detail"]}, sort_keys=True, default=str)
    transaction.on_commit(partial(logger.log, level, "%s", text, extra={"act": act}), robust=True)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
