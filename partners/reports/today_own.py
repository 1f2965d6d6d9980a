"""What only we can mend, and no verdict tells: relaxations that are over, and rows that nobody looks at any more."""

from datetime import datetime

from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.translation import gettext as _

from partners.core.alarms import RELAXATION_OVER, SET_ASIDE, alarm_text
from partners.models import Change, Channel
from partners.models.troubles import own_troubles
from partners.reports.today_hands import Hand, duration

__all__ = ["own_hands"]

_SHOWN = 50


def own_hands(*, now: datetime) -> tuple[Hand, ...]:
    """Return a hand for each trouble of ours, overdue relaxations first; one query where there is none."""
    troubles = own_troubles()
    if not troubles:
        return ()
    channels = Channel.objects.filter(pk__in=troubles).select_related("partner").prefetch_related("nexthops")
    over = {change.channel_id: change for change in Change.objects.ending_relaxations().order_by("made_at")}
    hands = [
        _hand(channel, cause, over.get(channel.pk), now=now) for channel in channels for cause in troubles[channel.pk]
    ]
    return tuple(sorted(hands, key=lambda hand: (hand.state != "weak", hand.name)))[:_SHOWN]


def _hand(channel: Channel, cause: str, change: Change | None, *, now: datetime) -> Hand:
    text = alarm_text(cause)
    page = reverse("partner-detail", args=[channel.pk])
    is_over = cause == RELAXATION_OVER and change is not None
    end = parse_datetime(change.before["lowered_until"]) if is_over and change and change.before else None
    since = end or min((row.set_aside_at for row in channel.nexthops.all() if row.set_aside_at), default=None)
    return Hand(
        state="unk" if cause == SET_ASIDE else "weak",
        when=duration(now - since) if since else "",
        when_note=_("overdue") if is_over else _("set aside"),
        name=channel.partner.name,
        key=next((row.key for row in channel.nexthops.all()), ""),
        url=page,
        cause=format_html("{}", _(text.team) if text else cause),
        who=_("You"),
        who_note=_("or whoever lowered it") if is_over else "",
        label=_("Cut and publish") if is_over else _("Look again"),
        step_url=reverse("release-list") if is_over else page,
    )
