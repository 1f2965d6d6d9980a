"""Management's page: how many agreements are kept, what is not, what ends next, and the exceptions in force."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min

from partners.core.levels import Protection
from partners.models import Change, Channel
from partners.reports.agreements import HELD, NOT_KNOWN, AgreementRow, Chosen, Tally, agreement_rows
from partners.reports.drawings import Slice, share
from partners.reports.figures import WINDOWS, Ends, counted_tally, ends_ahead
from partners.reports.kept import kept_figures
from partners.reports.people import name_of
from partners.reports.sentences import team_sentence
from partners.reports.trend import Trend, trend

__all__ = ["WINDOWS", "Compliance", "Exemption", "MixRow", "OpenCause", "Outlook", "compliance_report"]

ROWS: Final = 50
_OPEN: Final = ("violated", "weaker", "unknown", "pending")
_BAR: Final = 300  # units of the bars of agreed and effective
_CAUSES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Outlook:
    """The agreements that are protected now, as they stand in some days if nobody acts."""

    days: int
    safe: int
    under_way: int
    breaks: int
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class OpenCause:
    """A state that is not protected. causes: a sentence and how many it is about, most first."""

    state: str
    count: int
    causes: tuple[tuple[str, int], ...]

    @property
    def further(self) -> int:
        """How many have a cause that is not among those shown."""
        return max(self.count - sum(number for _text, number in self.causes), 0) if self.causes else 0


@dataclass(frozen=True, slots=True)
class MixRow:
    """A protection: how many agreements promise it and how many have it now. bars: in units of 300."""

    protection: str
    agreed: int
    effective: int
    agreed_bar: float
    effective_bar: float
    is_promise: bool

    @property
    def difference(self) -> int:
        """How many more have it than were promised it."""
        return self.effective - self.agreed

    @property
    def shortfall(self) -> int:
        """How many fewer have it than were promised it."""
        return max(self.agreed - self.effective, 0)


@dataclass(frozen=True, slots=True)
class Exemption:
    """An entry that is lowered until a day. asked_by: who wrote it; signed_by: who approved its release."""

    channel: int
    partner: str
    key: str
    was: str
    level: str
    ends_at: datetime
    reason: str
    asked_by: str
    signed_by: str
    owner: str


@dataclass(frozen=True, slots=True)
class Compliance:
    """The whole page."""

    tally: Tally
    rows: tuple[AgreementRow, ...]
    chosen_total: int
    page: int
    pages: int
    outlook: tuple[Outlook, ...]
    open_causes: tuple[OpenCause, ...]
    mix: tuple[MixRow, ...]
    exemptions: tuple[Exemption, ...]
    trend: Trend
    counted_at: datetime

    @property
    def open_total(self) -> int:
        """How many are not protected as agreed."""
        return self.tally.total - self.tally.protected


def compliance_report(*, now: datetime, chosen: Chosen, page: int = 1, in_full: bool = True) -> Compliance:
    """Return the page as of *now*, its table narrowed to *chosen*; at most twelve queries.

    in_full: with who lowered what, and with the releases on the chart; they are two of the queries.
    """
    kept = kept_figures(now=now)
    counted, ends = counted_tally(kept), ends_ahead(kept, now=now)
    page = max(page, 1)
    rows, total = agreement_rows(
        chosen,
        counted,
        ending=ends.channels(now + timedelta(days=chosen.within)),
        first=(page - 1) * ROWS,
        count=ROWS,
        unjudged_kept=kept.figures["unjudged"] if kept else None,
    )
    return Compliance(
        tally=counted,
        rows=rows,
        chosen_total=total,
        page=page,
        pages=max(-(-total // ROWS), 1),
        outlook=tuple(_outlook(days, counted, ends) for days in WINDOWS),
        open_causes=_open_causes(counted),
        mix=_mix(counted),
        exemptions=_exemptions(in_full=in_full),
        trend=trend(now=now, marked=in_full),
        counted_at=kept.counted_at if kept else now,
    )


def _outlook(days: int, counted: Tally, ends: Ends) -> Outlook:
    """Return how the protected agreements stand in *days*."""
    safe, under_way, breaks = max(counted.protected - ends.kept[days], 0), ends.under_way[days], ends.breaks[days]
    parts = share([("ok", safe), ("roll", under_way), ("risk", breaks)])
    return Outlook(days, safe, under_way, breaks, parts)


def _open_causes(counted: Tally) -> tuple[OpenCause, ...]:
    """Return each state that is not protected with its commonest causes."""
    by_state: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (state, cause), count in counted.causes.items():
        by_state[state][team_sentence(cause)] += count
    return tuple(
        OpenCause(
            state,
            counted.states[state],
            tuple(sorted(((text, n) for text, n in by_state[state].items() if text), key=lambda row: -row[1]))[
                :_CAUSES_SHOWN
            ],
        )
        for state in _OPEN
        if counted.states.get(state)
    )


def _mix(counted: Tally) -> tuple[MixRow, ...]:
    """Return a row per protection, strongest first; below them what is held back and what nobody knows."""
    promises = [one.value for one in sorted(Protection, key=lambda one: -one.strength)]
    largest = max([*counted.agreed.values(), *counted.effective.values(), 1])
    rows = []
    for word in (*promises, HELD, NOT_KNOWN):
        agreed, effective = counted.agreed.get(word, 0), counted.effective.get(word, 0)
        if agreed or effective:
            first, second = (round(_BAR * number / largest, 1) for number in (agreed, effective))
            rows.append(MixRow(word, agreed, effective, first, second, is_promise=word in promises))
    return tuple(rows)


def _exemptions(*, in_full: bool) -> tuple[Exemption, ...]:
    """Return what is lowered now, first end first, in two queries; in one without who did it."""
    channels = (
        Channel.objects.filter(lowered_until__isnull=False, removed_at__isnull=True)
        .annotate(key=Min("nexthops__key"))
        .select_related("partner__owner")
        .order_by("lowered_until", "pk")
    )
    lowered = list(channels)
    asked = [one.pk for one in lowered] if in_full else []
    changes = Change.objects.filter(channel__in=asked, withdrawn_at__isnull=True)
    lowering: dict[int, Change] = {}
    for change in changes.select_related("author", "release__approver"):  # oldest first: the newest one stays
        before = change.before or {}
        if change.after.get("lowered_until") and not before.get("lowered_until"):
            lowering[change.channel_id] = change
    return tuple(_exemption(one, one.key or "", lowering.get(one.pk)) for one in lowered)


def _exemption(channel: Channel, key: str, change: Change | None) -> Exemption:
    release = change.release if change else None
    return Exemption(
        channel=channel.pk,
        partner=channel.partner.name,
        key=key,
        was=str((change.before or {}).get("level", "")) if change else "",
        level=channel.level,
        ends_at=channel.lowered_until,  # type: ignore[arg-type]  # the query asked for rows that have one
        reason=channel.lowered_reason,
        asked_by=name_of(change.author) if change else "",
        signed_by=name_of(release.approver) if release else "",
        owner=name_of(channel.partner.owner),
    )
