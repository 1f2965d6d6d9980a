"""What waits for a second person."""

from dataclasses import dataclass
from datetime import datetime

from partners.models import Invitation, Pin

__all__ = ["Inbox", "inbox"]


@dataclass(frozen=True, slots=True)
class Inbox:
    """Pins and invitations that wait, oldest first."""

    pins: tuple[Pin, ...]
    invitations: tuple[Invitation, ...]


def inbox(*, now: datetime) -> Inbox:
    """Return what waits at *now*, in two queries."""
    pins = Pin.objects.filter(state=Pin.State.PROPOSED, channel__removed_at__isnull=True)
    invitations = Invitation.objects.filter(
        approved_by__isnull=True, used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
    )
    return Inbox(
        pins=tuple(pins.select_related("channel__partner", "certificate", "proposed_by")),
        invitations=tuple(invitations.select_related("partner", "invited_by").order_by("made_at")),
    )
