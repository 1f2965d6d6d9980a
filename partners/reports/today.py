"""Today: what needs a hand, ordered by harm to mail; each row says why, who must act, and what comes next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from partners.core.lifetime import first_bounce
from partners.models import ComplianceInterval, User
from partners.reports.charts import Strip, strip
from partners.reports.drawings import Slice, share
from partners.reports.figures import Ends, ends_ahead, standing
from partners.reports.kept import kept_figures
from partners.reports.today_agreements import ROWS, SOON, OpenRow, open_rows
from partners.reports.today_hands import Hand, duration, of_agreement, of_forecast
from partners.reports.today_map import MapState, map_state, waiting_hands
from partners.reports.today_own import own_hands

__all__ = ["Group", "Moved", "Today", "today"]

_MOVES_MAX: Final = 8
_ORDER: Final = ("compliant", "rolling", "weaker", "pending", "unknown", "violated")
_MARKS: Final = {
    "compliant": "ok",
    "rolling": "roll",
    "weaker": "weak",
    "pending": "pend",
    "unknown": "unk",
    "violated": "bad",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The hands of one kind of harm. count: of all, also of those that are not shown; more: where those stand."""

    state: str
    title: str
    note: str
    count: int
    hands: tuple[Hand, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A state that moved in the last day."""

    state: str
    partner: str
    channel: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Today:
    """The whole page. waits: to how many partners mail waits; bounced: to how many it comes back; others: what else.

    strip: the ends of the next two weeks, of which missing have no successor and provided have one.
    """

    groups: tuple[Group, ...]
    counts: tuple[tuple[str, int], ...]
    slices: tuple[Slice, ...]
    total: int
    waits: int
    bounced: int
    others: int
    strip: Strip
    missing: int
    provided: int
    moved: tuple[Moved, ...]
    map: MapState
    counted_at: datetime


def today(reader: User, *, now: datetime, alone: bool = False) -> Today:
    """Return the page as *reader* sees it at *now*; at most fourteen queries, of a large estate twelve.

    alone: the portal has one approver, who is nobody's second person and needs none.
    """
    kept = kept_figures(now=now)
    stands, ends = standing(kept, now=now), ends_ahead(kept, now=now, days=SOON.days, is_named=True)
    counted, rows = stands.counts, open_rows(stands.open, now=now)
    state = map_state(reader, alone=alone, now=now)
    waiting = (*waiting_hands(reader, alone=alone, now=now), *state.waiting)
    waits = max(counted.groups.get("violated", 0), sum(row.group == "violated" for row in rows))
    own = own_hands(now=now)
    groups = (
        _waits_now(rows, waits, counted.bounced, state.lifetime, now=now),
        _breaks_soon(rows, ends, counted.groups.get("lowered", 0), now=now),
        _of("weaker", rows, counted.groups, now=now),
        Group(
            "weak", _("Overdue, not looked at, or in doubt"), _("only we can mend it"), len(own), own[:ROWS], "alerts"
        ),
        Group("pend", _("Waits for a second person"), _("oldest first"), len(waiting), waiting[:ROWS], "approvals"),
        Group(
            "weak",
            _("Not on the relays yet"),
            _("the relays work by the map before"),
            len(state.hands),
            state.hands,
        ),
        _of("unknown", rows, counted.groups, now=now),
        _of("pending", rows, counted.groups, now=now),
    )
    shown = tuple(group for group in groups if group.count)
    states = [(word, counted.states.get(word, 0)) for word in _ORDER]
    return Today(
        groups=shown,
        counts=tuple((word, count) for word, count in states if count),
        slices=share([(_MARKS[word], count) for word, count in states]),
        total=sum(counted.states.values()),
        waits=waits - counted.bounced,
        bounced=counted.bounced,
        others=sum(group.count for group in shown) - waits,
        strip=strip(ends.by_day, now=now, days=SOON.days),
        missing=ends.breaks[SOON.days],
        provided=ends.under_way[SOON.days],
        moved=_moved(now),
        map=state,
        counted_at=kept.counted_at if kept else now,
    )


def _waits_now(rows: Sequence[OpenRow], count: int, bounced: int, lifetime: timedelta, *, now: datetime) -> Group:
    """Return the partners to whom no mail gets; *bounced* of them get none that would wait."""
    hands = tuple(
        of_agreement(row, bounces_at=first_bounce(row.since, [lifetime]) if row.since else None, now=now)
        for row in rows
        if row.group == "violated"
    )
    note = _("nothing is lost or sent unprotected until the queue lifetime of %s ends") % duration(lifetime)
    title = _("Mail waits now")
    if bounced:
        title = _("Mail bounces now") if bounced == count else _("Mail waits or bounces now")
        back = _("what bounces goes back to its sender at once; nothing is sent unprotected")
        note = back if bounced == count else _("what waits is kept for %s; ") % duration(lifetime) + back
    return Group("bad", title, note, count, hands, "violated")


def _breaks_soon(rows: Sequence[OpenRow], ends: Ends, lowered: int, *, now: datetime) -> Group:
    """Return what flows today and stops on a day, or weakens no longer; the first day first."""
    dated = [(one.at, of_forecast(one, now=now)) for one in ends.first]
    dated += [
        (row.lowered_until or now, of_agreement(row, bounces_at=None, now=now))
        for row in rows
        if row.group == "lowered"
    ]
    hands = tuple(hand for _at, hand in sorted(dated, key=lambda pair: pair[0]))
    note = _("mail flows today; without a step it stops on the day shown")
    return Group("risk", _("Breaks soon"), note, ends.breaks[SOON.days] + lowered, hands[:ROWS], "ends")


def _of(group: str, rows: Sequence[OpenRow], groups: Mapping[str, int], *, now: datetime) -> Group:
    state, title, note = {
        "weaker": ("weak", _("Weaker than agreed"), _("mail flows, and is protected less than the agreement says")),
        "unknown": ("unk", _("Unknown for too long"), _("not violated, not compliant: nothing could be seen")),
        "pending": ("pend", _("Not judged yet"), _("the default of the relays applies")),
    }[group]
    hands = tuple(of_agreement(row, bounces_at=None, now=now) for row in rows if row.group == group)
    return Group(state, title, note, groups.get(group, 0), hands, group)


def _moved(now: datetime) -> tuple[Moved, ...]:
    """Return the newest moves of the last day, in one query."""
    intervals = ComplianceInterval.objects.filter(
        valid_from__gt=now - timedelta(days=1), valid_to__isnull=True, channel__removed_at__isnull=True
    )
    rows = intervals.select_related("channel__partner").order_by("-valid_from")[:_MOVES_MAX]
    return tuple(Moved(row.state, row.channel.partner.name, row.channel_id, row.valid_from) for row in rows)
