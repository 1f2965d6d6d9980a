"""The agreements that need a hand, worst first within their group, a bounded number of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    FilteredRelation,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, RowNumber

from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.models import Channel, ComplianceInterval, VerdictRow
from partners.reports.people import name_of

__all__ = ["ROWS", "SOON", "UNKNOWN_LONG", "Counts", "OpenRow", "counts", "first_open", "first_violated", "open_rows"]

ROWS: Final = 12  # of each group; the rest is a link
SOON: Final = timedelta(days=14)
UNKNOWN_LONG: Final = timedelta(hours=6)  # longer than the longest wait between two tries


@dataclass(frozen=True, slots=True)
class OpenRow:
    """An agreement in a group: violated, lowered (its end is near), weaker, unknown or pending.

    is_deferred: somewhere its mail waits in a queue; violated without it, mail comes back at once.
    """

    group: str
    channel: int
    partner_pk: int
    partner: str
    key: str
    cause: str
    where: str
    since: datetime | None
    unknown_since: datetime | None
    known_at: datetime | None
    level: str
    lowered_until: datetime | None
    lowered_reason: str
    owner: str
    is_deferred: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many agreements stand in each state, and how many in each group that needs a hand.

    bounced: of those violated, to how many mail comes back at once, for nowhere it waits.
    """

    states: dict[str, int]
    groups: dict[str, int]
    bounced: int = 0


def counts(*, now: datetime) -> Counts:
    """Count all agreements, in one query."""
    states: dict[str, int] = {}
    groups: dict[str, int] = {}
    bounced = 0
    columns = _grouped(now).annotate(is_deferred=_is_deferred()).values_list("state", "group", "is_deferred")
    for state, group, is_deferred, count in columns.annotate(count=Count("pk")).order_by():
        states[state] = states.get(state, 0) + count
        groups[group] = groups.get(group, 0) + count
        bounced += count if group == "violated" and not is_deferred else 0
    return Counts(states, groups, bounced)


def open_rows(channels: Sequence[int] | None, *, now: datetime) -> tuple[OpenRow, ...]:
    """Return the first rows of each group, the longest harm first, in one query. channels: only of these, if given."""
    rows = (
        _placed(now, channels)
        .annotate(is_deferred=_is_deferred(), key=Min("nexthops__key"))
        .select_related("partner__owner")
        .order_by("group", "place")
    )
    return tuple(_row(channel) for channel in rows)


def first_open(*, now: datetime) -> dict[str, list[int]]:
    """Return the channels that open_rows() shows, by group, in one query."""
    found: dict[str, list[int]] = {}
    for group, pk in _placed(now, None).order_by("group", "place").values_list("group", "pk"):
        found.setdefault(group, []).append(pk)
    return found


def first_violated() -> list[int]:
    """Return the channels whose mail stopped first, read from an index."""
    rows = ComplianceInterval.objects.filter(state="violated", valid_to__isnull=True)
    return list(rows.order_by("valid_from", "channel").values_list("channel", flat=True)[:ROWS])


def _placed(now: datetime, channels: Sequence[int] | None) -> QuerySet[Any]:
    """Return the first channels of each group with their place in it; channels: only of these, if given."""
    place = Window(RowNumber(), partition_by=[F("group")], order_by=[F("ends").asc(nulls_last=True), F("pk")])
    grouped = _grouped(now) if channels is None else _grouped(now).filter(pk__in=channels)
    ends = Coalesce("lowered_until", "now__unknown_since", "now__valid_from")
    placed: QuerySet[Any] = grouped.exclude(group="").annotate(ends=ends).annotate(place=place).filter(place__lte=ROWS)
    return placed


def _is_deferred() -> Exists:
    """Whether mail by an entry of the channel's own waits somewhere."""
    return Exists(VerdictRow.objects.own().filter(nexthop__channel=OuterRef("pk"), delivery=Delivery.DEFER.value))


def _grouped(now: datetime) -> QuerySet[Any]:
    """Return the living channels with the state now and the group they need a hand in, "" where none."""
    long_ago = now - UNKNOWN_LONG
    lost = Q(now__unknown_since__lte=long_ago) | Q(state="unknown", now__valid_from__lte=long_ago)
    return (
        Channel.objects.filter(removed_at__isnull=True)
        .annotate(now=FilteredRelation("intervals", condition=Q(intervals__valid_to__isnull=True)))
        .annotate(state=Coalesce("now__state", Value("pending")))
        .annotate(
            group=Case(
                When(state="violated", then=Value("violated")),
                When(lowered_until__lte=now + SOON, then=Value("lowered")),
                When(state="weaker", then=Value("weaker")),
                When(state="pending", then=Value("pending")),
                When(lost, then=Value("unknown")),
                default=Value(""),
                output_field=CharField(),
            ),
            cause=Coalesce("now__cause", Value(Reason.NOT_RELEASED.value)),
            where=Coalesce("now__where", Value("")),
            since=F("now__valid_from"),
            unknown_since=F("now__unknown_since"),
            known_at=F("now__known_at"),
        )
    )


def _row(channel: Any) -> OpenRow:
    return OpenRow(
        group=channel.group,
        channel=channel.pk,
        partner_pk=channel.partner_id,
        partner=channel.partner.name,
        key=channel.key or "",
        cause=channel.cause,
        where=channel.where,
        since=channel.since,
        unknown_since=channel.unknown_since,
        known_at=channel.known_at,
        level=channel.level,
        lowered_until=channel.lowered_until,
        lowered_reason=channel.lowered_reason,
        owner=name_of(channel.partner.owner),
        is_deferred=channel.is_deferred,
    )
