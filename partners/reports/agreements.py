"""Every agreement with its state now: the one query behind the numbers, the lists they lead to, and the file."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    FilteredRelation,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from partners.core.levels import Protection, SecurityLevel
from partners.core.reasons import Reason
from partners.models import Change, Channel, ComplianceInterval, VerdictRow
from partners.reports.people import name_of
from partners.reports.sentences import team_sentence

__all__ = [
    "HELD",
    "NOT_KNOWN",
    "PROTECTED",
    "AgreementRow",
    "Chosen",
    "Tally",
    "agreement_rows",
    "every_row",
    "tally",
    "unjudged",
]

PROTECTED: Final = frozenset({"compliant", "rolling"})  # the one definition of "protected", on every page
HELD: Final = "held"  # violated: nothing flows, so that nothing is unprotected
NOT_KNOWN: Final = "not-known"
_HARM: Final = ("violated", "weaker", "unknown", "pending", "rolling", "compliant")
_CHUNK: Final = 2000
_PENDING: Final = "pending"
_UNJUDGED_MAX: Final = 500  # a page of a large estate shows no more of them
_LOWERED_BY_HOSTS: Final = frozenset({SecurityLevel.DANE.value, SecurityLevel.DANE_ONLY.value})
_GIVES: Final = {
    SecurityLevel.SECURE: Protection.CA_NAME,
    SecurityLevel.VERIFY: Protection.CA_NAME,
    SecurityLevel.FINGERPRINT: Protection.PIN,
    SecurityLevel.DANE: Protection.DANE,
    SecurityLevel.DANE_ONLY: Protection.DANE,
    SecurityLevel.ENCRYPT: Protection.ENCRYPTED,
    SecurityLevel.MAY: Protection.NONE,
    SecurityLevel.NONE: Protection.NONE,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a number leads to; empty fields choose all. group: "protected" or "open" (all that is not)."""

    state: str = ""
    group: str = ""
    agreed: str = ""
    effective: str = ""
    within: int = 0

    @property
    def is_narrow(self) -> bool:
        """Whether anything is chosen."""
        return bool(self.state or self.group or self.agreed or self.effective or self.within)


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One agreement. level: the one in force on the relays, else of the draft; cause: a sentence."""

    pk: int
    partner: str
    keys: str
    agreed: str
    effective: str
    level: str
    state: str
    cause: str
    since: datetime | None
    known_at: datetime | None
    owner: str


@dataclass(frozen=True, slots=True)
class Tally:
    """All agreements, counted once by state, by agreed protection, by effective protection and by cause."""

    total: int
    states: dict[str, int]
    agreed: dict[str, int]
    effective: dict[str, int]
    causes: dict[tuple[str, str], int]

    def as_json(self) -> dict[str, Any]:
        """Return it as a row of kept figures holds it."""
        causes = [[state, cause, count] for (state, cause), count in self.causes.items()]
        fields = {"states": self.states, "agreed": self.agreed, "effective": self.effective}
        return {"total": self.total, **fields, "causes": causes}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> "Tally":
        """Read what as_json() gave."""
        causes = {(state, cause): count for state, cause, count in told["causes"]}
        return cls(told["total"], told["states"], told["agreed"], told["effective"], causes)

    @property
    def protected(self) -> int:
        """How many are protected as agreed."""
        return sum(self.states.get(word, 0) for word in PROTECTED)

    @property
    def share(self) -> float | None:
        """Percent that is protected as agreed, None where there is no agreement."""
        return percent(self.protected, self.total)


def percent(part: int, whole: int) -> float | None:
    """Return *part* of *whole* in percent, rounded down to one digit: what is not all is never shown as 100."""
    return 1000 * part // whole / 10 if whole else None


def tally() -> Tally:
    """Count all agreements in one query."""
    groups = _agreements().values_list("state", "agreed", "effective", "cause").annotate(count=Count("pk"))
    states, agreed, effective, causes = Counter[str](), Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for state, promised, given, cause, count in groups.order_by():
        states[state] += count
        agreed[promised] += count
        effective[given] += count
        causes[state, cause] += count
    return Tally(states.total(), dict(states), dict(agreed), dict(effective), dict(causes))


def agreement_rows(
    chosen: Chosen, counted: Tally, *, ending: Any, first: int, count: int, unjudged_kept: Sequence[int] | None = None
) -> tuple[tuple[AgreementRow, ...], int]:
    """Return *count* rows of what is *chosen* from *first* on, worst first, and how many there are.

    Two queries, and a third for a page behind the last one. ending: the channels that end within the chosen days,
    or a query of them; it is read where chosen.within is set. unjudged_kept: of a large estate, the channels without
    any state; then the rows of a state come from its index, a query for each state that the page shows.
    """
    if unjudged_kept is not None and not (chosen.agreed or chosen.effective or chosen.within):
        keys, total = _by_state(chosen, counted, unjudged_kept, first=first, count=count)
    else:
        found = _narrowed(_agreements() if chosen.effective else _states(), chosen, ending)
        known = _counted(chosen, counted)
        ranks = [When(state=word, then=Value(rank)) for rank, word in enumerate(_HARM)]
        harm = Case(*ranks, default=Value(len(_HARM)), output_field=IntegerField())
        ordered = found.annotate(rank=harm).order_by("rank", F("since").asc(nulls_last=True), "pk")
        if known is None:  # counted in the same pass
            page = list(ordered.annotate(all=Window(Count("pk"))).values_list("pk", "all")[first : first + count])
            keys, total = [pk for pk, _all in page], page[0][1] if page else found.count() if first else 0
        else:
            keys, total = list(ordered.values_list("pk", flat=True)[first : first + count]), known
    channels = _agreements().filter(pk__in=keys).annotate(key=Min("nexthops__key")).select_related("partner__owner")
    rows = {channel.pk: _row(channel, channel.key or "") for channel in channels}
    return tuple(rows[key] for key in keys if key in rows), total


def unjudged() -> list[int]:
    """Return the first channels that have no state yet: nobody looked at them, or no map holds them."""
    open_now = ComplianceInterval.objects.filter(channel=OuterRef("pk"), valid_to__isnull=True)
    found = Channel.objects.filter(~Exists(open_now), removed_at__isnull=True).order_by("pk")
    return list(found.values_list("pk", flat=True)[:_UNJUDGED_MAX])


def every_row() -> Iterator[AgreementRow]:
    """Yield every agreement by partner's name, a bounded number in memory."""
    channels = _agreements().select_related("partner__owner").prefetch_related("nexthops")
    for channel in channels.order_by("partner__name", "pk").iterator(chunk_size=_CHUNK):
        yield _row(channel, " ".join(nexthop.key for nexthop in channel.nexthops.all()))


def _states() -> QuerySet[Any]:
    """Return the living channels with state, cause and since when as columns."""
    return (
        Channel.objects.filter(removed_at__isnull=True)
        .annotate(now=FilteredRelation("intervals", condition=Q(intervals__valid_to__isnull=True)))
        .annotate(
            state=Coalesce("now__state", Value("pending")),
            cause=Coalesce("now__cause", Value(Reason.NOT_RELEASED.value)),
            since=F("now__valid_from"),
            known_at=F("now__known_at"),
        )
    )


def _agreements() -> QuerySet[Any]:
    """Return the same with the level in force and the effective protection.

    The row of a channel shows its newest draft. Where there is none, and the level is one that no host can lower, it is
    the level in force; elsewhere the judge is asked, which costs a look into the verdict.
    """
    drafts = Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True).values("channel")
    verdict = VerdictRow.objects.filter(nexthop__channel=OuterRef("pk")).order_by("-is_own", "pk")
    judged = Subquery(verdict.annotate(at_first=KT("hosts__0__effective")).values("at_first")[:1])
    settled = Q(state__in=PROTECTED) & ~Q(level__in=_LOWERED_BY_HOSTS) & ~Q(pk__in=drafts)
    agreements: QuerySet[Any] = (
        _states()
        .annotate(
            in_force=Case(
                When(settled, then=F("level")),
                default=Coalesce(judged, Value(""), output_field=TextField()),
                output_field=TextField(),
            )
        )
        .annotate(effective=_effective())
    )
    return agreements


def _by_state(chosen: Chosen, counted: Tally, kept: Sequence[int], *, first: int, count: int) -> tuple[list[int], int]:
    """Return the channels of a page by harm and age, and how many there are; it reads what an index holds."""
    wanted = [word for word in _HARM if word == chosen.state or not chosen.state]
    if chosen.group:
        wanted = [word for word in wanted if (word in PROTECTED) == (chosen.group == "protected")]
    keys: list[int] = []
    skip, total = first, 0
    for word in wanted:
        here = counted.states.get(word, 0)
        total += here
        if skip < here and len(keys) < count:
            rows = ComplianceInterval.objects.filter(state=word, valid_to__isnull=True)
            ordered = rows.order_by("valid_from", "channel").values_list("channel", flat=True)
            found = list(ordered[skip : skip + count - len(keys)])
            keys += found
            if word == _PENDING and len(keys) < count:
                begin = max(skip - (here - len(kept)), 0)
                keys += kept[begin : begin + count - len(keys)]
        skip = max(skip - here, 0)
    return keys, total


def _counted(chosen: Chosen, counted: Tally) -> int | None:
    """Return how many rows *chosen* leaves where the tally knows it, None where it does not."""
    fields = [chosen.state, chosen.group, chosen.agreed, chosen.effective, chosen.within]
    if sum(map(bool, fields)) > 1 or chosen.within:
        return None
    if chosen.group:
        return counted.protected if chosen.group == "protected" else counted.total - counted.protected
    for asked, numbers in (
        (chosen.state, counted.states),
        (chosen.agreed, counted.agreed),
        (chosen.effective, counted.effective),
    ):
        if asked:
            return numbers.get(asked, 0)
    return counted.total


def _effective() -> Case:
    """Return the least protection that mail of a channel has now, by what the judge found.

    As agreed, every host gives at least what was agreed, and the first one tells by what. Where one host of several has
    lost its TLSA records, dane may have fallen to may: the least is shown.
    """
    dane = [level.value for level, given in _GIVES.items() if given is Protection.DANE]
    by_level = [When(in_force=level.value, then=Value(given.value)) for level, given in _GIVES.items()]
    return Case(
        When(state="violated", then=Value(HELD)),
        When(state__in=["unknown", "pending"], then=Value(NOT_KNOWN)),
        When(state="weaker", cause=Reason.PLAINTEXT.value, then=Value(Protection.NONE.value)),
        When(state="weaker", agreed=Protection.DANE.value, in_force__in=dane, then=Value(Protection.NONE.value)),
        *by_level,
        default=Value(NOT_KNOWN),
        output_field=CharField(),
    )


def _narrowed(channels: QuerySet[Any], chosen: Chosen, ending: Any) -> QuerySet[Any]:
    """Return the *channels* that *chosen* leaves."""
    if chosen.state:
        channels = channels.filter(state=chosen.state)
    if chosen.group == "protected":
        channels = channels.filter(state__in=PROTECTED)
    elif chosen.group == "open":
        channels = channels.exclude(state__in=PROTECTED)
    if chosen.agreed:
        channels = channels.filter(agreed=chosen.agreed)
    if chosen.effective:
        channels = channels.filter(effective=chosen.effective)
    return channels.filter(pk__in=ending) if chosen.within else channels


def _row(channel: Any, keys: str) -> AgreementRow:
    return AgreementRow(
        pk=channel.pk,
        partner=channel.partner.name,
        keys=keys,
        agreed=channel.agreed,
        effective=channel.effective,
        level=channel.in_force or channel.level,
        state=channel.state,
        cause=team_sentence(channel.cause),
        since=channel.since,
        known_at=channel.known_at,
        owner=name_of(channel.partner.owner),
    )
