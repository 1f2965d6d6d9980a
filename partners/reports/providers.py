"""Who runs partners' mail servers, and one endpoint's past: partners behind one provider are one finding."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Q
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from partners.models import Sighting, Standing
from partners.reports.endpoints import Tie, by_harm, in_use, leaves_of, states_of
from partners.reports.headline import short_cause
from partners.reports.sentences import team_sentence

__all__ = ["PARTNERS_SHOWN", "PastRow", "ProviderPage", "ProviderRow", "every_provider", "findings_of", "past_of"]
__all__ += ["finding_words", "partners_of", "provider_page"]

PAGE_ROWS: Final = 50
PARTNERS_SHOWN: Final = 100
_PAST_SHOWN: Final = 50
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A base domain of MX hosts. finding: the trouble that most of its partners share; sharing: how many."""

    provider: str
    addresses: int
    failing: int
    partners: int
    states: tuple[tuple[str, int], ...]
    finding: str
    sharing: int


@dataclass(frozen=True, slots=True)
class ProviderPage:
    """One page, by name. next_key: the name that it ends with, "" on the last page."""

    rows: tuple[ProviderRow, ...]
    next_key: str


@dataclass(frozen=True, slots=True)
class PastRow:
    """What an endpoint showed from first_seen to last_seen."""

    first_seen: datetime
    last_seen: datetime
    times: int
    current: bool
    tls: str
    subject: str
    issuer: str
    not_after: datetime | None
    sha256: str


def provider_page(query: str, after: str, *, backwards: bool = False) -> ProviderPage:
    """Return the providers whose name holds *query* and comes after *after*, in three queries."""
    rows = _providers(query, after, count=PAGE_ROWS + 1, backwards=backwards)
    shown = rows[:PAGE_ROWS]
    return ProviderPage(_rows(shown), shown[-1]["address__provider"] if len(rows) > PAGE_ROWS else "")


def every_provider(query: str, *, backwards: bool = False) -> Iterator[ProviderRow]:
    """Yield all providers whose name holds *query*."""
    after = ""
    while rows := _providers(query, after, count=_CHUNK, backwards=backwards):
        yield from _rows(rows)
        after = rows[-1]["address__provider"]


def findings_of(key: str, values: Collection[Any]) -> dict[Any, Counter[str]]:
    """Return how many channels have which cause, by *key* of the ties with one of *values*; one query."""
    rows = Tie.objects.filter(**{f"{key}__in": values}).exclude(nexthop__channel__standing__state="compliant")
    rows = rows.exclude(nexthop__channel__standing__cause="").order_by()
    counted = rows.values_list(key, "nexthop__channel__standing__cause").annotate(
        n=Count("nexthop__channel", distinct=True)
    )
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    for value, cause, number in counted:
        if cause:
            found[value][cause] += number
    return found


def finding_words(cause: str) -> str:
    """Return *cause* in a few words."""
    return short_cause(cause) or team_sentence(cause)


def partners_of(endpoint: int) -> list[Mapping[str, Any]]:
    """Return the partners that hang on *endpoint*, worst first, up to PARTNERS_SHOWN."""
    used = Tie.objects.filter(endpoint=endpoint).values("nexthop__channel")
    rows = Standing.objects.filter(channel__in=used).order_by("harm_rank", "folded", "pk")
    return list(rows.values("pk", "name", "key", "state", "cause", "level", "delivery", "tls_status")[:PARTNERS_SHOWN])


def past_of(endpoint: int) -> tuple[PastRow, ...]:
    """Return what *endpoint* showed, newest first, in two queries."""
    rows = list(
        Sighting.objects.filter(endpoint=endpoint)
        .order_by("-current", "-last_seen")
        .values(
            "first_seen", "last_seen", "times", "current", "observation_id",
            tls=KeyTextTransform("version", KeyTransform("tls", "observation__facts")),
        )[:_PAST_SHOWN]
    )  # fmt: skip
    named = leaves_of({row["observation_id"] for row in rows})
    none: dict[str, Any] = {"subject": "", "issuer": "", "not_after": None, "sha256": ""}
    return tuple(
        PastRow(
            first_seen=row["first_seen"],
            last_seen=row["last_seen"],
            times=row["times"],
            current=row["current"],
            tls=row["tls"] or "",
            **named.get(row["observation_id"], none),
        )
        for row in rows
    )


def _providers(query: str, after: str, *, count: int, backwards: bool) -> list[dict[str, Any]]:
    rows = in_use().exclude(address__provider="")
    rows = rows.filter(address__provider__contains=query) if query else rows
    if after:
        rows = rows.filter(**{f"address__provider__{'lt' if backwards else 'gt'}": after})
    failing = Count("address", filter=Q(address__failing_since__isnull=False), distinct=True)
    grouped = rows.values("address__provider").annotate(n=Count("address", distinct=True), failing=failing)
    ordered = grouped.order_by("-address__provider" if backwards else "address__provider")
    return [dict(row) for row in ordered[:count]]


def _rows(found: list[dict[str, Any]]) -> tuple[ProviderRow, ...]:
    names = [row["address__provider"] for row in found]
    if not names:
        return ()
    key = "endpoint__address__provider"
    states, causes = states_of(key, names), findings_of(key, names)
    rows = []
    for row in found:
        name = row["address__provider"]
        [(cause, sharing)] = causes[name].most_common(1) or [("", 0)]
        rows.append(
            ProviderRow(
                provider=name,
                addresses=row["n"],
                failing=row["failing"],
                partners=states[name].total(),
                states=by_harm(states[name]),
                finding=finding_words(cause) if cause else "",
                sharing=sharing,
            )
        )
    return tuple(rows)
