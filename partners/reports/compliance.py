"""How many channels are protected as agreed, and what is not."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from partners.models import Certificate, Channel, ComplianceInterval

__all__ = ["AgreementRow", "Compliance", "Expiry", "compliance_report"]

PROTECTED = frozenset({"compliant", "rolling"})  # the one definition of "protected", on every page
HORIZON = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One agreement in management's table."""

    pk: int
    partner: str
    keys: str
    agreed: str
    level: str
    state: str
    cause: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Expiry:
    """A certificate in use by a pin that ends within the horizon."""

    partner: str
    subject: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Compliance:
    """The whole page. share: percent of channels protected as agreed, None where there is no channel."""

    total: int
    counts: dict[str, int]
    protected: int
    rows: tuple[AgreementRow, ...]
    expiries: tuple[Expiry, ...]

    @property
    def share(self) -> float | None:
        """Percent of channels that are protected as agreed."""
        return round(100 * self.protected / self.total, 1) if self.total else None


def compliance_report(*, now: datetime) -> Compliance:
    """Return the report as of *now*, in four queries."""
    open_intervals = {row.channel_id: row for row in ComplianceInterval.objects.filter(valid_to__isnull=True)}
    channels = (
        Channel.objects.filter(removed_at__isnull=True)
        .select_related("partner")
        .prefetch_related("nexthops")
        .order_by("partner__name", "pk")
    )
    rows = tuple(_row(channel, open_intervals.get(channel.pk)) for channel in channels)
    counts = Counter(row.state for row in rows)
    return Compliance(
        total=len(rows),
        counts=dict(counts),
        protected=sum(counts[word] for word in PROTECTED),
        rows=rows,
        expiries=_expiries(now),
    )


def _row(channel: Channel, interval: ComplianceInterval | None) -> AgreementRow:
    return AgreementRow(
        pk=channel.pk,
        partner=channel.partner.name,
        keys=" ".join(nexthop.key for nexthop in channel.nexthops.all()),
        agreed=channel.agreed,
        level=channel.level,
        state=interval.state if interval else "pending",
        cause=interval.cause if interval else "",
        since=interval.valid_from if interval else None,
    )


def _expiries(now: datetime) -> tuple[Expiry, ...]:
    certificates = (
        Certificate.objects.filter(not_after__gte=now, not_after__lte=now + HORIZON)
        .filter(pins__state__in=["staged", "active"], pins__channel__removed_at__isnull=True)
        .order_by("not_after")
        .values_list("pins__channel__partner__name", "subject", "not_after")[:20]
    )
    return tuple(Expiry(partner, subject, not_after) for partner, subject, not_after in certificates if not_after)
