"""Alerts as their page shows them: filtered, sorted, a page at a time, in a fixed number of queries."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.core.alarms import Severity, alarm_text
from partners.models import Alert, AlertDelivery, AlertPartner, NoticeTarget
from partners.reports.names import person_name

__all__ = [
    "MARKS",
    "SEVERITIES",
    "SHOWN",
    "SORTS",
    "AlertFilter",
    "AlertPage",
    "AlertRow",
    "Told",
    "alert_counts",
    "alert_page",
    "alert_rows",
    "alerts_of",
]

PAGE_ROWS: Final = 50
NAMED: Final = 3
_PAGES_MAX: Final = 10_000
_TEXT_MAX: Final = 200
SHOWN: dict[str, Promise] = {
    "open": gettext_lazy("Open"),
    "seen": gettext_lazy("Looked after"),
    "resting": gettext_lazy("Resting"),
    "over": gettext_lazy("Over"),
}
SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "harm": ("severity", "breaks_at", "opened_at", "pk"),
    "since": ("opened_at", "pk"),
    "partners": ("-count", "severity", "pk"),
}
MARKS: Final = {Severity.STOPPED: "bad", Severity.BREAKS_SOON: "risk", Severity.WEAKER: "weak", Severity.UNKNOWN: "unk"}
SEVERITIES: dict[Severity, Promise] = {
    Severity.STOPPED: gettext_lazy("Mail waits or comes back"),
    Severity.BREAKS_SOON: gettext_lazy("Mail will stop"),
    Severity.WEAKER: gettext_lazy("Weaker than agreed"),
    Severity.UNKNOWN: gettext_lazy("Unknown for too long"),
}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What a reader asks for; a word that means nothing asks for nothing."""

    shown: str = "open"
    severity: str = ""
    query: str = ""
    alert: int = 0
    sort: str = "harm"
    page: int = 1

    @classmethod
    def of(cls, given: Any) -> "AlertFilter":
        """Read a query string."""
        words = {one.name.lower() for one in Severity}
        shown, sort = given.get("shown", ""), given.get("sort", "")
        return cls(
            shown=shown if shown in SHOWN else "open",
            severity=given.get("severity", "") if given.get("severity", "") in words else "",
            query=" ".join(given.get("q", "").replace("\0", " ").split())[:_TEXT_MAX],
            alert=_number(given.get("alert", ""), 2**31),
            sort=sort if sort.removeprefix("-") in SORTS else "harm",
            page=_number(given.get("page", ""), _PAGES_MAX) or 1,
        )

    @property
    def parameters(self) -> dict[str, str]:
        """What an address says to ask for the same, without the page."""
        found = {"shown": self.shown, "severity": self.severity, "q": self.query, "sort": self.sort}
        found["alert"] = str(self.alert or "")
        return {name: text for name, text in found.items() if text and (name, text) not in _DEFAULTS}


_DEFAULTS: Final = {("shown", "open"), ("sort", "harm")}


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the messages about an alert."""

    sent: int = 0
    waiting: int = 0
    given_up: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert. partners: the first ones, each with a channel; count: of all. who, word: who looks after it."""

    pk: int
    state: str
    severity: str
    sentence: str
    cause: str
    where: str
    opened_at: datetime
    breaks_at: datetime | None
    partners: tuple[tuple[str, int], ...]
    count: int
    calm: bool
    who: str
    acknowledged_at: datetime | None
    word: str
    snoozed_until: datetime | None
    escalated_at: datetime | None
    closed_at: datetime | None
    told: Told

    @property
    def left_out(self) -> int:
        """How many partners are not named."""
        return self.count - len(self.partners)


@dataclass(frozen=True, slots=True)
class AlertPage:
    """A page of alerts. counts: how many there are under each tab; nobody_told: no address of the house is set."""

    rows: tuple[AlertRow, ...]
    counts: Mapping[str, int]
    total: int
    first: int
    last: int
    has_next: bool
    nobody_told: bool


def alert_page(wanted: AlertFilter, *, now: datetime) -> AlertPage:
    """Return a page of the alerts that *wanted* asks for, in seven queries."""
    counts = dict.fromkeys(SHOWN, 0) | Alert.objects.aggregate(
        **{name: Count("pk", filter=_tab(name, now)) for name in SHOWN}
    )
    found = _filtered(wanted, now)
    total = found.count()
    begin = (wanted.page - 1) * PAGE_ROWS
    rows = _rows(found[begin : begin + PAGE_ROWS], now)
    return AlertPage(
        rows=rows,
        counts=counts,
        total=total,
        first=begin + 1 if rows else 0,
        last=begin + len(rows),
        has_next=begin + len(rows) < total,
        nobody_told=not NoticeTarget.objects.filter(removed_at__isnull=True, only_escalated=False).exists(),
    )


def alert_counts(*, now: datetime) -> Mapping[str, int]:
    """Return how many alerts stand under each tab, in one query."""
    return Alert.objects.aggregate(**{name: Count("pk", filter=_tab(name, now)) for name in SHOWN})


def alert_rows(wanted: AlertFilter, *, now: datetime) -> Iterator[AlertRow]:
    """Yield every alert that *wanted* asks for, a page at a time."""
    found = _filtered(wanted, now)
    for begin in range(0, _PAGES_MAX * PAGE_ROWS, PAGE_ROWS):
        rows = _rows(found[begin : begin + PAGE_ROWS], now)
        yield from rows
        if len(rows) < PAGE_ROWS:
            return


def alerts_of(partner: int, *, now: datetime) -> tuple[AlertRow, ...]:
    """Return the open alerts that concern *partner*, worst first, in four queries."""
    mine = AlertPartner.objects.filter(partner=partner, closed_at__isnull=True).values("alert")
    return _rows(_counted().filter(pk__in=mine).order_by(*SORTS["harm"])[:PAGE_ROWS], now)


def _tab(name: str, now: datetime) -> Q:
    """Match the alerts of a tab; each open one stands under exactly one."""
    open_now, resting = Q(closed_at__isnull=True), Q(snoozed_until__gt=now)
    return {
        "open": open_now & Q(acknowledged_at__isnull=True) & ~resting,
        "seen": open_now & Q(acknowledged_at__isnull=False) & ~resting,
        "resting": open_now & resting,
        "over": Q(closed_at__isnull=False),
    }[name]


def _counted() -> QuerySet[Alert]:
    return Alert.objects.annotate(count=Count("parts", distinct=True)).select_related("acknowledged_by")


def _filtered(wanted: AlertFilter, now: datetime) -> QuerySet[Alert]:
    found = _counted()
    if wanted.alert:
        return found.filter(pk=wanted.alert)
    found = found.filter(_tab(wanted.shown, now))
    if wanted.severity:
        found = found.filter(severity=Severity[wanted.severity.upper()].value)
    if wanted.query:
        text = wanted.query
        named = AlertPartner.objects.filter(
            Q(partner__name__icontains=text) | Q(partner__channels__nexthops__key__icontains=text)
        )
        found = found.filter(Q(pk__in=named.values("alert")) | Q(where__icontains=text))
    order = SORTS[wanted.sort.removeprefix("-")]
    if wanted.shown == "over" and wanted.sort == "harm":
        return found.order_by("-closed_at", "-pk")
    places = [F(name.lstrip("-")).desc() if name.startswith("-") else F(name).asc(nulls_last=True) for name in order]
    found = found.order_by(*places)
    return found.reverse() if wanted.sort.startswith("-") else found


def _rows(alerts: QuerySet[Alert], now: datetime) -> tuple[AlertRow, ...]:
    rows = list(alerts)
    named, calm = _named([row.pk for row in rows])
    told = _told([row.pk for row in rows])
    return tuple(
        _row(alert, named.get(alert.pk, ()), calm=alert.pk in calm, told=told.get(alert.pk, Told()), now=now)
        for alert in rows
    )


def _named(pks: Sequence[int]) -> tuple[dict[int, tuple[tuple[str, int], ...]], set[int]]:
    """Return the first partners of each alert with a channel, and which alerts are seen nowhere at present."""
    parts = AlertPartner.objects.filter(alert__in=pks).order_by("alert", "partner__name")
    channels = parts.values_list("alert", "partner__name", "partner__channels", "calm_since", "closed_at")
    found: dict[int, dict[str, int]] = {}
    loud: set[int] = set()
    for alert, name, channel, calm_since, closed_at in channels:
        if calm_since is None and closed_at is None:
            loud.add(alert)
        names = found.setdefault(alert, {})
        if channel is not None and (name in names or len(names) < NAMED):
            names[name] = min(names.get(name, channel), channel)
    return {pk: tuple(names.items()) for pk, names in found.items()}, set(pks) - loud


def _told(pks: Sequence[int]) -> dict[int, Told]:
    """Return what became of the messages about each alert, in one query."""
    rows = AlertDelivery.objects.filter(alert__in=pks).order_by("pk")
    found: dict[int, Told] = {}
    for alert, sent_at, next_try_at, failed_at, fault in rows.values_list(
        "alert", "sent_at", "next_try_at", "failed_at", "fault"
    ):
        before = found.get(alert, Told())
        found[alert] = Told(
            before.sent + (sent_at is not None),
            before.waiting + (next_try_at is not None),
            before.given_up + (failed_at is not None),
            fault if failed_at or (next_try_at and fault) else before.fault,
        )
    return found


def _row(alert: Any, partners: tuple[tuple[str, int], ...], *, calm: bool, told: Told, now: datetime) -> AlertRow:
    severity, text = Severity(alert.severity), alarm_text(alert.cause)
    resting = alert.snoozed_until if alert.snoozed_until and alert.snoozed_until > now else None
    return AlertRow(
        pk=alert.pk,
        state="ok" if alert.closed_at else MARKS[severity],
        severity=str(SEVERITIES[severity]),
        sentence=_(text.team) if text else alert.cause,
        cause=alert.cause,
        where=alert.where,
        opened_at=localtime(alert.opened_at),
        breaks_at=alert.breaks_at,
        partners=partners,
        count=alert.count,
        calm=calm and alert.closed_at is None,
        who=person_name(alert.acknowledged_by) if alert.acknowledged_by else "",
        acknowledged_at=alert.acknowledged_at,
        word=alert.word,
        snoozed_until=resting,
        escalated_at=alert.escalated_at,
        closed_at=alert.closed_at,
        told=told,
    )


def _number(text: str, limit: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 and int(text) < limit else 0
