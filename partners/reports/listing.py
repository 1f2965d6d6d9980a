"""Rows of the partner list: searched, filtered, sorted and paged by key, in a fixed number of queries."""

import base64
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Case,
    CharField,
    Count,
    DateTimeField,
    Exists,
    FilteredRelation,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Lower

from partners.core.facts_json import profile_key
from partners.core.levels import Protection, SecurityLevel
from partners.core.observation import PERMISSIVE
from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.models import ChainLink, Channel, Pin, Sighting, User, VerdictRow
from partners.reports.partners import visible_channels
from partners.reports.people import name_of

__all__ = ["HARM", "PAGE_ROWS", "SORTS", "Chosen", "ListRow", "PartnerList", "every_row", "partner_list"]

PAGE_ROWS: Final = 50
HARM: Final = ("violated", "weaker", "unknown", "pending", "rolling", "compliant")  # worst first
_BREAKS_SOON: Final = 1  # rank of what flows as agreed and rests on a certificate that ends soon: after the violated
SORTS: Final = {  # word in the address -> column of the key
    "harm": "harm_rank",
    "name": "folded",
    "level": "level",
    "owner": "owner_mail",
    "seen": "seen_at",
}
SOON: Final = timedelta(days=14)  # what ends within is told in place of "as agreed"
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KEY_MAX: Final = 1000
_KEY_BOUND: Final = 2**62  # what any column holds
_CHUNK: Final = 500
_LEVELS: Final = frozenset(level.value for level in SecurityLevel)
_AGREED: Final = frozenset(one.value for one in Protection)
_SEEN: Final = "observation__sightings"
_CHANNEL: Final = f"{_SEEN}__endpoint__nexthops__channel"
_RESTS_ON_END: Final = frozenset({"verify", "secure", "fingerprint"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the address of the list asks for; a word that means nothing chooses nothing.

    after, before: keys of the row beside which the page begins or ends, as PartnerList gives them.
    """

    query: str = ""
    state: str = ""
    level: str = ""
    agreed: str = ""
    tag: str = ""
    mine: str = ""
    sort: str = "harm"
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "Chosen":
        """Return what *asked* (the query of an address) chooses."""
        sort = asked.get("sort", "")
        return cls(
            query=asked.get("q", "").replace("\0", "").strip()[:200],
            state=_known(asked.get("state", ""), HARM),
            level=_known(asked.get("level", ""), _LEVELS),
            agreed=_known(asked.get("agreed", ""), _AGREED),
            tag=asked.get("tag", "").replace("\0", "").strip()[:60],
            mine=_known(asked.get("mine", ""), {"1"}),
            sort=sort if sort.removeprefix("-") in SORTS else "harm",
            after=asked.get("after", "")[:_KEY_MAX],
            before=asked.get("before", "")[:_KEY_MAX],
        )

    @property
    def parameters(self) -> dict[str, str]:
        """What an address says to choose the same, without the place of the page."""
        given = {("q" if one.name == "query" else one.name): getattr(self, one.name) for one in fields(self)}
        return {name: text for name, text in given.items() if text and name not in {"after", "before"}}


@dataclass(frozen=True, slots=True)
class ListRow:
    """One channel. state: a word of compliance; ends_at: of the leaf that ends first, used: percent of its life.

    keys: how many nexthops there are beside *key*. taking of hosts addresses would take the mail.
    """

    pk: int
    name: str
    key: str
    keys: int
    state: str
    cause: str
    agreed: str
    level: str
    owner: str
    seen_at: datetime | None
    lowered_until: datetime | None
    delivery: str = ""
    tls_status: str = ""
    taking: int = 0
    hosts: int = 0
    ends_at: datetime | None = None
    used: int = 0

    def ends_soon(self, now: datetime) -> bool:
        """Whether mail that flows rests on a certificate that ends soon."""
        rests = self.level in _RESTS_ON_END and self.state == "compliant"
        return rests and self.ends_at is not None and self.ends_at <= now + SOON


@dataclass(frozen=True, slots=True)
class PartnerList:
    """One page. counts: state -> number over all that the person may see; first: place of the first row, from 1.

    previous_key, next_key: where the pages beside it begin, "" where there is none.
    """

    rows: tuple[ListRow, ...]
    total: int
    first: int
    counts: Mapping[str, int]
    previous_key: str = ""
    next_key: str = ""

    @property
    def last(self) -> int:
        """The place of the last row."""
        return self.first + len(self.rows) - 1

    @property
    def everything(self) -> int:
        """How many channels there are, whatever is chosen."""
        return sum(self.counts.values())


def partner_list(user: User, chosen: Chosen, *, now: datetime) -> PartnerList:
    """Return one page of channels; six queries: counts, total, place, rows, their verdicts, their certificates."""
    everything = _with_columns(visible_channels(user), now=now)
    counts = dict.fromkeys(HARM, 0)
    grouped = (
        visible_channels(user).annotate(now=_open_interval()).values_list(Coalesce("now__state", Value("pending")))
    )
    counts |= dict(grouped.annotate(count=Count("pk", distinct=True)).order_by())
    found = _narrowed(everything, chosen, user)
    page, earlier, later = _page(found, chosen)
    rows = tuple(_filled([_list_row(channel) for channel in page], now=now))
    first_key = _key(page[0], chosen.sort) if page else ""
    total = found.count()
    place = found.filter(_beside(chosen.sort, first_key, after=False)).count() if first_key and earlier else 0
    return PartnerList(
        rows=rows,
        total=total,
        first=place + 1 if rows else 0,
        counts=counts,
        previous_key=first_key if earlier else "",
        next_key=_key(page[-1], chosen.sort) if page and later else "",
    )


def every_row(user: User, chosen: Chosen, *, now: datetime) -> Iterator[ListRow]:
    """Yield all rows that *chosen* leaves, in its order, a bounded number in memory."""
    found, place = _narrowed(_with_columns(visible_channels(user), now=now), chosen, user), ""
    while True:
        page = list(_ordered(found.filter(_beside(chosen.sort, place, after=True)), chosen.sort)[:_CHUNK])
        yield from _filled([_list_row(channel) for channel in page], now=now)
        if len(page) < _CHUNK:
            return
        place = _key(page[-1], chosen.sort)


def _known(word: str, words: Collection[str]) -> str:
    return word if word in words else ""


def _open_interval() -> FilteredRelation:
    return FilteredRelation("intervals", condition=Q(intervals__valid_to__isnull=True))


def _with_columns(channels: QuerySet[Channel], *, now: datetime) -> QuerySet[Any]:
    """Add what is searched and sorted by as columns, so that no row costs a query."""
    soon = _leaves(f"{_CHANNEL}__pk", OuterRef("pk")).filter(certificate__not_after__lte=now + SOON)
    breaks = When(Q(state_now="compliant", level__in=_RESTS_ON_END) & Exists(soon), then=Value(_BREAKS_SOON))
    seen = Sighting.objects.filter(current=True, endpoint__nexthops__channel=OuterRef("pk")).order_by("-last_seen")
    ranks = [breaks, *(When(state_now=word, then=Value(rank + (rank > 0))) for rank, word in enumerate(HARM))]
    return (
        channels.annotate(now=_open_interval())
        .annotate(
            state_now=Coalesce("now__state", Value("pending"), output_field=CharField()),
            cause_now=Coalesce("now__cause", Value(Reason.NOT_RELEASED.value)),
            folded=Lower("partner__name"),
            owner_mail=Coalesce("partner__owner__email", Value("")),
            key=Min("nexthops__key"),
            keys=Count("nexthops", distinct=True),
            seen_at=Coalesce(Subquery(seen.values("last_seen")[:1]), Value(_NEVER), output_field=DateTimeField()),
        )
        .annotate(harm_rank=Case(*ranks, default=Value(len(HARM) + 1), output_field=IntegerField()))
        .select_related("partner", "partner__owner")
    )


def _narrowed(channels: QuerySet[Any], chosen: Chosen, user: User) -> QuerySet[Any]:
    """Return the *channels* that *chosen* leaves."""
    if chosen.query:
        channels = channels.filter(_search(chosen.query))
    if chosen.state:
        channels = channels.filter(state_now=chosen.state)
    if chosen.level:
        channels = channels.filter(level=chosen.level)
    if chosen.agreed:
        channels = channels.filter(agreed=chosen.agreed)
    if chosen.tag:
        channels = channels.filter(partner__tags__icontains=chosen.tag)
    return channels.filter(partner__owner=user) if chosen.mine else channels


def _search(text: str) -> Q:
    """Match a name, a nexthop, a tag, a match name or a fingerprint (with or without colons)."""
    digest = "".join(one for one in text if one not in ": ").upper()
    colons = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    return (
        Q(partner__name__icontains=text)
        | Q(partner__tags__icontains=text)
        | Q(match__icontains=text)
        | Q(match__icontains=colons)
        | Q(pk__in=Channel.objects.filter(nexthops__key__icontains=text.lower()).values("pk"))
        | Q(pk__in=Pin.objects.filter(digests__icontains=colons).values("channel_id"))
    )


def _ordered(channels: QuerySet[Any], sort: str, *, backwards: bool = False) -> QuerySet[Any]:
    sign = "-" if sort.startswith("-") != backwards else ""
    return channels.order_by(*(sign + column for column in _columns(sort)))


def _columns(sort: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((SORTS[sort.removeprefix("-")], "folded", "pk")))


def _page(found: QuerySet[Any], chosen: Chosen) -> tuple[Sequence[Any], bool, bool]:
    """Return the rows of the page and whether there are any before and after it; one query."""
    if chosen.before and (edge := _beside(chosen.sort, chosen.before, after=False)):
        rows = list(_ordered(found.filter(edge), chosen.sort, backwards=True)[: PAGE_ROWS + 1])
        return rows[:PAGE_ROWS][::-1], len(rows) > PAGE_ROWS, True
    edge = _beside(chosen.sort, chosen.after, after=True)
    rows = list(_ordered(found.filter(edge), chosen.sort)[: PAGE_ROWS + 1])
    return rows[:PAGE_ROWS], bool(edge), len(rows) > PAGE_ROWS


def _key(row: Any, sort: str) -> str:
    """Return the place of *row* in the order, for an address."""
    values = [getattr(row, column) for column in _columns(sort)]
    plain = [one.isoformat() if isinstance(one, datetime) else one for one in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _beside(sort: str, key: str, *, after: bool) -> Q:
    """Match what comes after (or before) the row of *key*; everything where *key* is none of ours."""
    columns = _columns(sort)
    try:
        raw = json.loads(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        values = [_value(column, one) for column, one in zip(columns, raw, strict=True)]
    except (ValueError, TypeError):
        return Q()
    direction = "gt" if after != sort.startswith("-") else "lt"
    edge = Q()
    for depth, column in enumerate(columns):
        same = dict(zip(columns[:depth], values[:depth], strict=True))
        edge |= Q(**same, **{f"{column}__{direction}": values[depth]})
    return edge


def _value(column: str, raw: Any) -> str | int | datetime:
    """Return *raw* as the type of *column*; ValueError for what no key of ours holds."""
    if column == "seen_at" and isinstance(raw, str):
        moment = datetime.fromisoformat(raw)
        if moment.tzinfo is None:
            raise ValueError(raw)
        return moment
    wanted = int if column in {"harm_rank", "pk"} else str
    if column == "seen_at" or type(raw) is not wanted or "\0" in str(raw):
        raise ValueError(raw)
    if isinstance(raw, int) and abs(raw) > _KEY_BOUND:
        raise ValueError(raw)
    return raw


def _list_row(channel: Any) -> ListRow:
    return ListRow(
        pk=channel.pk,
        name=channel.partner.name,
        key=channel.key or "",
        keys=channel.keys,
        state=channel.state_now,
        cause=channel.cause_now,
        agreed=channel.agreed,
        level=channel.level,
        owner=name_of(channel.partner.owner),
        seen_at=channel.seen_at if channel.seen_at > _NEVER else None,
        lowered_until=channel.lowered_until,
    )


def _filled(rows: Sequence[ListRow], *, now: datetime) -> Iterator[ListRow]:
    """Yield *rows* with the worst verdict over all nexthops and relay groups, and the certificate that ends first."""
    if not rows:
        return
    pks = [row.pk for row in rows]
    verdicts = _verdicts(pks)
    ends = _ends(pks)
    for row in rows:
        worst = verdicts.get(row.pk, ())
        places: dict[tuple[str, str], bool] = {}
        for one in worst:
            for place in one.hosts:
                name = (str(place.get("mx_host")), str(place.get("address")))
                places[name] = places.get(name, True) and place.get("delivery") == Delivery.DELIVER.value
        end = ends.get(row.pk)
        yield replace(
            row,
            delivery=worst[0].delivery if worst else "",
            tls_status=worst[0].tls_status if worst else "",
            taking=sum(places.values()),
            hosts=len(places),
            ends_at=end[1] if end else None,
            used=_used(*end, now) if end else 0,
        )


def _verdicts(pks: Collection[int]) -> Mapping[int, Sequence[Any]]:
    """Return the verdicts of each channel, worst first; an entry of another channel says nothing about this one."""
    found: dict[int, list[Any]] = defaultdict(list)
    own = VerdictRow.objects.own().filter(nexthop__channel__in=pks).select_related("nexthop").worst_first()
    for row in own.only("delivery", "tls_status", "hosts", "nexthop__channel_id"):
        found[row.nexthop.channel_id].append(row)
    return found


def _ends(pks: Collection[int]) -> Mapping[int, tuple[datetime | None, datetime]]:
    """Return begin and end of the leaf that ends first at any address of each channel, as seen now."""
    links = _leaves(f"{_CHANNEL}__in", pks)
    rows = links.values_list(_CHANNEL).annotate(end=Min("certificate__not_after"), begin=Max("certificate__not_before"))
    return {pk: (begin, end) for pk, end, begin in rows.order_by() if end is not None}


def _leaves(lookup: str, channels: object) -> QuerySet[ChainLink]:
    """Return the leaves shown now to the plain TLS profile at the addresses of *channels*."""
    shown = {f"{_SEEN}__current": True, f"{_SEEN}__endpoint__profile_key": profile_key(PERMISSIVE)}
    return ChainLink.objects.filter(position=0, **shown, **{lookup: channels})


def _used(begin: datetime | None, end: datetime, now: datetime) -> int:
    """Return how much of the life is over, in percent."""
    whole = end - begin if begin else timedelta(0)
    if begin is None or whole <= timedelta(0):
        return 100 if end <= now else 0
    return int(100 * min(max((now - begin) / whole, 0.0), 1.0))
