"""What only we can mend, and no verdict tells: relaxations that are over, rows that nobody looks at any more, and
domains that may have changed hands.
"""

from collections.abc import Mapping
from datetime import datetime

from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.translation import gettext as _

from partners.core.alarms import NAME_SERVERS_MOVED, RELAXATION_OVER, SET_ASIDE, alarm_text
from partners.models import Change, Channel
from partners.models.troubles import doubted_owners, own_troubles
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
    doubted: dict[int, datetime] = {}
    if any(NAME_SERVERS_MOVED in causes for causes in troubles.values()):
        doubted = dict(doubted_owners().order_by("-seen_at").values_list("nexthop__channel", "seen_at"))
    hands = [
        _hand(channel, cause, _since(channel, cause, over, doubted), now=now)
        for channel in channels
        for cause in troubles[channel.pk]
    ]
    return tuple(sorted(hands, key=lambda hand: (hand.state != "weak", hand.name)))[:_SHOWN]


def _since(
    channel: Channel, cause: str, over: Mapping[int, Change], doubted: Mapping[int, datetime]
) -> datetime | None:
    """Return since when *channel* has the trouble."""
    if cause == NAME_SERVERS_MOVED:
        return doubted.get(channel.pk)
    change = over.get(channel.pk) if cause == RELAXATION_OVER else None
    if change is not None and change.before:
        return parse_datetime(change.before["lowered_until"])
    return min((row.set_aside_at for row in channel.nexthops.all() if row.set_aside_at), default=None)


def _hand(channel: Channel, cause: str, since: datetime | None, *, now: datetime) -> Hand:
    text = alarm_text(cause)
    page = reverse("partner-detail", args=[channel.pk])
    notes = {
        RELAXATION_OVER: (_("overdue"), _("or whoever lowered it"), _("Cut and publish"), reverse("release-list")),
        NAME_SERVERS_MOVED: (_("changed owner?"), "", _("To the alert"), reverse("alert-list")),
    }
    note, who, label, step = notes.get(cause, (_("set aside"), "", _("Look again"), page))
    return Hand(
        state="unk" if cause == SET_ASIDE else "weak",
        when=duration(now - since) if since else "",
        when_note=note,
        name=channel.partner.name,
        key=next((row.key for row in channel.nexthops.all()), ""),
        url=page,
        cause=format_html("{}", _(text.team) if text else cause),
        who=_("You"),
        who_note=who,
        label=label,
        step_url=step,
    )
