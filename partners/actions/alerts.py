"""What becomes of an alert: a person looks after it or lets it rest, it is told once more, and it ends by itself."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.alarming import DELIVER_DUE
from partners.actions.journal import tell_alert
from partners.actions.leases import nudge
from partners.actions.notices import plan_house, plan_recovery
from partners.core.alarms import ESCALATE_AFTER, STEADY, Severity
from partners.core.errors import ActionRefused, StaleRefused
from partners.models import Alert, AlertDelivery, AlertPartner, User

__all__ = ["SNOOZE_LONGEST", "acknowledge", "close_calm", "escalate_due", "snooze"]

SNOOZE_LONGEST = timedelta(days=90)
_WORD_MAX = 300
_AT_ONCE = 200


def acknowledge(alert: Alert, *, by: User, now: datetime, word: str = "") -> None:
    """Say that *by* looks after *alert*: nobody is reminded of it any more."""
    demand_editor(by)
    word = " ".join(word.split())[:_WORD_MAX]
    with transaction.atomic():
        changed = Alert.objects.filter(pk=alert.pk, closed_at__isnull=True, acknowledged_at__isnull=True).update(
            acknowledged_by=by, acknowledged_at=now, word=word, snoozed_until=None
        )
        if not changed:
            raise StaleRefused(_("alert %s") % alert.pk, _("it is over, or somebody looks after it already"))
        audit.record("alert.acknowledged", f"alert {alert.pk}", by=by, now=now, detail={"word": word})
    alert.refresh_from_db()


def snooze(alert: Alert, until: datetime, *, by: User, now: datetime) -> None:
    """Let *alert* rest until a moment; if it is still open then, it is told once more, whoever looked after it."""
    demand_editor(by)
    if not now < until <= now + SNOOZE_LONGEST:
        cure = _("choose a day within %s days") % SNOOZE_LONGEST.days
        raise ActionRefused(_("alert %s") % alert.pk, _("it cannot rest until then"), cure)
    with transaction.atomic():
        changed = Alert.objects.filter(pk=alert.pk, closed_at__isnull=True).update(
            snoozed_until=until, acknowledged_by=None, acknowledged_at=None, escalated_at=None
        )
        if not changed:
            raise StaleRefused(_("alert %s") % alert.pk, _("it is over"))
        audit.record("alert.snoozed", f"alert {alert.pk}", by=by, now=now, detail={"until": until.isoformat()})
    alert.refresh_from_db()


def escalate_due(*, now: datetime) -> int:
    """Tell once more what nobody looks after, also those who are told that alone; return how many alerts."""
    silent = Alert.objects.filter(closed_at__isnull=True, acknowledged_at__isnull=True, escalated_at__isnull=True)
    late = [
        alert
        for alert in silent.order_by("pk")
        if now >= (alert.snoozed_until or alert.opened_at + ESCALATE_AFTER[Severity(alert.severity)])
    ][:_AT_ONCE]
    with transaction.atomic():
        for alert in late:
            mine = silent.filter(pk=alert.pk, snoozed_until=alert.snoozed_until)
            if mine.update(escalated_at=now):
                plan_house(alert, AlertDelivery.Kind.ESCALATED, now=now)
                tell_alert("alert.escalated", alert, now=now)
        if late:
            nudge(DELIVER_DUE)
    return len(late)


def close_calm(*, now: datetime) -> int:
    """End the parts that stayed calm long enough, and the alerts of which no part is left; return how many parts."""
    calm = AlertPartner.objects.filter(closed_at__isnull=True, calm_since__lte=now - STEADY)
    if not calm.exists():
        return 0
    with transaction.atomic():
        rows = list(calm.select_for_update(of=("self",)).select_related("alert").order_by("pk")[:_AT_ONCE])
        AlertPartner.objects.filter(pk__in=[row.pk for row in rows]).update(closed_at=now)
        for row in rows:
            plan_recovery(row.alert, row.partner_id, now=now)
        for alert in {row.alert_id: row.alert for row in rows}.values():
            left = AlertPartner.objects.filter(alert=alert, closed_at__isnull=True).exists()
            if not left and Alert.objects.filter(pk=alert.pk, closed_at__isnull=True).update(closed_at=now):
                plan_recovery(alert, None, now=now)
                tell_alert("alert.closed", alert, now=now)
        nudge(DELIVER_DUE)
    return len(rows)
