"""Who is told of an alert: deliveries are planned as rows, claimed with a lease, noted as sent or given up."""

import secrets
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from partners.core.alarms import Severity, is_ours
from partners.models import Alert, AlertDelivery, Contact, Invitation, Membership, NoticeTarget, PartnerNotices

__all__ = [
    "ATTEMPTS_MAX",
    "SETTLE",
    "DeliveryClaim",
    "claim_deliveries",
    "plan_house",
    "plan_partners",
    "plan_recovery",
    "record_failed",
    "record_sent",
]

SETTLE = timedelta(seconds=60)  # all partners of one place come in within it, and are named in one message
MORE_EVERY = timedelta(hours=1)
DELIVERY_LEASE = timedelta(minutes=2)  # longer than one message may take
ATTEMPTS_MAX = 14  # about three days
_WAIT_SHORTEST, _WAIT_LONGEST = timedelta(minutes=1), timedelta(hours=8)
_FAULT_MAX = 300
_Kind = AlertDelivery.Kind

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A message that this worker sends."""

    delivery: AlertDelivery
    token: str


def plan_house(alert: Alert, kind: AlertDelivery.Kind, *, now: datetime) -> None:
    """Plan a message about *alert* to each target of the house that wants its severity.

    One of a kind a day and target. Further partners of a place are named by the message that waits, or by one an hour.
    """
    targets = NoticeTarget.objects.filter(removed_at__isnull=True, least__gte=alert.severity)
    if kind is not _Kind.ESCALATED:
        targets = targets.filter(only_escalated=False)
    waiting: set[int | None] = set()
    if kind is _Kind.MORE:
        unsent = AlertDelivery.objects.filter(alert=alert, partner__isnull=True, next_try_at__isnull=False)
        waiting = set(unsent.exclude(kind=_Kind.RECOVERED).values_list("target", flat=True))
    rows = [_row(alert, kind, target=target, now=now) for target in targets if target.pk not in waiting]
    AlertDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    if kind is _Kind.MORE and rows:
        sent = AlertDelivery.objects.filter(alert=alert, kind=kind, day=rows[0].day, partner__isnull=True)
        sent = sent.filter(sent_at__isnull=False, next_try_at__isnull=True)
        sent.update(next_try_at=F("sent_at") + MORE_EVERY, planned_at=now)


def plan_partners(alert: Alert, kind: AlertDelivery.Kind, partners: Collection[int], *, now: datetime) -> None:
    """Plan a message to the contacts of those of *partners* for whom the mail team switched that on.

    What only the house can mend, and what nobody could look at, is told to no partner.
    """
    if not partners or is_ours(alert.cause) or alert.severity == Severity.UNKNOWN:
        return
    told = PartnerNotices.objects.filter(partner__in=partners, contacts_told=True).values_list("partner", flat=True)
    rows = [
        _row(alert, kind, partner=partner, address=address, language=language, now=now)
        for partner in sorted(told)
        for address, language in _contacts(partner)
    ]
    AlertDelivery.objects.bulk_create(rows, ignore_conflicts=True)


def plan_recovery(alert: Alert, partner: int | None, *, now: datetime) -> None:
    """Plan to tell those who were told of *alert* that it is over; partner: that it is over for this one."""
    told = AlertDelivery.objects.filter(alert=alert, partner=partner, sent_at__isnull=False)
    told = told.exclude(kind=_Kind.RECOVERED).filter(Q(target__isnull=True) | Q(target__removed_at__isnull=True))
    AlertDelivery.objects.filter(alert=alert, partner=partner, next_try_at__isnull=False).exclude(
        kind=_Kind.RECOVERED
    ).update(next_try_at=None, fault="it was over before it could be told")
    once = {(one.via, one.address): one for one in told.select_related("target").order_by("pk")}
    rows = [
        _row(alert, _Kind.RECOVERED, target=one.target, partner=partner, address=one.address, language=one.language,
             now=now)
        for one in once.values()
    ]  # fmt: skip
    AlertDelivery.objects.bulk_create(rows, ignore_conflicts=True)


def claim_deliveries(limit: int, *, now: datetime) -> list[DeliveryClaim]:
    """Claim up to *limit* messages that are due; one whose worker died is due again, and may be sent twice."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=Now())
    due = AlertDelivery.objects.filter(free, next_try_at__lte=now).order_by("next_try_at", "pk")
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        return list(_taken(due[:limit]))


def record_sent(claim: DeliveryClaim, *, now: datetime) -> None:
    """Note that the message left."""
    _mine(claim).update(
        sent_at=now, next_try_at=None, fault="", lease_token="", lease_until=None, attempts=F("attempts") + 1
    )
    log.info("alert.delivered", alert=claim.delivery.alert_id, kind=claim.delivery.kind, via=claim.delivery.via)


def record_failed(claim: DeliveryClaim, fault: str, *, permanent: bool, now: datetime) -> None:
    """Note why the message did not leave, and when it is tried again; given up where that is of no use."""
    attempts = claim.delivery.attempts + 1
    gone = permanent or attempts >= ATTEMPTS_MAX
    _mine(claim).update(
        attempts=attempts,
        fault=" ".join(fault.split())[:_FAULT_MAX],
        next_try_at=None if gone else now + retry_wait(attempts),
        failed_at=now if gone else None,
        lease_token="",
        lease_until=None,
    )
    tell = log.error if gone else log.warning
    tell("alert.not-delivered", alert=claim.delivery.alert_id, via=claim.delivery.via, cause=fault, given_up=gone)


def retry_wait(attempts: int) -> timedelta:
    """Return the wait after so many attempts: twice the one before, between two bounds."""
    doubled = int(2 ** min(attempts - 1, ATTEMPTS_MAX))
    return min(_WAIT_SHORTEST * doubled, _WAIT_LONGEST)


def _mine(claim: DeliveryClaim) -> "QuerySet[AlertDelivery]":
    return AlertDelivery.objects.filter(pk=claim.delivery.pk, lease_token=claim.token)


def _taken(due: Iterable[AlertDelivery]) -> Iterator[DeliveryClaim]:
    for row in due:
        token = secrets.token_hex(16)
        mine = AlertDelivery.objects.filter(pk=row.pk, lease_token=row.lease_token)
        if mine.update(lease_token=token, lease_until=Now() + DELIVERY_LEASE):
            yield DeliveryClaim(row, token)


def _row(
    alert: Alert,
    kind: AlertDelivery.Kind,
    *,
    now: datetime,
    target: NoticeTarget | None = None,
    partner: int | None = None,
    address: str = "",
    language: str = "en",
) -> AlertDelivery:
    """Return an unsaved delivery, due when what belongs together has come in."""
    return AlertDelivery(
        alert=alert,
        kind=kind.value,
        target=target,
        partner_id=partner,
        via=target.via if target else NoticeTarget.Via.MAIL.value,
        address=target.address if target else address,
        language=target.language if target else language,
        day=timezone.localdate(now),
        planned_at=now,
        next_try_at=now + SETTLE,
    )


def _contacts(partner: int) -> list[tuple[str, str]]:
    """Return the addresses on the side of *partner* with their languages: contacts, and those who sign in."""
    found = {email.lower(): language for email, language in Contact.objects.filter(partner=partner).values_list(
        "email", "language")}  # fmt: skip
    members = Membership.objects.filter(partner=partner, ended_at__isnull=True, user__is_active=True)
    emails = [email.lower() for email in members.values_list("user__email", flat=True)]
    invited = Invitation.objects.filter(partner=partner, email__in=emails).order_by("pk")
    languages = {email.lower(): language for email, language in invited.values_list("email", "language")}
    for email in emails:
        found.setdefault(email, languages.get(email, "en"))
    return sorted(found.items())
