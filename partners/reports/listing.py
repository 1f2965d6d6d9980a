"""Rows of the partner list: searched, filtered, sorted and paged by key, read from where each channel stands.

No query here reads more rows than a page has, but for a search that finds very many: states and filters are counted
ahead (StandingTally), sorted is by indexes, and what the clock moves is compared with *now*.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet, Sum

from partners.core.levels import Protection, SecurityLevel
from partners.models import Standing, StandingTally, User
from partners.models.standings import HARM, HARM_RANKS, NEVER, RESTS_ON_END
from partners.reports.partners import visible_channels
from partners.reports.places import Place, Segment, neighbours

__all__ = [
    "COLUMNS",
    "COUNTED",
    "HARM",
    "PAGE_ROWS",
    "SORTS",
    "Chosen",
    "ListRow",
    "PartnerList",
    "every_row",
    "listed_channels",
    "partner_list",
]

PAGE_ROWS: Final = 50
COUNTED: Final = 1000  # what a search finds is counted up to here
SOON: Final = timedelta(days=14)  # what ends within is told in place of "as agreed"
_BY_COLUMN: Final = {"name": (), "level": ("level",), "owner": ("owner_mail",)}
COLUMNS: Final = ("level", "would", "hosts", "next", "owner", "seen")  # beside state and partner, in their order
SORTS: Final = ("harm", "name", "level", "owner", "seen")
_KEY_MAX: Final = 1000
_CHUNK: Final = 500
_HEX: Final = re.compile(r"[0-9a-f]{2}(?:[: ]?[0-9a-f]{2}){3,}")  # four octets and more may be part of a fingerprint
_LEVELS: Final = frozenset(level.value for level in SecurityLevel)
_AGREED: Final = frozenset(one.value for one in Protection)
_COLUMNS: Final = (
    "pk", "name", "folded", "key", "keys", "state", "harm_rank", "cause", "agreed", "level", "lowered_until",
    "owner_mail", "owner__first_name", "owner__last_name", "delivery", "tls_status", "taking", "hosts", "leaf_begins",
    "leaf_ends", "breaks_at", "seen__seen_at", "seen__standing_id",
)  # fmt: skip
_NOTHING: Final = Q(pk__in=())  # asks no database
_Tally = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the address of the list asks for; a word that means nothing chooses nothing.

    cols: those of COLUMNS that are shown, with commas between them; "" for all.
    after, before: keys of the row beside which the page begins or ends, as PartnerList gives them.
    """

    query: str = ""
    state: str = ""
    level: str = ""
    agreed: str = ""
    tag: str = ""
    mine: str = ""
    sort: str = "harm"
    cols: str = ""
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> "Chosen":
        """Return what *asked* (the query of an address) chooses."""
        sort = asked.get("sort", "")
        return cls(
            query=" ".join(asked.get("q", "").replace("\0", "").split())[:200],
            state=_known(asked.get("state", ""), HARM),
            level=_known(asked.get("level", ""), _LEVELS),
            agreed=_known(asked.get("agreed", ""), _AGREED),
            tag=asked.get("tag", "").replace("\0", "").strip()[:60],
            mine=_known(asked.get("mine", ""), {"1"}),
            sort=sort if sort.removeprefix("-") in SORTS else "harm",
            cols=_shown(asked.get("cols", "")),
            after=asked.get("after", "")[:_KEY_MAX],
            before=asked.get("before", "")[:_KEY_MAX],
        )

    @property
    def parameters(self) -> dict[str, str]:
        """What an address says to choose the same, without the place of the page."""
        given = {("q" if one.name == "query" else one.name): getattr(self, one.name) for one in fields(self)}
        return {name: text for name, text in given.items() if text and name not in {"after", "before"}}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are shown beside state and partner."""
        return tuple(self.cols.split(",")) if self.cols else COLUMNS

    @property
    def is_counted(self) -> bool:
        """Whether the tally says how many rows are chosen."""
        return not (self.query or self.tag or self.mine)

    @property
    def backwards(self) -> bool:
        """Whether the order is turned round."""
        return self.sort.startswith("-")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One channel. state: a word of compliance; ends_at: of the leaf that ends first, used: percent of its life.

    keys: how many nexthops there are, *key* among them. taking of hosts addresses would take the mail.
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
        rests = self.level in RESTS_ON_END and self.state == "compliant"
        return rests and self.ends_at is not None and self.ends_at <= now + SOON


@dataclass(frozen=True, slots=True)
class PartnerList:
    """One page. counts: state -> number over all that the person may see; first: place of the first row, from 1.

    total: of all that is chosen; is_more: there are more than *total*, which was not counted further.
    previous_key, next_key: where the pages beside it begin, "" where there is none.
    """

    rows: tuple[ListRow, ...]
    total: int
    first: int
    counts: Mapping[str, int]
    previous_key: str = ""
    next_key: str = ""
    is_more: bool = False

    @property
    def last(self) -> int:
        """The place of the last row."""
        return self.first + len(self.rows) - 1

    @property
    def everything(self) -> int:
        """How many channels there are, whatever is chosen."""
        return sum(self.counts.values())


def partner_list(user: User, chosen: Chosen, *, now: datetime) -> PartnerList:
    """Return one page of channels; at most five queries: the tally, up to three for the rows, what a search found."""
    tally = _tally(user)
    counts = dict.fromkeys(HARM, 0)
    for (state, _level, _agreed), number in tally.items():
        counts[state] += number
    found = _narrowed(_standings(user), chosen, user)
    segments = _segments(chosen, tally, now)
    after, before = Place.of(chosen.after, segments), Place.of(chosen.before, segments)
    going_back = before is not None and after is None
    place = before if going_back else after
    rows = neighbours(found, segments, place, count=PAGE_ROWS + 1, backwards=going_back != chosen.backwards)
    is_cut, rows = len(rows) > PAGE_ROWS, rows[:PAGE_ROWS]
    rows = rows[::-1] if going_back else rows
    earlier, later = (is_cut, True) if going_back else (place is not None, is_cut)
    first = _first(place, len(rows), is_back=going_back) if earlier else 1
    is_whole = not earlier and not later
    total = len(rows) if is_whole else _total(found, chosen, tally)
    return PartnerList(
        rows=tuple(_list_row(row, now) for _index, row in rows),
        total=max(min(total, COUNTED) if not chosen.is_counted else total, first + len(rows) - 1),
        first=first if rows else 0,
        counts=counts,
        previous_key=_word(rows[0], segments, first) if rows and earlier else "",
        next_key=_word(rows[-1], segments, first + len(rows) - 1) if rows and later else "",
        is_more=total > COUNTED and not chosen.is_counted,
    )


def every_row(user: User, chosen: Chosen, *, now: datetime) -> Iterator[ListRow]:
    """Yield all rows that *chosen* leaves, in its order, a bounded number in memory."""
    found, segments = _narrowed(_standings(user), chosen, user), _segments(chosen, _tally(user), now)
    place: Place | None = None
    while True:
        rows = neighbours(found, segments, place, count=_CHUNK, backwards=chosen.backwards)
        yield from (_list_row(row, now) for _index, row in rows)
        if len(rows) < _CHUNK:
            return
        place = Place.of(_word(rows[-1], segments, 0), segments)


def listed_channels(user: User, chosen: Chosen, *, limit: int, only: Collection[int] | None = None) -> list[int]:
    """Return up to *limit* of the channels that *chosen* leaves of those that *user* may see, by name; one query.

    only: look among these alone.
    """
    found = _narrowed(_standings(user), chosen, user)
    found = found if only is None else found.filter(pk__in=only)
    return list(found.order_by("folded", "pk").values_list("pk", flat=True)[:limit])


def _known(word: str, words: Collection[str]) -> str:
    return word if word in words else ""


def _shown(text: str) -> str:
    """Return the columns of *text* that there are, in their order; "" where that is all or none."""
    given = set(text[:_KEY_MAX].split(","))
    kept = [name for name in COLUMNS if name in given]
    return ",".join(kept) if len(kept) < len(COLUMNS) else ""


def _standings(user: User) -> QuerySet[Standing, dict[str, Any]]:
    """Return where the channels stand that *user* may see."""
    standings = Standing.objects.all()
    if not user.sees_everything:
        standings = standings.filter(channel__in=visible_channels(user).values("pk"))
    rows: QuerySet[Standing, dict[str, Any]] = standings.values(*_COLUMNS)
    return rows


def _tally(user: User) -> _Tally:
    """Return (state, level, agreed) -> number of channels that *user* may see."""
    places = ("state", "level", "agreed")
    rows: QuerySet[Any, Any] = StandingTally.objects.values_list(*places).annotate(number=Sum("difference"))
    if not user.sees_everything:
        own = Standing.objects.filter(channel__in=visible_channels(user).values("pk"))
        rows = own.values_list(*places).annotate(number=Count("pk"))
    return {(state, level, agreed): number for state, level, agreed, number in rows.order_by() if number > 0}


def _segments(chosen: Chosen, tally: _Tally, now: datetime) -> tuple[Segment, ...]:
    """Return the order; what cannot hold a row is left empty.

    By harm: the violated, then what breaks within SOON, the nearest first, then the others. That a leaf ends soon is a
    matter of the clock, so that its rows stand in a segment of their own, and are left out of the last one.
    """
    sort = chosen.sort.removeprefix("-")
    if sort == "seen":
        return (Segment(Q(seen__seen_at__gte=NEVER), ("seen__seen_at", "seen__standing_id")),)  # inner, for its index
    if sort in _BY_COLUMN:
        return (Segment(Q(), (*_BY_COLUMN[sort], "folded", "pk")),)
    wanted = {state for state, level, agreed in tally if _fits(chosen, state, level, agreed)}
    others = wanted - {"violated"}
    violated = Q(harm_rank=HARM_RANKS["violated"])
    soon = Q(breaks_at__lte=now + SOON)
    rest = Q(harm_rank__gt=HARM_RANKS["violated"]) & (Q(breaks_at__isnull=True) | Q(breaks_at__gt=now + SOON))
    return (
        Segment(violated if "violated" in wanted else _NOTHING, ("folded", "pk")),
        Segment(soon if "compliant" in wanted else _NOTHING, ("breaks_at", "folded", "pk")),
        Segment(rest if others else _NOTHING, ("harm_rank", "folded", "pk")),
    )


def _fits(chosen: Chosen, *place: str) -> bool:
    wanted = (chosen.state, chosen.level, chosen.agreed)
    return all(not one or one == own for one, own in zip(wanted, place, strict=True))


def _narrowed(
    found: QuerySet[Standing, dict[str, Any]], chosen: Chosen, user: User
) -> QuerySet[Standing, dict[str, Any]]:
    """Return what of *found* is chosen."""
    if chosen.query:
        found = found.filter(_search(chosen.query))
    if chosen.state:
        found = found.filter(harm_rank=HARM_RANKS[chosen.state])
    if chosen.level:
        found = found.filter(level=chosen.level)
    if chosen.agreed:
        found = found.filter(agreed=chosen.agreed)
    if chosen.tag:
        found = found.filter(searched__words__contains=f"#{chosen.tag.removeprefix('#').casefold()}")
    return found.filter(owner=user) if chosen.mine else found


def _search(text: str) -> Q:
    """Match a part of a name, a tag, a domain or an issuer, or of a fingerprint (with or without colons)."""
    folded = text.casefold()
    words = Q(searched__words__contains=folded)
    if not _HEX.fullmatch(folded):
        return words
    return words | Q(searched__digests__contains=folded.replace(":", "").replace(" ", ""))


def _total(found: QuerySet[Standing, dict[str, Any]], chosen: Chosen, tally: _Tally) -> int:
    """Return how many rows are chosen; of a search, at most one more than is counted."""
    if chosen.is_counted:
        return sum(number for place, number in tally.items() if _fits(chosen, *place))
    return found.order_by()[: COUNTED + 1].count()


def _first(place: Place | None, count: int, *, is_back: bool) -> int:
    """Return the number of the first row of a page beside *place*."""
    if place is None:
        return 1
    return max(place.number - count if is_back else place.number + 1, 1)


def _word(row: tuple[int, Mapping[str, Any]], segments: Sequence[Segment], number: int) -> str:
    index, columns = row
    return Place(number, index, tuple(columns[name] for name in segments[index].columns)).word


def _list_row(row: Mapping[str, Any], now: datetime) -> ListRow:
    seen, ends = row["seen__seen_at"], row["leaf_ends"]
    return ListRow(
        pk=row["pk"],
        name=row["name"],
        key=row["key"],
        keys=row["keys"],
        state=row["state"],
        cause=row["cause"],
        agreed=row["agreed"],
        level=row["level"],
        owner=_owner(row),
        seen_at=seen if seen and seen > NEVER else None,
        lowered_until=row["lowered_until"],
        delivery=row["delivery"],
        tls_status=row["tls_status"],
        taking=row["taking"],
        hosts=row["hosts"],
        ends_at=ends,
        used=_used(row["leaf_begins"], ends, now) if ends else 0,
    )


def _owner(row: Mapping[str, Any]) -> str:
    """Return how the owner is named, as people.name_of() does."""
    return f"{row['owner__first_name'] or ''} {row['owner__last_name'] or ''}".strip() or str(row["owner_mail"])


def _used(begin: datetime | None, end: datetime, now: datetime) -> int:
    """Return how much of the life is over, in percent."""
    whole = end - begin if begin else timedelta(0)
    if begin is None or whole <= timedelta(0):
        return 100 if end <= now else 0
    return int(100 * min(max((now - begin) / whole, 0.0), 1.0))
