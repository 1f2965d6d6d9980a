"""The watch as it runs: what waits and is worked on in each lane, what each round did, who is slow, who fails.

Each figure costs the same in a large estate: due rows are counted along an index, and only up to COUNTED.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q, QuerySet, Subquery

from partners.core.vantage import HERE
from partners.models import Address, Cycle, Endpoint, Nexthop, RelayGroup, RoundRow, VantageToken
from partners.models.rounds import SILENT_AFTER
from partners.reports.lanes import DNS, Failing, LaneRow, RoundLine, Slow, lane_word, span_words, vantage_word

__all__ = ["COUNTED", "SORTS", "RoundFilter", "WatchNow", "round_lines", "watch_now"]

COUNTED: Final = 10_000  # due rows of a lane are counted up to here
SPAN: Final = timedelta(minutes=15)  # the rate is that of the rounds of so long
NOBODY_AFTER: Final = timedelta(minutes=5)  # due for so long while nobody is at work: nobody is going to come
_READ: Final = 400  # rounds looked through
_SHOWN: Final = 8
_SLOW_MS: Final = 1000  # what took less is not worth a line
_ROWS: Final = 25
SORTS: Final = ("begun", "took", "servers")


@dataclass(frozen=True, slots=True)
class RoundFilter:
    """Which rounds a reader asks for, and in which order; what cannot be read is not asked for."""

    lane: str = ""
    vantage: str = ""
    sort: str = "-begun"

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "RoundFilter":
        """Read a query string."""
        lane, sort = given.get("lane", ""), given.get("sort", "")
        return cls(
            lane=lane if lane in RoundRow.Lane.values else "",
            vantage=given.get("vantage", "").replace("\0", "")[:40],
            sort=sort if sort.removeprefix("-") in SORTS else "-begun",
        )


@dataclass(frozen=True, slots=True)
class WatchNow:
    """The watch at one moment. done: sessions of the rounds that run; next_at: when something is due next.

    ended_at: when a worker's round ended last, with or without work.
    """

    lanes: tuple[LaneRow, ...]
    rounds: tuple[RoundLine, ...]
    slow: tuple[Slow, ...]
    failing: tuple[Failing, ...]
    failing_count: int
    failing_more: bool
    running: int
    done: int
    next_at: datetime | None
    ended_at: datetime | None
    vantages: tuple[str, ...]
    now: datetime

    @property
    def waiting(self) -> int:
        """How many sessions and lookups wait, those that somebody is at among them."""
        return sum(row.waiting + row.at_work for row in self.lanes)

    @property
    def is_counted_short(self) -> bool:
        """Whether more wait than were counted."""
        return any(row.more for row in self.lanes)

    @property
    def state(self) -> str:
        """How it stands: "running", "stuck" (due for long, and nobody comes), "due" or "idle"."""
        if self.running or any(row.at_work for row in self.lanes):
            return "running"
        if any(row.oldest_at and row.oldest_at < self.now - NOBODY_AFTER for row in self.lanes):
            return "stuck"
        return "due" if self.waiting else "idle"

    @property
    def percent(self) -> int:
        """How much of what runs is done."""
        whole = self.done + self.waiting
        return 100 * self.done // whole if whole else 100

    @property
    def ends_in(self) -> timedelta | None:
        """How long until all that waits is done: the lane that takes longest."""
        return max((row.ends_in for row in self.lanes if row.ends_in), default=None)

    @property
    def ends_words(self) -> str:
        """The same in words."""
        return span_words(self.ends_in) if self.ends_in else ""

    @property
    def rate(self) -> int:
        """Servers a minute, of all vantages."""
        return round(sum(row.rate for row in self.lanes if row.work != DNS))

    @property
    def due_since(self) -> datetime | None:
        """Since when something waits that nobody is at."""
        return min((row.oldest_at for row in self.lanes if row.oldest_at), default=None)

    @property
    def named_vantages(self) -> list[tuple[str, str]]:
        """Each vantage with its word."""
        return [(name, vantage_word(name)) for name in self.vantages]

    @property
    def named_lanes(self) -> list[tuple[str, str]]:
        """Each lane with its word."""
        return [(name, lane_word(name)) for name in RoundRow.Lane.values]


def watch_now(wanted: RoundFilter, *, now: datetime) -> WatchNow:
    """Return how the watch stands, in ten queries and two more for each vantage elsewhere."""
    rows = list(RoundRow.objects.filter(begun_at__gt=now - SPAN).order_by("-begun_at")[:_READ])
    running = [row for row in rows if _runs(row, now)]
    vantages = _vantages(rows)
    lanes = [lane for vantage in vantages for lane in _lanes(vantage, rows, now=now)]
    rounds = tuple(round_lines(wanted, now=now)[:_ROWS])
    failing = _failing()
    counted = failing.order_by()[: COUNTED + 1].count()
    ended_at, next_at = _ended_and_next(vantages, now=now)
    return WatchNow(
        lanes=tuple(lanes),
        rounds=rounds,
        slow=_slow(rows),
        failing=_failing_rows(failing.order_by("-failing_since", "pk")[:_SHOWN]),
        failing_count=min(counted, COUNTED),
        failing_more=counted > COUNTED,
        running=len(running),
        done=sum(row.endpoints + row.nexthops for row in running),
        next_at=next_at,
        ended_at=ended_at,
        vantages=vantages,
        now=now,
    )


def round_lines(wanted: RoundFilter, *, now: datetime) -> list[RoundLine]:
    """Return the rounds that are over and asked for, in order; one query, of at most _READ of the newest."""
    rows = RoundRow.objects.filter(Q(finished_at__isnull=False) | Q(moved_at__lt=now - SILENT_AFTER))
    rows = rows.filter(lane=wanted.lane) if wanted.lane else rows
    rows = rows.filter(vantage=wanted.vantage) if wanted.vantage else rows
    lines = [_line(row) for row in rows.order_by("-begun_at", "-pk")[:_READ]]
    name = wanted.sort.removeprefix("-")
    keys = {"begun": lambda one: one.begun_at, "took": lambda one: one.seconds, "servers": lambda one: one.endpoints}
    return sorted(lines, key=keys[name], reverse=wanted.sort.startswith("-"))


def _runs(row: RoundRow, now: datetime) -> bool:
    return row.finished_at is None and row.moved_at > now - SILENT_AFTER


def _vantages(rows: Iterable[RoundRow]) -> tuple[str, ...]:
    """Return from where is looked: here first, then those that a relay group or a token names, or a round was at."""
    tokens = VantageToken.objects.filter(revoked_at__isnull=True).order_by().values_list("vantage", flat=True)
    named = set(RelayGroup.objects.order_by().values_list("vantage", flat=True).union(tokens))
    others = (named | {row.vantage for row in rows}) - {HERE}
    return (HERE, *sorted(others))


def _lanes(vantage: str, rounds: Sequence[RoundRow], *, now: datetime) -> list[LaneRow]:
    """Return the lanes of *vantage*, in two queries, here in three; names are looked up here alone."""
    mine = [row for row in rounds if row.vantage == vantage]
    due = Address.objects.filter(vantage=vantage, due_at__lte=now, set_aside_at__isnull=True, is_slow=False)
    lanes = _counted("servers", due, vantage, mine, asked=Q(asked_at__isnull=False), now=now)
    late = Address.objects.filter(vantage=vantage, due_at__lte=now, set_aside_at__isnull=True, is_slow=True)
    slow = [row for row in mine if row.lane == RoundRow.Lane.SLOW]
    for row in _counted("servers", late, vantage, slow, asked=Q(pk__isnull=True), lane=RoundRow.Lane.SLOW, now=now):
        lanes += [row] if row.waiting or row.at_work or slow else []
    if vantage == HERE:
        names = Nexthop.objects.filter(due_at__lte=now, set_aside_at__isnull=True).exclude(key__startswith=".")
        lanes = [*_counted(DNS, names, vantage, mine, asked=~Q(asked_by=""), now=now), *lanes]
    return lanes


def _counted(
    work: str,
    due: "QuerySet[Any]",
    vantage: str,
    rounds: Sequence[RoundRow],
    *,
    asked: Q,
    now: datetime,
    lane: RoundRow.Lane = RoundRow.Lane.DUE,
) -> list[LaneRow]:
    """Return the lane of what is due, and of what persons asked for where there is any; one query."""
    leased = Q(lease_until__gt=now) & ~Q(lease_token="")
    found = due.order_by("due_at")[: COUNTED + 1].aggregate(
        all=Count("pk"),
        leased=Count("pk", filter=leased),
        oldest=Min("due_at", filter=~leased),
        asked=Count("pk", filter=asked),
        asked_leased=Count("pk", filter=asked & leased),
        asked_oldest=Min("due_at", filter=asked & ~leased),
    )
    rows = []
    for name, prefix in ((RoundRow.Lane.ASKED, "asked"), (lane, "")):
        mine = [row for row in rounds if row.lane == name]
        count, at_work = found["asked"], found["asked_leased"]
        if not prefix:
            count, at_work = found["all"] - count, found["leased"] - at_work
        if prefix and not (count or mine):
            continue
        finished = sum(row.nexthops if work == DNS else row.endpoints for row in mine)
        busy = _busy_minutes(mine)
        rows.append(
            LaneRow(
                work=work,
                lane=str(name.value),
                vantage=vantage,
                waiting=min(count, COUNTED) - at_work,
                more=found["all"] > COUNTED,
                at_work=at_work,
                oldest_at=found["asked_oldest"] if prefix else found["oldest"],
                finished=finished,
                rate=finished / busy if busy else 0.0,
                running=sum(_runs(row, now) for row in mine),
            )
        )
    return rows


def _busy_minutes(rows: Iterable[RoundRow]) -> float:
    """Return in how many minutes one of *rows* was at work; two side by side count once."""
    total, reached = timedelta(0), None
    for begun, moved in sorted((row.begun_at, row.finished_at or row.moved_at) for row in rows):
        start = begun if reached is None else max(begun, reached)
        total += max(moved - start, timedelta(0))
        reached = moved if reached is None else max(moved, reached)
    return max(total, timedelta(seconds=1)) / timedelta(minutes=1) if reached else 0.0


def _ended_and_next(vantages: Sequence[str], *, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return when a worker's round ended last, with or without work, and when something is due next; one query.

    Each subquery reads the first row of an index.
    """
    ahead = Address.objects.filter(due_at__gt=now, set_aside_at__isnull=True, is_slow=False)
    soonest = ahead.order_by("due_at").values("due_at")
    names = Nexthop.objects.filter(due_at__gt=now, set_aside_at__isnull=True).order_by("due_at").values("due_at")
    firsts = {f"next_{number}": Subquery(soonest.filter(vantage=name)[:1]) for number, name in enumerate(vantages)}
    found = Cycle.objects.filter(name="probe").annotate(next_name=Subquery(names[:1]), **firsts)
    row = found.values("finished_at", "next_name", *firsts).first()
    if row is None:
        return None, None
    return row.pop("finished_at"), min((moment for moment in row.values() if moment), default=None)


def _line(row: RoundRow) -> RoundLine:
    ended = row.finished_at or row.moved_at
    return RoundLine(
        lane=row.lane,
        vantage=row.vantage,
        begun_at=row.begun_at,
        ended_at=ended,
        seconds=(ended - row.begun_at).total_seconds(),
        nexthops=row.nexthops,
        endpoints=row.endpoints,
        handshakes=row.handshakes,
        troubled=row.troubled,
        cut_off=row.finished_at is None,
    )


def _slow(rows: Iterable[RoundRow]) -> tuple[Slow, ...]:
    """Return the slowest sessions of *rows* that took a second or more, one of each address and port."""
    worst: dict[tuple[str, int], Slow] = {}
    told = [one for row in rows for one in row.slowest if int(one["ms"]) >= _SLOW_MS]
    for one in sorted(told, key=lambda session: -int(session["ms"])):
        place = (str(one["address"]), int(one["port"]))
        worst.setdefault(place, Slow(*place, seconds=one["ms"] / 1000, cause=str(one["cause"])))
    return tuple(worst.values())[:_SHOWN]


def _failing() -> "QuerySet[Address]":
    return Address.objects.filter(failing_since__isnull=False)


def _failing_rows(addresses: Iterable[Address]) -> tuple[Failing, ...]:
    """Return *addresses* with the cause that was told there last, in one query."""
    rows = {row.pk: row for row in addresses}
    told: dict[int, Endpoint] = {}
    for one in Endpoint.objects.filter(address__in=rows).exclude(not_measured="").order_by("-tried_at", "pk"):
        told.setdefault(one.address_id, one)
    return tuple(
        Failing(
            address=str(row.address),
            vantage=row.vantage,
            provider=row.provider,
            since=row.failing_since,
            cause=told[pk].not_measured,
            again_at=row.due_at,
            pk=told[pk].pk,
        )
        for pk, row in rows.items()
        if row.failing_since is not None and pk in told
    )
