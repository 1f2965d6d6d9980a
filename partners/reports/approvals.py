"""What waits for a second person, candidates too, and which invitations are on their way."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from partners.models import Approval, Candidate, Invitation, Pin

__all__ = ["Inbox", "inbox"]


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits, oldest first. candidates: read and agreed to on their own pages.

    sent: invitations agreed to and not used, newest first.
    """

    pins: tuple[Pin, ...]
    invitations: tuple[Invitation, ...]
    candidates: tuple[Candidate, ...]
    sent: tuple[Invitation, ...]


def inbox(*, now: datetime, alone_counts: bool) -> Inbox:
    """Return what waits at *now*, in four queries.

    alone_counts: what one person did alone is agreed (partners.actions.access.lone_acts_count).
    """
    pins = Pin.objects.filter(state=Pin.State.PROPOSED, channel__removed_at__isnull=True)
    invitations = Invitation.objects.select_related("partner", "invited_by")
    return Inbox(
        pins=tuple(pins.select_related("channel__partner", "certificate", "proposed_by")),
        invitations=tuple(invitations.waiting(alone_counts=alone_counts).order_by("made_at", "pk")),
        candidates=tuple(_candidates()),
        sent=tuple(invitations.sendable(alone_counts=alone_counts, now=now).order_by("-agreed_at", "-pk")),
    )


def _candidates() -> QuerySet[Candidate]:
    """Return the open candidates that nobody second agreed to as they stand, oldest first."""
    agreed = Approval.objects.filter(
        candidate=OuterRef("pk"),
        candidate_sha256=OuterRef("sha256"),
        findings_sha256=OuterRef("findings_sha256"),
    )
    waiting = Candidate.objects.filter(~Exists(agreed), state=Candidate.State.OPEN, needs_second=True)
    return waiting.select_related("author").order_by("cut_at", "pk")
