"""Rows of the partner list and the facts of one channel's page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, CharField, F, IntegerField, Min, OuterRef, Q, QuerySet, Subquery, Value, When

from partners.core.lifetime import first_bounce, queue_lifetime
from partners.core.outcome import Delivery
from partners.models import Channel, ComplianceInterval, Pin, Sighting, User, VerdictRow

__all__ = ["HARM", "ChannelPage", "HostRow", "ListRow", "PartnerList", "channel_page", "own_channels", "partner_list"]

PAGE_ROWS = 50
HARM = ("violated", "weaker", "unknown", "pending", "rolling", "compliant")  # worst first
SORTS = {
    "harm": ("harm_rank", "partner__name"),
    "name": ("partner__name", "pk"),
    "level": ("level", "partner__name"),
    "seen": ("seen_at", "partner__name"),
}


@dataclass(frozen=True, slots=True)
class ListRow:
    """One channel in the partner list. state: a word of compliance; seen_at: newest sighting or None."""

    pk: int
    name: str
    key: str
    state: str
    cause: str
    agreed: str
    level: str
    delivery: str
    tls_status: str
    owner: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartnerList:
    """One page of the list. counts: state -> number over all that the person may see."""

    rows: tuple[ListRow, ...]
    total: int
    page: int
    pages: int
    counts: Mapping[str, int]


def visible_channels(user: User) -> QuerySet[Channel]:
    """Return the living channels that *user* may see: all for the house's people, own ones for a partner."""
    channels = Channel.objects.filter(removed_at__isnull=True)
    if user.sees_everything:
        return channels
    return channels.filter(
        partner__memberships__user=user,
        partner__memberships__ended_at__isnull=True,
        partner__memberships__since__isnull=False,
    ).distinct()


def own_channels(user: User) -> tuple[Channel, ...]:
    """Return the channels of the partner whose person *user* is, with their keys, in two queries."""
    return tuple(visible_channels(user).select_related("partner").prefetch_related("nexthops").order_by("pk"))


def partner_list(user: User, *, query: str, state: str, sort: str, page: int) -> PartnerList:
    """Return one page of channels in four queries (counts, total, rows, none per row)."""
    channels = _with_columns(visible_channels(user))
    counts = dict.fromkeys(HARM, 0)
    for row in channels.values_list("state_now", flat=True):
        counts[row] = counts.get(row, 0) + 1
    if query:
        channels = channels.filter(_search(query))
    if state in HARM:
        channels = channels.filter(state_now=state)
    channels = channels.order_by(*SORTS.get(sort.removeprefix("-"), SORTS["harm"]))
    if sort.startswith("-"):
        channels = channels.reverse()
    pages = Paginator(channels.select_related("partner", "partner__owner"), PAGE_ROWS)
    chosen = pages.get_page(page)
    rows = tuple(_list_row(channel) for channel in chosen.object_list)
    return PartnerList(rows=rows, total=pages.count, page=chosen.number, pages=pages.num_pages, counts=counts)


def _search(query: str) -> Q:
    """Match a name, a nexthop, a tag, a match name or a fingerprint (with or without colons)."""
    text = query.strip()[:200]
    return (
        Q(partner__name__icontains=text)
        | Q(partner__tags__icontains=text)
        | Q(match__icontains=text)
        | Q(pk__in=Channel.objects.filter(nexthops__key__icontains=text.lower()).values("pk"))
        | Q(pk__in=Pin.objects.filter(digests__icontains=text.upper()).values("channel_id"))
    )


def _with_columns(channels: QuerySet[Channel]) -> Any:
    """Add state, cause, first key, verdict and newest sighting as columns, so that no row costs a query."""
    state = ComplianceInterval.objects.filter(channel=OuterRef("pk"), valid_to__isnull=True)
    own = VerdictRow.objects.own()  # an entry of another channel says nothing about this one
    verdict = own.filter(nexthop__channel=OuterRef("pk")).order_by("nexthop__key", "group__name")
    seen = (
        Sighting.objects.filter(current=True, endpoint__nexthops__channel=OuterRef("pk"))
        .order_by("-last_seen")
        .values("last_seen")[:1]
    )
    ranks = [When(state_now=word, then=Value(rank)) for rank, word in enumerate(HARM)]
    return channels.annotate(
        state_now=Case(
            When(
                Q(pk__in=ComplianceInterval.objects.filter(valid_to__isnull=True).values("channel_id")),
                then=Subquery(state.values("state")[:1]),
            ),
            default=Value("pending"),
            output_field=CharField(),
        ),
        cause_now=Subquery(state.values("cause")[:1]),
        key=Min("nexthops__key"),
        delivery=Subquery(verdict.values("delivery")[:1]),
        tls_status=Subquery(verdict.values("tls_status")[:1]),
        seen_at=Subquery(seen),
    ).annotate(
        harm_rank=Case(*ranks, default=Value(len(HARM)), output_field=IntegerField()), owner_id=F("partner__owner_id")
    )


def _list_row(channel: Any) -> ListRow:
    return ListRow(
        pk=channel.pk,
        name=channel.partner.name,
        key=channel.key or "",
        state=channel.state_now,
        cause=channel.cause_now or "",
        agreed=channel.agreed,
        level=channel.level,
        delivery=channel.delivery or "",
        tls_status=channel.tls_status or "",
        owner=str(channel.partner.owner or ""),
        seen_at=channel.seen_at,
    )


@dataclass(frozen=True, slots=True)
class HostRow:
    """One address in the host matrix, in Postfix's words."""

    mx_host: str
    preference: int
    address: str
    port: int
    delivery: str
    tls_status: str
    text: str
    reasons: tuple[str, ...]
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChannelPage:
    """All that a channel's page shows. bounces_at: at the latest, of mail that waits; None where none has to wait.

    applies: for the mail team alone, the key outside of this channel by which mail goes until an own entry is released
    ("" where there is none, or main.cf's default applies). A partner gets outcomes of own entries only.
    """

    channel: Channel
    keys: tuple[str, ...]
    state: str
    cause: str
    since: datetime | None
    hosts: tuple[HostRow, ...]
    delivery: str
    tls_status: str
    reasons: tuple[str, ...]
    judged_at: datetime | None
    pins: tuple[Pin, ...]
    intervals: tuple[ComplianceInterval, ...]
    bounces_at: datetime | None = None
    applies: str = ""


def channel_page(user: User, pk: int) -> ChannelPage | None:
    """Return the page of channel *pk*, or None where *user* may not see it (or it does not exist: the same answer)."""
    channel = visible_channels(user).select_related("partner", "partner__owner").filter(pk=pk).first()
    if channel is None:
        return None
    keys = tuple(channel.nexthops.values_list("key", flat=True))
    intervals = tuple(channel.intervals.order_by("-valid_from")[:20])
    now = intervals[0] if intervals and intervals[0].valid_to is None else None
    allowed = VerdictRow.objects.all() if user.sees_everything else VerdictRow.objects.own()
    rows = allowed.filter(nexthop__channel=channel).select_related("group")
    verdicts = list(rows.order_by("-is_own", "nexthop__key", "group__name"))
    verdict = verdicts[0] if verdicts else None
    return ChannelPage(
        channel=channel,
        keys=keys,
        state=now.state if now else "pending",
        cause=now.cause if now else "",
        since=now.valid_from if now else None,
        hosts=tuple(_host_row(row) for row in (verdict.hosts if verdict else [])),
        delivery=verdict.delivery if verdict else "",
        tls_status=verdict.tls_status if verdict else "",
        reasons=tuple(verdict.reasons) if verdict else (),
        judged_at=verdict.judged_at if verdict else None,
        pins=tuple(channel.pins.select_related("certificate", "proposed_by", "decided_by")),
        intervals=intervals,
        bounces_at=_bounces_at(now, [row for row in verdicts if row.is_own]),
        applies=verdict.key if verdict and not verdict.is_own else "",
    )


def _bounces_at(now: ComplianceInterval | None, verdicts: list[VerdictRow]) -> datetime | None:
    """Return by when mail that waits for the channel begins to bounce."""
    groups = [row.group for row in verdicts if row.delivery == Delivery.DEFER.value]
    if now is None or now.state != ComplianceInterval.State.VIOLATED or not groups:
        return None
    return first_bounce(
        now.valid_from, [queue_lifetime(group.main_cf.get("maximal_queue_lifetime", "")) for group in groups]
    )


def _host_row(row: Mapping[str, Any]) -> HostRow:
    seen = row.get("seen_at")
    return HostRow(
        mx_host=str(row.get("mx_host", "")),
        preference=int(row.get("preference", 0)),
        address=str(row.get("address", "")),
        port=int(row.get("port", 25)),
        delivery=str(row.get("delivery", "")),
        tls_status=str(row.get("tls_status", "")),
        text=str(row.get("text", "")),
        reasons=tuple(row.get("reasons", ())),
        seen_at=datetime.fromisoformat(seen) if seen else None,
    )
