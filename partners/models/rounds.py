"""How far each round of the watch is, kept by whoever runs it: what the page of the running cycle reads."""

from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import Q

from partners.core.vantage import HERE

__all__ = ["SILENT_AFTER", "RoundRow"]

SILENT_AFTER: Final = timedelta(seconds=60)  # a round that gave no sign for so long is not running any more


class RoundRow(models.Model):
    """One round of a worker; of a probe elsewhere, a spell of work at its vantage.

    moved_at: the last sign of life; finished_at: None while it runs, and for ever where its worker died. troubled: how
    many sessions gave no fact. slowest, failed: a few sessions each, {"address", "port", "ms", "cause"}.
    """

    class Lane(models.TextChoices):
        DUE = "due"
        ASKED = "asked"
        SLOW = "slow"

    lane = models.CharField(max_length=16, choices=Lane.choices, default=Lane.DUE)
    vantage = models.SlugField(max_length=40, default=HERE)
    begun_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    nexthops = models.PositiveIntegerField(default=0)
    endpoints = models.PositiveIntegerField(default=0)
    handshakes = models.PositiveIntegerField(default=0)
    troubled = models.PositiveIntegerField(default=0)
    slowest = models.JSONField(default=list)
    failed = models.JSONField(default=list)

    class Meta:
        indexes = (models.Index(name="round_begun", fields=["begun_at"]),)
        constraints = (
            models.UniqueConstraint(
                name="round_one_elsewhere",
                fields=["vantage"],
                condition=Q(finished_at__isnull=True) & ~Q(vantage=HERE),
            ),
        )

    def __str__(self) -> str:
        return f"round {self.pk}"
