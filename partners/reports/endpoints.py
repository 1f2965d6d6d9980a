"""Addresses that partners' mail goes to, each with who runs it, what it shows and who hangs on it; and who runs many.

A page reads its own rows alone: it is found by key, and what stands beside a row is asked for the rows of the page.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from partners.core.facts_json import profile_key
from partners.core.names import place_text
from partners.core.observation import PERMISSIVE
from partners.models import ChainLink, DnsSighting, Endpoint, Sighting, StandingWords
from partners.models.standings import HARM
from partners.reports.lanes import vantage_word
from partners.reports.places import Place, Segment, neighbours
from partners.reports.sentences import team_sentence

__all__ = ["COUNTED", "SORTS", "STATES", "EndpointFilter", "EndpointPage", "EndpointRow", "endpoint_page"]
__all__ += ["Tie", "by_harm", "endpoint_row", "every_endpoint", "in_use", "leaves_of", "states_of"]

PAGE_ROWS: Final = 50
COUNTED: Final = 1000  # what is found is counted up to here
SORTS: Final = ("provider", "tried", "failing")
STATES: Final = ("", "failing", "shown", "untried")
_KEY_MAX: Final = 1000
_CHUNK: Final = 200
_CHANNELS_MAX: Final = 200  # partners that a search looks behind
_PLAIN: Final = profile_key(PERMISSIVE)
_COLUMNS: Final = (
    "pk", "port", "tried_at", "not_measured", "address_id", "address__address", "address__provider",
    "address__vantage", "address__failing_since",
)  # fmt: skip
Tie = Endpoint.nexthops.through


@dataclass(frozen=True, slots=True)
class EndpointFilter:
    """What the address of the list asks for; a word that means nothing chooses nothing."""

    query: str = ""
    provider: str = ""
    state: str = ""
    vantage: str = ""
    sort: str = "provider"
    after: str = ""
    before: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "EndpointFilter":
        """Read a query string."""
        state, sort = given.get("state", ""), given.get("sort", "")
        return cls(
            query=" ".join(given.get("q", "").replace("\0", " ").split())[:200].lower(),
            provider=given.get("provider", "").replace("\0", "")[:253],
            state=state if state in STATES else "",
            vantage=given.get("vantage", "").replace("\0", "")[:40],
            sort=sort if sort.removeprefix("-") in SORTS else "provider",
            after=given.get("after", "")[:_KEY_MAX],
            before=given.get("before", "")[:_KEY_MAX],
        )

    @property
    def parameters(self) -> dict[str, str]:
        """What an address says to choose the same, without the place of the page."""
        given = {("q" if one.name == "query" else one.name): getattr(self, one.name) for one in fields(self)}
        given |= {"sort": ""} if self.sort == "provider" else {}
        return {name: text for name, text in given.items() if text and name not in {"after", "before"}}


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One address and port. states: how the partners stand that hang on it; leaf_ends: of what it shows now."""

    pk: int
    mx_host: str
    address: str
    port: int
    provider: str
    vantage: str
    partners: int
    states: tuple[tuple[str, int], ...]
    tried_at: datetime | None
    seen_at: datetime | None
    tls: str
    leaf: str
    issuer: str
    leaf_ends: datetime | None
    failing_since: datetime | None
    not_measured: str

    @property
    def place(self) -> str:
        """Address and port as one writes them: an IPv6 address in brackets."""
        return place_text(self.address, self.port)

    @property
    def seen_from(self) -> str:
        """From where it is spoken to."""
        return vantage_word(self.vantage)

    @property
    def said(self) -> str:
        """Why the last look gave no fact."""
        return team_sentence(self.not_measured) if self.not_measured else ""


@dataclass(frozen=True, slots=True)
class EndpointPage:
    """One page. total: of all that is chosen, at most COUNTED; is_more: there are more."""

    rows: tuple[EndpointRow, ...]
    first: int
    total: int
    is_more: bool
    previous_key: str = ""
    next_key: str = ""

    @property
    def last(self) -> int:
        """The place of the last row."""
        return self.first + len(self.rows) - 1


def endpoint_page(wanted: EndpointFilter) -> EndpointPage:
    """Return one page in at most nine queries."""
    found, segments = _found(wanted), _segments(wanted.sort)
    after, before = Place.of(wanted.after, segments), Place.of(wanted.before, segments)
    going_back = before is not None and after is None
    place = before if going_back else after
    backwards = wanted.sort.startswith("-")
    rows = neighbours(found, segments, place, count=PAGE_ROWS + 1, backwards=going_back != backwards)
    is_cut, rows = len(rows) > PAGE_ROWS, rows[:PAGE_ROWS]
    rows = rows[::-1] if going_back else rows
    earlier, later = (is_cut, True) if going_back else (place is not None, is_cut)
    first = 1
    if place is not None and earlier:
        first = max(place.number - len(rows) if going_back else place.number + 1, 1)
    total = found.order_by()[: COUNTED + 1].count() if earlier or later else len(rows)
    last = first + len(rows) - 1
    return EndpointPage(
        rows=_rows([row for _index, row in rows]),
        first=first if rows else 0,
        total=max(min(total, COUNTED), last),
        is_more=total > COUNTED,
        previous_key=_word(rows[0], segments, first) if rows and earlier else "",
        next_key=_word(rows[-1], segments, last) if rows and later else "",
    )


def every_endpoint(wanted: EndpointFilter) -> Iterator[EndpointRow]:
    """Yield all rows that *wanted* leaves, in its order, a bounded number in memory."""
    found, segments = _found(wanted), _segments(wanted.sort)
    place: Place | None = None
    while True:
        rows = neighbours(found, segments, place, count=_CHUNK, backwards=wanted.sort.startswith("-"))
        yield from _rows([row for _index, row in rows])
        if len(rows) < _CHUNK:
            return
        place = Place.of(_word(rows[-1], segments, 0), segments)


def endpoint_row(pk: int) -> EndpointRow | None:
    """Return the row of one endpoint, None where no partner's mail goes there."""
    rows = _rows(list(in_use().filter(pk=pk).values(*_COLUMNS)))
    return rows[0] if rows else None


def in_use() -> "QuerySet[Endpoint]":
    """Return the endpoints that a partner's mail goes to, one for each address and port."""
    return Endpoint.objects.filter(Exists(Tie.objects.filter(endpoint=OuterRef("pk"))), profile_key=_PLAIN)


def states_of(key: str, values: Collection[Any]) -> dict[Any, Counter[str]]:
    """Return how many channels stand in which state, by *key* of the ties with one of *values*; one query."""
    rows = Tie.objects.filter(**{f"{key}__in": values}, endpoint__profile_key=_PLAIN).order_by()
    counted = rows.values_list(key, "nexthop__channel__standing__state").annotate(
        n=Count("nexthop__channel", distinct=True)
    )
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    for value, state, number in counted:
        found[value][state or "unknown"] += number
    return found


def leaves_of(observations: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return subject, issuer, not_after and sha256 of the leaf that each of *observations* holds; one query."""
    leaves = ChainLink.objects.filter(observation__in=observations, position=0)
    names = ("subject", "issuer", "not_after", "sha256")
    rows = leaves.values_list("observation_id", *(f"certificate__{name}" for name in names))
    return {pk: dict(zip(names, values, strict=True)) for pk, *values in rows}


def by_harm(states: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return *states* worst first, those that somebody is in."""
    return tuple((state, states[state]) for state in HARM if states.get(state))


def _found(wanted: EndpointFilter) -> "QuerySet[Endpoint, dict[str, Any]]":
    found = in_use()
    if wanted.provider:
        found = found.filter(address__provider=wanted.provider)
    if wanted.vantage:
        found = found.filter(address__vantage=wanted.vantage)
    if wanted.state == "failing" or wanted.sort.removeprefix("-") == "failing":
        found = found.filter(address__failing_since__isnull=False)
    elif wanted.state == "shown":
        found = found.filter(Exists(Sighting.objects.filter(endpoint=OuterRef("pk"), current=True)))
    elif wanted.state == "untried":
        found = found.filter(tried_at__isnull=True)
    if wanted.query:
        words = StandingWords.objects.filter(words__contains=wanted.query).values_list("pk", flat=True)
        theirs = Tie.objects.filter(endpoint=OuterRef("pk"), nexthop__channel__in=list(words[:_CHANNELS_MAX]))
        own = Q(address__provider__contains=wanted.query) | Q(address__address__startswith=wanted.query)
        found = found.filter(own | Exists(theirs))
    rows: QuerySet[Endpoint, dict[str, Any]] = found.values(*_COLUMNS)
    return rows


def _segments(sort: str) -> tuple[Segment, ...]:
    name = sort.removeprefix("-")
    if name == "tried":
        tried = Q(tried_at__isnull=False)
        return (Segment(~tried, ("pk",)), Segment(tried, ("tried_at", "pk")))
    column = "address__failing_since" if name == "failing" else "address__provider"
    return (Segment(Q(), (column, "pk")),)


def _word(row: tuple[int, Mapping[str, Any]], segments: Sequence[Segment], number: int) -> str:
    index, columns = row
    return Place(number, index, tuple(columns[name] for name in segments[index].columns)).word


def _rows(found: Sequence[Mapping[str, Any]]) -> tuple[EndpointRow, ...]:
    """Return *found* with what stands beside them, in five queries."""
    pks = [row["pk"] for row in found]
    if not pks:
        return ()
    states, shown, hosts = states_of("endpoint", pks), _shown(pks), _hosts(found)
    rows = []
    for row in found:
        pk = row["pk"]
        seen = shown.get(pk, {})
        rows.append(
            EndpointRow(
                pk=pk,
                mx_host=hosts.get(pk, ""),
                address=str(row["address__address"]),
                port=row["port"],
                provider=row["address__provider"],
                vantage=row["address__vantage"],
                partners=states[pk].total(),
                states=by_harm(states[pk]),
                tried_at=row["tried_at"],
                seen_at=seen.get("last_seen"),
                tls=seen.get("tls") or "",
                leaf=seen.get("subject", ""),
                issuer=seen.get("issuer", ""),
                leaf_ends=seen.get("not_after"),
                failing_since=row["address__failing_since"],
                not_measured=row["not_measured"],
            )
        )
    return tuple(rows)


def _shown(pks: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return what each endpoint shows now: TLS version and leaf; two queries."""
    current = Sighting.objects.filter(endpoint__in=pks, current=True)
    rows = current.values(
        "endpoint_id",
        "observation_id",
        "last_seen",
        tls=KeyTextTransform("version", KeyTransform("tls", "observation__facts")),
    )
    found: dict[int, dict[str, Any]] = {row["endpoint_id"]: dict(row) for row in rows}
    named = leaves_of({row["observation_id"] for row in found.values()})
    return {pk: {**row, **named.get(int(row["observation_id"]), {})} for pk, row in found.items()}


def _hosts(found: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return an MX host that leads to each, as the DNS of one of its nexthops says; two queries."""
    ties = Tie.objects.filter(endpoint__in=[row["pk"] for row in found]).order_by()
    firsts = dict(ties.values_list("endpoint").annotate(first=Min("nexthop")))
    answers = DnsSighting.objects.filter(nexthop__in=set(firsts.values()), current=True)
    facts = {pk: raw for pk, raw in answers.values_list("nexthop", "observation__facts") if isinstance(raw, dict)}
    names: dict[int, str] = {}
    for row in found:
        raw = facts.get(firsts.get(row["pk"], 0), {})
        for host in raw.get("hosts", ()):
            if str(row["address__address"]) in host.get("addresses", ()):
                names.setdefault(row["pk"], str(host.get("name", "")))
    return names
