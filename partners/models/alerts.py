"""Alerts: what the mail team is told of, whom it is told to, and what became of each message."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from partners.core.alarms import Severity
from partners.models.estate import Channel, Partner

__all__ = ["Alert", "AlertDelivery", "AlertPartner", "Cycle", "NoticeTarget", "PartnerNotices"]

_LANGUAGES = [("en", "English"), ("de", "Deutsch")]
_SEVERITIES = [(severity.value, severity.name.lower()) for severity in Severity]


class Alert(models.Model):
    """One cause at one place, however many partners it concerns: what a person acknowledges, and is told once.

    cause: a code of core/alarms.py or core/reasons.py. place: "address:port" that the partners share, "" where the
    cause is one partner's own. grouping: what joins a further partner to it; only one open alert has it. where: for
    people. breaks_at: when mail stops, if that is known. snoozed_until: nobody is reminded before that.
    """

    cause = models.CharField(max_length=64)
    severity = models.PositiveSmallIntegerField(choices=_SEVERITIES)
    place = models.CharField(max_length=300, blank=True)
    grouping = models.CharField(max_length=400)
    where = models.CharField(max_length=300, blank=True)
    breaks_at = models.DateTimeField(null=True, blank=True)
    day = models.DateField()
    opened_at = models.DateTimeField(db_index=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    word = models.CharField(max_length=300, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("severity", "opened_at", "pk")
        constraints = (
            models.UniqueConstraint(name="alert_one_open", fields=["grouping"], condition=Q(closed_at__isnull=True)),
        )
        indexes = (models.Index(name="alert_open", fields=["severity"], condition=Q(closed_at__isnull=True)),)

    def __str__(self) -> str:
        return f"alert {self.pk}"


class AlertPartner(models.Model):
    """A partner whom an alert concerns; at most one per partner, cause and day.

    channels: those in which the cause is seen now. calm_since: since when it is seen in none of them; the partner's
    part ends once that lasted. returned_at: the cause came back on the day it had ended.
    """

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="parts")
    partner = models.ForeignKey(Partner, models.CASCADE, related_name="alert_parts")
    channels: "models.ManyToManyField[Channel, Any]" = models.ManyToManyField(Channel, related_name="alert_parts")
    cause = models.CharField(max_length=64)
    day = models.DateField()
    opened_at = models.DateTimeField()
    calm_since = models.DateTimeField(null=True, blank=True, db_index=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(name="alert_once_a_day", fields=["partner", "cause", "day"]),
            models.UniqueConstraint(
                name="alert_part_one_open", fields=["partner", "cause"], condition=Q(closed_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"part {self.pk} of alert {self.alert_id}"


class NoticeTarget(models.Model):
    """A mail address of the house, or a webhook, that alerts are told to.

    least: alerts of this severity and worse ones. only_escalated: it is told alone what nobody acknowledged in time.
    nonce, key_id: the webhook's secret is derived from them and the portal's own key, and kept nowhere.
    """

    class Via(models.TextChoices):
        MAIL = "mail", _("mail")
        WEBHOOK = "webhook", _("webhook")

    via = models.CharField(max_length=8, choices=Via.choices)
    address = models.CharField(max_length=500)
    language = models.CharField(max_length=8, choices=_LANGUAGES, default="en")
    least = models.PositiveSmallIntegerField(choices=_SEVERITIES, default=Severity.UNKNOWN.value)
    only_escalated = models.BooleanField(default=False)
    nonce = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=16, blank=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("via", "address")
        constraints = (
            models.UniqueConstraint(
                name="notice_target_once", fields=["via", "address"], condition=Q(removed_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"{self.via} {self.address}"


class AlertDelivery(models.Model):
    """One message about an alert to one address, and what became of it: the row is the work.

    partner: it goes to that partner's contact and tells of that partner alone; None for the house. next_try_at: when it
    is due (None once it is over); lease_token and lease_until as with the rows of the probe. failed_at: given up.
    """

    class Kind(models.TextChoices):
        RAISED = "raised", _("raised")
        MORE = "more", _("more partners")
        ESCALATED = "escalated", _("escalated")
        RETURNED = "returned", _("returned")
        RECOVERED = "recovered", _("recovered")

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    target = models.ForeignKey(NoticeTarget, models.CASCADE, null=True, blank=True, related_name="deliveries")
    partner = models.ForeignKey(Partner, models.CASCADE, null=True, blank=True, related_name="+")
    via = models.CharField(max_length=8, choices=NoticeTarget.Via.choices)
    address = models.CharField(max_length=500)
    language = models.CharField(max_length=8, default="en")
    day = models.DateField()
    planned_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True, blank=True, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    fault = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="delivery_once_house",
                fields=["alert", "kind", "day", "via", "address"],
                condition=Q(partner__isnull=True),
            ),
            models.UniqueConstraint(
                name="delivery_once_partner",
                fields=["alert", "kind", "day", "partner", "via", "address"],
                condition=Q(partner__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of alert {self.alert_id} by {self.via}"


class PartnerNotices(models.Model):
    """What the mail team has set for one partner; without a row nobody on its side is told anything.

    warn_percent: share of a certificate's lifetime that is left when its end becomes an alarm, None for the default.
    """

    partner = models.OneToOneField(Partner, models.CASCADE, related_name="notices")
    contacts_told = models.BooleanField(default=False)
    warn_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="notices_percent",
                condition=Q(warn_percent__isnull=True) | Q(warn_percent__gte=1, warn_percent__lte=90),
            ),
        )

    def __str__(self) -> str:
        return f"notices of partner {self.partner_id}"


class Cycle(models.Model):
    """When a recurring piece of work came to its end last; the watch on the watch reads it."""

    name = models.CharField(max_length=16, unique=True)
    finished_at = models.DateTimeField()
    seconds = models.FloatField(default=0.0)
    nexthops = models.PositiveIntegerField(default=0)
    endpoints = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"cycle {self.name}"
