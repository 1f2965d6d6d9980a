"""Where each living channel stands now, kept in one row for the lists of a large estate; actions/standings.py writes.

All of it follows from other rows and can be written anew at any time (`manage.py restand`). What the clock moves is not
kept but asked: rows hold moments, and whoever reads compares them with his own.
"""

from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q

from partners.models.estate import Channel

__all__ = ["HARM", "HARM_RANKS", "NEVER", "RESTS_ON_END", "Standing", "StandingSeen", "StandingTally", "StandingWords"]

HARM: Final = ("violated", "weaker", "unknown", "pending", "rolling", "compliant")  # worst first
HARM_RANKS: Final = {state: rank + (rank > 0) for rank, state in enumerate(HARM)}  # 1: what breaks soon, see breaks_at
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)  # seen_at of a channel of which no server was ever seen
RESTS_ON_END: Final = frozenset({"verify", "secure", "fingerprint"})  # levels at which the end of a leaf stops mail


class Standing(models.Model):
    """What a list shows, sorts and filters by. A channel that was given up has none.

    folded: the partner's name as sorted. key: the first nexthop of *keys*. harm_rank: of the state, worst first; its
    place 1 is left for what breaks soon. delivery, tls_status: of the worst own verdict; taking of hosts addresses
    would take the mail. leaf_begins, leaf_ends: of the leaf seen now that ends first. breaks_at: the same end, where
    mail that flows as agreed rests on it.
    """

    channel = models.OneToOneField(Channel, models.CASCADE, primary_key=True, related_name="standing")
    name = models.CharField(max_length=200)
    folded = models.CharField(max_length=400)
    key = models.CharField(max_length=300, blank=True)
    keys = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=12)
    harm_rank = models.PositiveSmallIntegerField()
    cause = models.CharField(max_length=300, blank=True)
    agreed = models.CharField(max_length=16)
    level = models.CharField(max_length=16)
    lowered_until = models.DateTimeField(null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    owner_mail = models.CharField(max_length=254, blank=True)
    delivery = models.CharField(max_length=12, blank=True)
    tls_status = models.CharField(max_length=12, blank=True)
    taking = models.PositiveIntegerField(default=0)
    hosts = models.PositiveIntegerField(default=0)
    leaf_begins = models.DateTimeField(null=True, blank=True)
    leaf_ends = models.DateTimeField(null=True, blank=True)
    breaks_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(name="standing_by_harm", fields=["harm_rank", "folded", "channel"]),
            models.Index(name="standing_by_name", fields=["folded", "channel"]),
            models.Index(name="standing_by_level", fields=["level", "folded", "channel"]),
            models.Index(name="standing_by_owner", fields=["owner_mail", "folded", "channel"]),
            models.Index(
                name="standing_breaks",
                fields=["breaks_at", "folded", "channel"],
                condition=Q(breaks_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.key} {self.state}"


class StandingWords(models.Model):
    """What the search looks through, folded, a word or name a line; apart, for its index is dear to write.

    words: names, tags (each behind a "#"), nexthops, match names, MX hosts, names, subjects and issuers of leaves.
    digests: fingerprints in hex without colons.
    """

    standing = models.OneToOneField(Standing, models.CASCADE, primary_key=True, related_name="searched")
    words = models.TextField(blank=True)
    digests = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"words of {self.pk}"


class StandingSeen(models.Model):
    """When a server of the channel was last seen: what every look moves, and hence alone in its row."""

    standing = models.OneToOneField(Standing, models.CASCADE, primary_key=True, related_name="seen")
    seen_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(name="standing_seen", fields=["seen_at", "standing"]),)

    def __str__(self) -> str:
        return f"{self.pk} at {self.seen_at}"


class StandingTally(models.Model):
    """A difference in how many channels stand where; the sum over all rows is the number.

    Each writer adds rows and none changes another's, so that no two wait; they are summed up from time to time.
    """

    state = models.CharField(max_length=12)
    level = models.CharField(max_length=16)
    agreed = models.CharField(max_length=16)
    difference = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.state} {self.difference:+d}"
