"""Links to the wall view: what opens a page of numbers without an account."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class WallLink(models.Model):
    """A link for a screen on a wall; only the SHA-256 of its secret is kept.

    shows_names: whether the partners that are not as agreed are named; without it the page holds numbers alone.
    language: of the page, for a screen has nobody who chooses. used_at: when it was opened last, to the minute.
    """

    label = models.CharField(max_length=60)
    sha256 = models.CharField(max_length=64, unique=True)
    language = models.CharField(max_length=10)
    shows_names = models.BooleanField(default=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (models.CheckConstraint(name="wall_link_labelled", condition=~Q(label="")),)

    def __str__(self) -> str:
        return self.label
