"""What was done to many partners at once, and what they were before, so that it can be taken back."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

__all__ = ["BulkAct"]


class BulkAct(models.Model):
    """One confirmed act. asked: what was asked for, by name. A row that is written is never written again but undone.

    rows: for each that was changed, channel, partner, name, before, after, and change where a draft was written.
    left: for each that was not, channel, name and why; kept: the same of those that an undo left alone.
    """

    class Kind(models.TextChoices):
        """What was done."""

        TAGS = "tags", _("Tags")
        PROBE = "probe", _("Probe now")
        LEVEL = "level", _("Level")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    asked = models.JSONField(default=dict)
    rows = models.JSONField(default=list)
    left = models.JSONField(default=list)
    kept = models.JSONField(default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                name="bulk_act_undone_by", condition=Q(undone_at__isnull=True) | Q(undone_by__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"bulk act {self.pk}"
