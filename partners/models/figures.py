"""What is counted ahead, so that a page need not scan a large estate: each can be counted again from the other rows."""

from django.db import models

from partners.models.estate import Channel
from partners.models.states import ComplianceInterval

__all__ = ["ChannelEnd", "DailyTally", "KeptFigures"]


class DailyTally(models.Model):
    """How many agreements stood in a state at the end of a day, in the portal's time zone; written when it is over.

    A day whose tallies are there is sealed; intervals may be forgotten before it is.
    """

    day = models.DateField()
    state = models.CharField(max_length=12, choices=ComplianceInterval.State.choices)
    count = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(name="daily_tally_once", fields=["day", "state"]),)

    def __str__(self) -> str:
        return f"{self.day} {self.state}"


class KeptFigures(models.Model):
    """The figures of a large estate as they were at counted_at. size: of how many agreements; seconds: what it cost."""

    name = models.CharField(max_length=16, unique=True)
    size = models.PositiveIntegerField()
    counted_at = models.DateTimeField()
    seconds = models.FloatField()
    figures = models.JSONField()

    def __str__(self) -> str:
        return self.name


class ChannelEnd(models.Model):
    """The first certificate end that lies ahead of a channel, as reports/forecast.py told it when it was counted.

    ends: of every address, in seconds since 1970; last_at: the last of them. succeeded: a successor of a pin is known.
    """

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="end")
    state = models.CharField(max_length=12)
    at = models.DateTimeField()
    last_at = models.DateTimeField()
    pinned = models.BooleanField()
    succeeded = models.BooleanField()
    ends = models.JSONField()
    subject = models.CharField(max_length=300)

    class Meta:
        indexes = (models.Index(name="channel_end_at", fields=["at", "channel"]),)

    def __str__(self) -> str:
        return f"end of channel {self.channel_id}"
