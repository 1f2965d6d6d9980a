"""What the facts mean: verdicts per nexthop and relay group, and compliance over time."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import models
from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from partners.models.estate import Channel, Nexthop
from partners.models.relays import RelayGroup

__all__ = ["ComplianceInterval", "VerdictRow"]

# (delivery, tls_status), worst first; a word of neither list comes last
_WORST = (
    *(When(delivery=word, then=Value(rank)) for rank, word in enumerate(("bounce", "defer", "unknown"))),
    *(
        When(delivery="deliver", tls_status=word, then=Value(rank))
        for rank, word in enumerate(("none", "Anonymous", "Untrusted", "Trusted", "Verified"), start=3)
    ),
)


class VerdictQuerySet(models.QuerySet["VerdictRow"]):
    """Verdicts, narrowed to what may be told to whom."""

    def own(self) -> "VerdictQuerySet":
        """Return those that rest on an entry of the nexthop's own channel: the only ones that tell of no other."""
        return self.filter(is_own=True)

    def worst_first(self) -> "VerdictQuerySet":
        """Order by harm: what bounces or waits leads, then what nobody knows, then the weakest protection."""
        rank = Case(*_WORST, default=Value(9), output_field=IntegerField())
        return self.order_by("-is_own", rank, "nexthop__key", "group__name")


class VerdictRow(models.Model):
    """The current verdict for a nexthop on a relay group, as judged against the entry active there.

    key: the map key that applied, "" for main.cf's default. is_own: it is one of the channel's own keys. Where it is
    not, mail goes by another channel's parent entry or by the default: true, but the mail team's to see alone.
    holds_until: when time alone may change what was judged, or now where something else did; None: never.
    """

    nexthop = models.ForeignKey(Nexthop, models.CASCADE, related_name="verdicts")
    group = models.ForeignKey(RelayGroup, models.CASCADE, related_name="verdicts")
    key = models.CharField(max_length=300, blank=True)
    is_own = models.BooleanField(default=False)
    delivery = models.CharField(max_length=12)
    tls_status = models.CharField(max_length=12)
    dsn = models.CharField(max_length=12)
    reasons = models.JSONField(default=list)
    hosts = models.JSONField(default=list)
    judged_at = models.DateTimeField()
    holds_until = models.DateTimeField(null=True, blank=True)

    objects = VerdictQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(name="verdict_once", fields=["nexthop", "group"]),)

    def __str__(self) -> str:
        return self.delivery


class IntervalQuerySet(models.QuerySet["ComplianceInterval"]):
    """States over time."""

    def by_day(
        self, first: date, *, now: datetime, before: Mapping[str, int] | None = None
    ) -> dict[date, Counter[str]]:
        """Return how many stood in each state at the end of each day from *first* to today (there: now).

        before: what stood at the end of the day before *first*, which spares a look at all that stood then.
        """
        begin = timezone.make_aware(datetime.combine(first, time.min))
        if before is None:
            stood = self.filter(Q(valid_to__isnull=True) | Q(valid_to__gte=begin), valid_from__lt=begin)
            before = dict(stood.order_by().values_list("state").annotate(count=Count("pk")))
        begun, ended = self._moved("valid_from", 1, begin, now), self._moved("valid_to", -1, begin, now)
        moved: dict[date, Counter[str]] = defaultdict(Counter)
        for day, state, sign, count in begun.union(ended, all=True):
            moved[day][state] += sign * count
        days: dict[date, Counter[str]] = {}
        standing = Counter(before)
        for offset in range((timezone.localdate(now) - first).days + 1):
            standing.update(moved[first + timedelta(days=offset)])
            days[first + timedelta(days=offset)] = Counter(standing)
        return days

    def _moved(self, moment: str, sign: int, begin: datetime, now: datetime) -> "models.QuerySet[Any, Any]":
        """Return (day, state, sign, count) of the intervals whose *moment* lies from *begin* to *now*."""
        rows = self.filter(**{f"{moment}__gte": begin, f"{moment}__lte": now})
        days = rows.annotate(day=TruncDate(moment), sign=Value(sign, output_field=IntegerField())).order_by()
        return days.values_list("day", "state", "sign").annotate(count=Count("pk"))


class ComplianceInterval(models.Model):
    """A state of a channel from valid_from until valid_to; the open interval is the state now.

    known_at: when a fact last gave this state, None where none ever did. unknown_since: since when facts are missing.
    """

    class State(models.TextChoices):
        COMPLIANT = "compliant"
        VIOLATED = "violated"
        WEAKER = "weaker"
        ROLLING = "rolling"
        PENDING = "pending"
        UNKNOWN = "unknown"

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="intervals")
    state = models.CharField(max_length=12, choices=State.choices)
    cause = models.CharField(max_length=300, blank=True)
    where = models.CharField(max_length=300, blank=True)
    unknown_since = models.DateTimeField(null=True, blank=True)
    known_at = models.DateTimeField(null=True, blank=True)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField()

    objects = IntervalQuerySet.as_manager()

    class Meta:
        ordering = ("-valid_from",)
        constraints = (
            models.UniqueConstraint(name="compliance_one_open", fields=["channel"], condition=Q(valid_to__isnull=True)),
        )
        indexes = (
            models.Index(
                name="compliance_by_state",
                fields=["state", "valid_from", "channel"],
                condition=Q(valid_to__isnull=True),
            ),
            models.Index(name="compliance_begun", fields=["valid_from"]),
            models.Index(name="compliance_ended", fields=["valid_to"], condition=Q(valid_to__isnull=False)),
        )

    def __str__(self) -> str:
        return self.state
