"""A look at a nexthop of which nothing is kept yet: who asked, what the DNS said, which addresses are spoken to."""

from django.conf import settings
from django.db import models

from partners.models.facts import Endpoint, Observation

__all__ = ["Look"]


class Look(models.Model):
    """What an editor has looked at before adding a partner; theirs alone to see, and gone after expires_at.

    due_at is the work, leased as a nexthop's is. dns: what the lookup gave, None before it.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=300)
    made_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField(db_index=True)
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    crashes = models.PositiveSmallIntegerField(default=0)
    set_aside_at = models.DateTimeField(null=True, blank=True)
    dns = models.ForeignKey(Observation, models.PROTECT, null=True, blank=True, related_name="+")
    looked_up_at = models.DateTimeField(null=True, blank=True)
    endpoints = models.ManyToManyField(Endpoint, related_name="looks")

    def __str__(self) -> str:
        return f"look at {self.key}"
