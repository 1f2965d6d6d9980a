"""What waits for a second person, and which invitations are on their way."""

from dataclasses import dataclass
from datetime import datetime

from partners.models import Invitation, Pin

__all__ = ["Inbox", "inbox"]


@dataclass(frozen=True, slots=True)
class Inbox:
    """Pins and invitations that wait, oldest first; sent: invitations agreed to and not used, newest first."""

    pins: tuple[Pin, ...]
    invitations: tuple[Invitation, ...]
    sent: tuple[Invitation, ...]


def inbox(*, now: datetime, alone_counts: bool) -> Inbox:
    """Return what waits at *now*, in three queries.

    alone_counts: what one person did alone is agreed (partners.actions.access.lone_acts_count).
    """
    pins = Pin.objects.filter(state=Pin.State.PROPOSED, channel__removed_at__isnull=True)
    invitations = Invitation.objects.select_related("partner", "invited_by")
    return Inbox(
        pins=tuple(pins.select_related("channel__partner", "certificate", "proposed_by")),
        invitations=tuple(invitations.waiting(alone_counts=alone_counts).order_by("made_at", "pk")),
        sent=tuple(invitations.sendable(alone_counts=alone_counts, now=now).order_by("-agreed_at", "-pk")),
    )
