"""What was lowered until a day comes back by itself, as far as no mail stops by it; the rest is prepared and told."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import may_edit
from partners.actions.releases import abandon, cut, head, publish
from partners.core.errors import PortalError
from partners.models import Candidate, Change

__all__ = ["bring_back"]

log = structlog.get_logger(__name__)


def bring_back(*, now: datetime) -> list[Change]:
    """Release the changes that end a relaxation, each on its own; return those that are on their way to the relays.

    Only what strengthens, concerns no other channel and stops no mail is released without a person: its end was agreed
    to when it was lowered. Else the candidate stands there, and the alert and Today name it until somebody acts.
    """
    released = []
    for change in Change.objects.ending_relaxations().select_related("author"):
        if not may_edit(change.author):
            continue  # whoever lowered it has left: a person cuts it
        try:
            candidate = _prepared(change, now=now)
            if candidate is None or candidate.needs_second or not _is_own(candidate, change):
                continue
            release = publish(candidate, by=change.author, now=now, reason=_("a relaxation ended on its day"))
        except PortalError as waits:  # old facts are asked for by then, and the next tick comes by
            log.info("relaxation.waits", channel=change.channel_id, cause=str(waits))
            continue
        detail = {"change": change.pk, "release": release.number}
        audit.record("channel.relaxation-returned", f"channel {change.channel_id}", by=None, now=now, detail=detail)
        released.append(change)
    return released


def _prepared(change: Change, *, now: datetime) -> Candidate | None:
    """Return the candidate that holds *change* alone, cut on the release of now; None where a person's holds it."""
    base = head()
    for candidate in Candidate.objects.filter(state=Candidate.State.OPEN, changes=change):
        if candidate.changes.count() > 1:
            return None
        if candidate.base_id == (base.pk if base else None):
            return candidate
        abandon(candidate, by=change.author, now=now)
    return cut([change], by=change.author, now=now)


def _is_own(candidate: Candidate, change: Change) -> bool:
    """Whether the guard found nothing but what *change* does to keys of its own channel."""
    keys: Sequence[str] = change.after["nexthops"]
    return all((finding.get("nexthop") or finding["key"]) in keys for finding in candidate.findings)
