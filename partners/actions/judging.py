"""From facts to opinion to state: verdicts per nexthop and relay group, and the compliance of their channels.

Judged is against the entry active on the relays: what they last reported, until then the published release. A draft is
never judged here; the guard does that. A verdict says what Postfix does by whatever key it finds; the state of a
channel counts only verdicts that rest on a key of its own, for any other entry is another partner's.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, FilteredRelation, Max, OuterRef, Q

from partners.actions.alarming import note_alarms
from partners.actions.endings import Endings, endings_of, warning_shares
from partners.actions.holding import next_moment
from partners.actions.inforce import InForce, maps_in_force
from partners.actions.rollovers import accepted_pins, note_sights, rolls_over
from partners.actions.rows import update_rows
from partners.actions.standings import restand
from partners.actions.stored import Stored, facts_of
from partners.core.alarms import WARN_SHARE, Alarm, alarms_of
from partners.core.compliance import Compliance, Move, State, assess
from partners.core.levels import Protection
from partners.core.names import table_key
from partners.core.observation import NotMeasuredCause
from partners.core.verdict import HostOutcome, Verdict
from partners.models import (
    Channel,
    ComplianceInterval,
    DnsSighting,
    Head,
    Nexthop,
    Pin,
    RelayGroup,
    VerdictRow,
)
from partners.models.troubles import own_troubles

__all__ = ["JUDGED_MAX_AGE", "judge_due", "judge_nexthops"]

_ATTEMPTS = 3
_AT_ONCE = 100  # nexthops whose verdicts are written in one short transaction
JUDGED_MAX_AGE = timedelta(days=1)  # should anything be judged by what nobody said that it moved

# What a row raises whose JSON is of the right shape while a value in it is of a wrong kind.
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError)

_MARKS = ("verdicts__group", "verdicts__holds_until")

log = structlog.get_logger(__name__)
Stamp = tuple[object, ...]


@dataclass(slots=True)
class _Case:
    """A channel with all that its state rests on. judged: nexthop, map and verdict of each pair that was judged."""

    channel: Channel
    nexthops: list[Nexthop]
    own: frozenset[str]
    pins: list[Pin]
    facts: dict[int, Stored]
    stamp: Stamp
    judged: list[tuple[Nexthop, InForce, Verdict]] = field(default_factory=list)
    endings: Endings = field(default_factory=Endings)
    warn_share: float = WARN_SHARE

    def is_own(self, verdict: Verdict) -> bool:
        """Whether *verdict* rests on a key of this channel, not on another one's parent or on the default."""
        return verdict.key is not None and table_key(verdict.key) in self.own

    @property
    def own_judged(self) -> list[tuple[Nexthop, InForce, Verdict]]:
        """What was judged by the channel's own entries: that alone counts for it."""
        return [judged for judged in self.judged if self.is_own(judged[2])]

    @property
    def released(self) -> list[Verdict]:
        """The verdicts that count for this channel."""
        return [verdict for _row, _one, verdict in self.own_judged]


def judge_nexthops(pks: Collection[int], *, now: datetime) -> list[Move]:
    """Judge the channels of the nexthops *pks* and return how their states moved."""
    if not pks:
        return []
    maps = maps_in_force()
    ordered = sorted(pks)
    moves: list[Move] = []
    for start in range(0, len(ordered), _AT_ONCE):
        moves += _judge(ordered[start : start + _AT_ONCE], maps, now=now)
    return moves


def judge_due(limit: int, *, now: datetime) -> int:
    """Judge up to *limit* nexthops that are due; return how many.

    Due: never judged though looked at, not judged since the last release or the last change of a relay group, or at a
    moment at which what was judged may change by itself. What was judged a day ago is judged again in any case.
    """
    head = Head.objects.select_related("release").filter(pk=1).first()
    moments = [RelayGroup.objects.aggregate(last=Max("changed_at"))["last"], now - JUDGED_MAX_AGE]
    moments += [head.release.published_at] if head and head.release else []
    since = max(moment for moment in moments if moment and moment <= now)
    holds = Q(holds_until__isnull=True) | Q(holds_until__gt=now)
    fresh = VerdictRow.objects.filter(holds, nexthop=OuterRef("pk"), judged_at__gt=since)
    looked = Exists(DnsSighting.objects.filter(nexthop=OuterRef("pk")))
    due = Nexthop.objects.filter(looked, ~Exists(fresh)).order_by("pk")
    pks = list(due.values_list("pk", flat=True)[:limit])
    judge_nexthops(pks, now=now)
    return len(pks)


def _judge(pks: Sequence[int], maps: Sequence[InForce], *, now: datetime) -> list[Move]:
    """Judge the channels of *pks*, write the verdicts and the states.

    Judged is before the transaction; channels of which newer facts came in meanwhile are judged once more.
    """
    moves: list[Move] = []
    for _ in range(_ATTEMPTS):
        cases = _cases(pks)
        for case in cases:
            case.judged = [judged for row in case.nexthops for judged in _verdicts(case, row, maps, now=now)]
        _note_endings(cases, now=now)
        try:
            with transaction.atomic():
                stale, moved = _write(cases, now=now)
        except IntegrityError:  # somebody else wrote the first state of a channel, or a key was let go, at this moment
            continue
        for case, move in moved:
            before = move.before.value if move.before else ""
            log.info(
                "compliance.moved", channel=case.channel.pk, before=before, after=move.after.value, cause=move.cause
            )
        moves += [move for _case, move in moved]
        pks = [row.pk for case in stale for row in case.nexthops]
        if not pks:
            return moves
    log.warning("compliance.busy", nexthops=len(pks))  # judge_due comes by
    return moves


def _verdicts(
    case: _Case, row: Nexthop, maps: Sequence[InForce], *, now: datetime
) -> list[tuple[Nexthop, InForce, Verdict]]:
    """Judge *row* on each relay group. Facts that cannot be read are set aside: unknown, and nobody else's matter."""
    try:
        found = [(row, one, one.verdict(row.key, case.facts[row.pk], now=now)) for one in maps]
    except _UNREADABLE as cause:
        log.error("judge.unreadable", nexthop=row.key, cause=f"{type(cause).__name__}: {cause}")  # noqa: TRY400  the cause says it
        case.facts[row.pk] = Stored(unreadable=type(cause).__name__)
        found = [(row, one, one.verdict(row.key, case.facts[row.pk], now=now)) for one in maps]
    if not case.facts[row.pk].unreadable:
        return found
    return [(row, one, replace(verdict, unknown=NotMeasuredCause.UNREADABLE.value)) for row, one, verdict in found]


def _note_endings(cases: Sequence[_Case], *, now: datetime) -> None:
    """Ask the judge which certificate that ends soon would stop mail; nearly all cases have none."""
    shares = warning_shares({case.channel.partner_id for case in cases})
    for case in cases:
        case.warn_share = share = shares[case.channel.partner_id]
        case.endings = endings_of(case.channel, case.own_judged, case.facts, case.pins, share=share, now=now)


def _cases(pks: Sequence[int]) -> list[_Case]:
    """Return the channels of *pks* with their facts; a fixed number of queries."""
    concerned = Nexthop.objects.filter(pk__in=pks).values("channel")
    rows: dict[Channel, list[Nexthop]] = defaultdict(list)
    for row in Nexthop.objects.filter(channel__in=concerned).select_related("channel").order_by("channel_id", "pk"):
        rows[row.channel].append(row)
    stamps = _stamps([channel.pk for channel in rows])  # before the facts: what comes in between is seen as newer
    facts = facts_of([row for own in rows.values() for row in own if not row.key.startswith(".")])
    pins = accepted_pins(rows)
    return [
        _Case(
            channel,
            [row for row in own if row.pk in facts],
            frozenset(row.table_key for row in own),
            pins.get(channel.pk, []),
            {row.pk: facts[row.pk] for row in own if row.pk in facts},
            stamps[channel.pk],
        )
        for channel, own in rows.items()
    ]


def _stamps(channels: Collection[int]) -> Mapping[int, Stamp]:
    """Return, by channel, what moves whenever a new fact about it was recorded, or somebody let it be judged again."""
    current = FilteredRelation("dns_sightings", condition=Q(dns_sightings__current=True))
    rows = (
        Nexthop.objects.filter(channel__in=channels)
        .annotate(dns=current)
        .order_by("pk", "endpoints__pk", "verdicts__group")
    )
    found: dict[int, list[object]] = defaultdict(list)
    for channel, *seen in rows.values_list(
        "channel_id", "pk", "dns__pk", "dns__last_seen", "endpoints__pk", "endpoints__tried_at", *_MARKS
    ):
        found[channel].append(tuple(seen))
    return defaultdict(tuple, {channel: tuple(seen) for channel, seen in found.items()})


def _write(cases: Sequence[_Case], *, now: datetime) -> tuple[list[_Case], list[tuple[_Case, Move]]]:
    """Write what was judged, in the caller's transaction; return the cases that are stale, and the moves.

    The open intervals are locked first, in one order: they are what two who judge the same channel would both write.
    """
    channels = [case.channel.pk for case in cases]
    locked = ComplianceInterval.objects.select_for_update().filter(channel__in=channels, valid_to__isnull=True)
    rows = {row.channel_id: row for row in locked.order_by("channel_id")}
    marked = VerdictRow.objects.select_for_update(of=("self",)).filter(nexthop__channel__in=channels)
    list(marked.order_by("nexthop_id", "group_id").values_list("pk"))
    stamps = _stamps(channels)
    fresh = [case for case in cases if stamps[case.channel.pk] == case.stamp]
    pins = [pin for case in fresh for pin in note_sights(case.pins, list(case.facts.values()), now=now)]
    if pins:
        update_rows(pins, ["seen_on", "seen_of", "seen_everywhere_at"])
    opened: list[ComplianceInterval] = []
    moved: list[tuple[_Case, Move]] = []
    alarms: list[tuple[Channel, tuple[Alarm, ...]]] = []
    troubles = own_troubles(channels)
    states: dict[int, Compliance | None] = {}
    for case in fresh:
        move, interval, after = _next_state(case, rows.get(case.channel.pk), now=now)
        states[case.channel.pk] = after
        opened += [interval] if interval else []
        moved += [(case, move)] if move else []
        alarms.append((case.channel, _alarms(case, after, troubles.get(case.channel.pk, ()), now=now)))
    _write_verdicts(fresh, states, now=now)
    kept = [row for case in fresh if (row := rows.get(case.channel.pk)) is not None]
    if kept:
        update_rows(kept, ["cause", "where", "unknown_since", "known_at", "valid_to"])
    if opened:
        ComplianceInterval.objects.bulk_create(opened)
    restand([case.channel.pk for case in fresh])
    note_alarms(alarms, now=now)
    return [case for case in cases if stamps[case.channel.pk] != case.stamp], moved


def _write_verdicts(cases: Sequence[_Case], states: Mapping[int, Compliance | None], *, now: datetime) -> None:
    """Write the verdict of each nexthop that was looked at, on each relay group, and until when it holds."""
    until = {
        case.channel.pk: next_moment(
            case.channel,
            case.facts,
            {one.map.group.pk: one for _row, one, _verdict in case.judged}.values(),
            states[case.channel.pk],
            share=case.warn_share,
            now=now,
        )
        for case in cases
    }
    rows = [
        _verdict_row(row, one.map.group, verdict, is_own=case.is_own(verdict), until=until[case.channel.pk], now=now)
        for case in cases
        for row, one, verdict in case.judged
        if case.facts[row.pk].dns is not None or case.facts[row.pk].unreadable
    ]
    names = [one.attname for one in VerdictRow._meta.concrete_fields if one.name not in {"id", "nexthop", "group"}]  # noqa: SLF001  Django's documented model API
    VerdictRow.objects.bulk_create(
        sorted(rows, key=lambda row: (row.nexthop_id, row.group_id)),
        update_conflicts=True,
        unique_fields=["nexthop", "group"],
        update_fields=names,
    )


def _verdict_row(
    nexthop: Nexthop, group: RelayGroup, verdict: Verdict, *, is_own: bool, until: datetime | None, now: datetime
) -> VerdictRow:
    return VerdictRow(
        nexthop=nexthop,
        group=group,
        key=verdict.key or "",
        is_own=is_own,
        delivery=verdict.delivery.value,
        tls_status=verdict.tls_status.value,
        dsn=verdict.dsn,
        reasons=[str(reason) for reason in verdict.reasons] or [verdict.unknown] * bool(verdict.unknown),
        hosts=[_host_json(row) for row in verdict.hosts],
        judged_at=now,
        holds_until=until,
    )


def _host_json(row: HostOutcome) -> dict[str, Any]:
    """Return *row* as the pages read it."""
    return {
        "mx_host": row.mx_host,
        "preference": row.preference,
        "address": row.address,
        "port": row.port,
        "delivery": row.delivery.value,
        "tls_status": row.tls_status.value,
        "effective": row.effective.value,
        "dsn": row.dsn,
        "text": row.text,
        "reasons": [str(reason) for reason in row.reasons],
        "plaintext": row.plaintext,
        "pin_seen": row.pin_seen,
        "seen_at": row.seen_at.isoformat() if row.seen_at else None,
    }


def _next_state(
    case: _Case, row: ComplianceInterval | None, *, now: datetime
) -> tuple[Move | None, ComplianceInterval | None, Compliance | None]:
    """Prolong *row*, the open interval of a channel, or close it; return the move, the next interval, and the state.

    The interval is unsaved.

    No verdict means that no map holds an entry of the channel: that is a fact, and ends whatever state there was.
    """
    verdicts = case.released
    if case.channel.removed_at is not None and not verdicts:
        if row is not None:
            row.valid_to = now
        return None, None, None
    current = _compliance(row) if row else None
    if current is not None and not verdicts:
        current = replace(current, last_known=None)
    now = max(now, row.valid_from) if row else now  # of two who judge at once, the later clock may come first
    rolling = rolls_over(case.channel, case.pins, list(case.facts.values()))
    after, move = assess(Protection(case.channel.agreed), verdicts, current, now, is_rolling=rolling)
    fields = {
        "cause": after.cause[:300],
        "where": after.where[:300],
        "unknown_since": after.unknown_since,
        "known_at": after.known_at,
    }
    if row is not None and move is None:
        for name, value in fields.items():
            setattr(row, name, value)
        return None, None, after
    if row is not None:
        row.valid_to = now
    opened = ComplianceInterval(
        channel=case.channel, state=after.state.value, valid_from=after.since, recorded_at=now, **fields
    )
    return move, opened, after


def _alarms(case: _Case, state: Compliance | None, own: Sequence[str], *, now: datetime) -> tuple[Alarm, ...]:
    """Return what is to be told of *case* in *state*, None for a channel that was given up."""
    if state is None:
        return ()
    return alarms_of(state, case.released, now, breaks=case.endings.breaks, pin=case.endings.pin, own=own)


def _compliance(row: ComplianceInterval) -> Compliance:
    """Return the open interval as core knows it."""
    state = State(row.state)
    return Compliance(
        state,
        row.valid_from,
        row.cause,
        row.where,
        unknown_since=row.unknown_since,
        last_known=state if row.known_at else None,
        known_at=row.known_at,
    )
