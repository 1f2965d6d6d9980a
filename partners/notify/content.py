"""What a message about an alert says, in the words of its reader: the mail team of all, a partner of its own alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.core.alarms import Severity, alarm_text
from partners.core.lifetime import first_bounce, queue_lifetime
from partners.models import Alert, AlertDelivery, AlertPartner, ComplianceInterval, Nexthop, RelayGroup, VerdictRow

__all__ = ["NAMED_MAX", "SEVERITY_WORDS", "Content", "Part", "content_of"]

NAMED_MAX: Final = 50  # partners in one message; the rest is a number and a link
_KEYS_MAX: Final = 5
_Kind = AlertDelivery.Kind

SEVERITY_WORDS: dict[Severity, Promise] = {
    Severity.STOPPED: gettext_lazy("Mail stops"),
    Severity.BREAKS_SOON: gettext_lazy("Mail will stop"),
    Severity.WEAKER: gettext_lazy("Weaker than agreed"),
    Severity.UNKNOWN: gettext_lazy("Unknown for too long"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A partner in a message, with its keys."""

    partner: str
    keys: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is told. sentence: the cause and what to do. bounces_at: by when the first message that waits comes back.

    returns_at_once: mail is not queued. total: of the partners concerned, parts may name fewer.
    """

    kind: str
    alert: int
    severity: Severity
    cause: str
    word: str
    sentence: str
    where: str
    opened_at: datetime
    breaks_at: datetime | None
    bounces_at: datetime | None
    returns_at_once: bool
    parts: tuple[Part, ...]
    total: int
    url: str

    @property
    def left_out(self) -> int:
        """How many partners are not named."""
        return self.total - len(self.parts)


def content_of(delivery: AlertDelivery) -> Content:
    """Return what *delivery* says, in the active language; a fixed number of queries, however many partners."""
    alert, theirs = delivery.alert, delivery.partner_id is not None
    rows = _parts(delivery)
    shown = list(rows[:NAMED_MAX])
    channels = _channels(shown)
    keys = _keys({channel for found in channels.values() for channel in found})
    every = {channel for found in channels.values() for channel in found}
    text = alarm_text(alert.cause)
    deliveries = set(VerdictRow.objects.own().filter(nexthop__channel__in=every).values_list("delivery", flat=True))
    stops = alert.severity == Severity.STOPPED
    return Content(
        kind=delivery.kind,
        alert=alert.pk,
        severity=Severity(alert.severity),
        cause=alert.cause,
        word=str(SEVERITY_WORDS[Severity(alert.severity)]),
        sentence=_(text.partner if theirs else text.team) if text else alert.cause,
        where=_own_place(every) if theirs else alert.where,
        opened_at=alert.opened_at,
        breaks_at=alert.breaks_at,
        bounces_at=_bounces_at(alert) if stops and "defer" in deliveries else None,
        returns_at_once=stops and deliveries == {"bounce"},
        parts=tuple(_part(row, channels.get(row.pk, ()), keys, theirs=theirs) for row in shown),
        total=rows.count() if len(shown) == NAMED_MAX else len(shown),
        url=settings.PORTAL_URL + (reverse("portal-home") if theirs else reverse("alert-list") + f"?alert={alert.pk}"),
    )


def _parts(delivery: AlertDelivery) -> "QuerySet[AlertPartner]":
    """Return the parts that *delivery* is about: a partner's own, those that came since, or those that are open."""
    rows = delivery.alert.parts.select_related("partner").order_by("partner__name")
    if delivery.partner_id is not None:
        return rows.filter(partner=delivery.partner_id)
    if delivery.kind == _Kind.MORE:
        return rows.filter(opened_at__gte=delivery.planned_at)
    return rows if delivery.kind == _Kind.RECOVERED else rows.filter(closed_at__isnull=True)


def _channels(parts: Sequence[AlertPartner]) -> dict[int, tuple[int, ...]]:
    """Return the channels of each part; one that is calm by now has none left, and names those of its partner."""
    through = AlertPartner.channels.through.objects.filter(alertpartner__in=[part.pk for part in parts])
    found: dict[int, tuple[int, ...]] = {}
    for part, channel in through.order_by("channel_id").values_list("alertpartner_id", "channel_id"):
        found[part] = (*found.get(part, ()), channel)
    calm = {part.partner_id: part.pk for part in parts if part.pk not in found}
    living = Nexthop.objects.filter(channel__partner__in=calm, channel__removed_at__isnull=True) if calm else None
    for partner, channel in (
        living.order_by("channel_id").values_list("channel__partner", "channel").distinct() if living else ()
    ):
        found[calm[partner]] = (*found.get(calm[partner], ()), channel)
    return found


def _keys(channels: set[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for channel, key in Nexthop.objects.filter(channel__in=channels).order_by("key").values_list("channel", "key"):
        found.setdefault(channel, []).append(key)
    return found


def _part(row: AlertPartner, channels: Sequence[int], keys: dict[int, list[str]], *, theirs: bool) -> Part:
    named = [key for channel in channels for key in keys.get(channel, [])]
    shown = (*named[:_KEYS_MAX], *(["…"] if len(named) > _KEYS_MAX else []))
    page = reverse("portal-home") if theirs or not channels else reverse("partner-detail", args=[channels[0]])
    return Part(" ".join(row.partner.name.split()), shown, settings.PORTAL_URL + page)


def _own_place(channels: set[int]) -> str:
    """Return the place as the partner's own channel has it, never as others share it."""
    rows = ComplianceInterval.objects.filter(channel__in=channels, valid_to__isnull=True).exclude(where="")
    return rows.values_list("where", flat=True).first() or ""


def _bounces_at(alert: Alert) -> datetime | None:
    """Return by when the first message that waits bounces, at the latest; None where a setting cannot be read."""
    texts = [str(group.main_cf.get("maximal_queue_lifetime", "")) for group in RelayGroup.objects.all()]
    try:
        return first_bounce(alert.opened_at, [queue_lifetime(text) for text in texts]) if texts else None
    except ValueError:
        return None
