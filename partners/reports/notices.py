"""Whom alerts are told to, and what became of the last messages to each."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q
from django.utils.functional import Promise

from partners.core.alarms import Severity
from partners.models import AlertDelivery, NoticeTarget, Partner, PartnerNotices
from partners.reports.alerts import SEVERITIES
from partners.reports.names import person_name

__all__ = ["NoticesSet", "TargetRow", "notices_of", "target_rows"]


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One address. waiting, given_up: of its messages; fault: of the newest one that did not leave."""

    pk: int
    via: str
    word: str
    address: str
    language: str
    least: str | Promise
    only_escalated: bool
    who: str
    added_at: datetime
    sent_at: datetime | None
    waiting: int
    given_up: int
    fault: str
    state: str


@dataclass(frozen=True, slots=True)
class NoticesSet:
    """What is set for one partner."""

    contacts_told: bool
    warn_percent: int | None
    changed_at: datetime | None
    who: str


def target_rows() -> tuple[TargetRow, ...]:
    """Return whom the house's alerts are told to, in two queries."""
    targets = (
        NoticeTarget.objects.filter(removed_at__isnull=True)
        .select_related("added_by")
        .annotate(
            sent=Max("deliveries__sent_at"),
            waiting=Count("deliveries", filter=Q(deliveries__next_try_at__isnull=False)),
            given_up=Count("deliveries", filter=Q(deliveries__failed_at__isnull=False)),
        )
    )
    faulty = AlertDelivery.objects.filter(target__removed_at__isnull=True, sent_at__isnull=True).exclude(fault="")
    faults = dict(faulty.order_by("pk").values_list("target", "fault"))
    return tuple(
        TargetRow(
            pk=one.pk,
            via=one.via,
            word=one.get_via_display(),
            address=one.address,
            language=one.get_language_display(),
            least=SEVERITIES[Severity(one.least)],
            only_escalated=one.only_escalated,
            who=person_name(one.added_by),
            added_at=one.added_at,
            sent_at=one.sent,
            waiting=one.waiting,
            given_up=one.given_up,
            fault=faults.get(one.pk, ""),
            state="weak" if one.pk in faults else "ok" if one.sent else "unk",
        )
        for one in targets
    )


def notices_of(partner: Partner) -> NoticesSet:
    """Return what is set for *partner*, in one query."""
    row = PartnerNotices.objects.filter(partner=partner).select_related("changed_by").first()
    if row is None:
        return NoticesSet(contacts_told=False, warn_percent=None, changed_at=None, who="")
    return NoticesSet(row.contacts_told, row.warn_percent, row.changed_at, person_name(row.changed_by))
