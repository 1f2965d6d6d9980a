"""What the facts mean: verdicts per nexthop and relay group, and compliance over time."""

from django.db import models
from django.db.models import Case, IntegerField, Q, Value, When

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

    objects = VerdictQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(name="verdict_once", fields=["nexthop", "group"]),)

    def __str__(self) -> str:
        return self.delivery


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

    class Meta:
        ordering = ("-valid_from",)
        constraints = (
            models.UniqueConstraint(name="compliance_one_open", fields=["channel"], condition=Q(valid_to__isnull=True)),
        )

    def __str__(self) -> str:
        return self.state
