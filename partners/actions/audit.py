"""The audit trail: append-only, each entry chained to the one before by its hash."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import IntegrityError, transaction

from partners.actions.journal import tell_audit
from partners.core.errors import TemporaryFault
from partners.models import AuditEntry, User

__all__ = ["record", "record_all", "verify_chain"]

_ATTEMPTS = 20  # two writers meet now and then; twenty conflicts in a row mean something else is wrong
_CHUNK = 1000


def record(
    act: str, subject: str, *, by: User | None, now: datetime, detail: Mapping[str, object] | None = None
) -> AuditEntry:
    """Append one entry, in the transaction of the act itself.

    by: None for what the portal did by itself. detail: JSON values without floats, never a secret, PEM or token.
    prev_hash is unique: of two writers at once the second one waits, fails, and takes the first one's hash as its own
    predecessor. A read lock would do the same for longer.
    """
    (entry,) = record_all(act, [(subject, detail or {})], by=by, now=now)
    return entry


def record_all(
    act: str, subjects: Sequence[tuple[str, Mapping[str, object]]], *, by: User | None, now: datetime
) -> list[AuditEntry]:
    """Append one entry for each (subject, detail) of *subjects*, in their order, as record() appends one."""
    for _ in range(_ATTEMPTS):
        previous = AuditEntry.objects.order_by("-pk").values_list("entry_hash", flat=True).first() or ""
        entries = []
        for subject, detail in subjects:
            entry = AuditEntry(at=now, by=by, act=act, subject=subject[:300], detail=dict(detail), prev_hash=previous)
            previous = entry.entry_hash = _entry_hash(entry)
            entries.append(entry)
        try:
            with transaction.atomic():
                AuditEntry.objects.bulk_create(entries)
        except IntegrityError:
            continue
        for entry in entries:
            tell_audit(entry)
        return entries
    raise TemporaryFault("audit trail", "it is being written by too many at once", "try again")


def verify_chain() -> int | None:
    """Return the key of the first entry whose text or predecessor does not fit its hash, None if all fit."""
    previous = ""
    for entry in AuditEntry.objects.order_by("pk").iterator(chunk_size=_CHUNK):
        if entry.prev_hash != previous or entry.entry_hash != _entry_hash(entry):
            return entry.pk
        previous = entry.entry_hash
    return None


def _entry_hash(entry: AuditEntry) -> str:
    """Return the SHA-256 over the canonical JSON of what the entry says and of the hash before it."""
    fields = {
        "act": entry.act,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "by": entry.by_id,
        "detail": entry.detail,
        "prev_hash": entry.prev_hash,
        "subject": entry.subject,
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
