"""How far the watch is: when recurring work came to its end, and what each round has done so far.

Whoever runs a round says so now and then; nothing rests on these rows but what a page tells of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q

from partners.core.observation import NotMeasured, NotMeasuredCause, PeerFacts
from partners.models import Cycle, RoundRow
from partners.models.rounds import SILENT_AFTER

__all__ = ["ROUNDS_KEPT", "RoundTally", "end_visit", "forget_rounds", "note_cycle", "tell_round"]
__all__ += ["tell_visit"]

SPELL_LONGEST: Final = timedelta(minutes=3)  # as a round of our own workers
ROUNDS_KEPT: Final = timedelta(days=2)
_TOLD_MAX: Final = 8  # sessions of each kind
_AT_ONCE: Final = 1000
Session = dict[str, Any]


@dataclass(slots=True)
class RoundTally:
    """What a round has done so far. slowest, failed: the few sessions worth telling, as RoundRow keeps them."""

    nexthops: int = 0
    endpoints: int = 0
    handshakes: int = 0
    troubled: int = 0
    slowest: list[Session] = field(default_factory=list)
    failed: list[Session] = field(default_factory=list)

    def take(self, outcome: PeerFacts | NotMeasured) -> None:
        """Count one session; one that was cancelled was none."""
        if isinstance(outcome, NotMeasured) and outcome.cause is NotMeasuredCause.CANCELLED:
            return
        self.endpoints += 1
        cause = outcome.cause.value if isinstance(outcome, NotMeasured) else ""
        told = {"address": outcome.address, "port": outcome.port, "ms": outcome.duration_ms, "cause": cause}
        self.slowest = _slowest([*self.slowest, told])
        if isinstance(outcome, NotMeasured):
            self.troubled += 1
            self.failed = [*self.failed, told][-_TOLD_MAX:]
        else:
            self.handshakes += outcome.tls is not None


def note_cycle(name: str, *, now: datetime, seconds: float = 0.0, nexthops: int = 0, endpoints: int = 0) -> None:
    """Note that the work *name* came to its end, whether there was anything to do or not."""
    fields = {"finished_at": now, "seconds": seconds, "nexthops": nexthops, "endpoints": endpoints}
    if not Cycle.objects.filter(name=name).update(**fields):
        Cycle.objects.bulk_create([Cycle(name=name, **fields)], ignore_conflicts=True)


def tell_round(
    pk: int | None, lane: str, tally: RoundTally, *, begun_at: datetime, now: datetime, is_over: bool = False
) -> int:
    """Keep how far the round *pk* is, None for one that was not told of before; return its key."""
    fields = {
        "moved_at": now,
        "finished_at": now if is_over else None,
        "nexthops": tally.nexthops,
        "endpoints": tally.endpoints,
        "handshakes": tally.handshakes,
        "troubled": tally.troubled,
        "slowest": tally.slowest,
        "failed": tally.failed,
    }
    if pk is not None:
        RoundRow.objects.filter(pk=pk).update(**fields)
        return pk
    return RoundRow.objects.create(lane=lane, begun_at=begun_at, **fields).pk


def tell_visit(vantage: str, outcomes: Sequence[PeerFacts | NotMeasured], *, now: datetime) -> None:
    """Add *outcomes* to the spell of work of the probe at *vantage*; after a silence it is another spell."""
    tally = RoundTally()
    for outcome in outcomes:
        tally.take(outcome)
    running = RoundRow.objects.filter(vantage=vantage, finished_at__isnull=True)
    with transaction.atomic():
        over = Q(moved_at__lt=now - SILENT_AFTER) | Q(begun_at__lt=now - SPELL_LONGEST)
        running.filter(over).update(finished_at=F("moved_at"))
        row = running.select_for_update(no_key=True).first()
        if row is None:
            spell = RoundRow(vantage=vantage, begun_at=now, moved_at=now)
            RoundRow.objects.bulk_create([spell], ignore_conflicts=True)
            row = running.select_for_update(no_key=True).first()
        if row is None:
            return
        running.filter(pk=row.pk).update(
            moved_at=now,
            endpoints=F("endpoints") + tally.endpoints,
            handshakes=F("handshakes") + tally.handshakes,
            troubled=F("troubled") + tally.troubled,
            slowest=_slowest([*row.slowest, *tally.slowest]),
            failed=[*row.failed, *tally.failed][-_TOLD_MAX:],
        )


def end_visit(vantage: str) -> None:
    """End the spell of work of the probe at *vantage*: it asked, and nothing was due."""
    RoundRow.objects.filter(vantage=vantage, finished_at__isnull=True).update(finished_at=F("moved_at"))


def forget_rounds(*, now: datetime) -> bool:
    """Drop rounds that began longer than ROUNDS_KEPT ago, some at a time; return whether more may be left."""
    old = RoundRow.objects.filter(begun_at__lt=now - ROUNDS_KEPT).order_by("begun_at").values_list("pk", flat=True)
    pks = list(old[:_AT_ONCE])
    RoundRow.objects.filter(pk__in=pks).delete()
    return len(pks) == _AT_ONCE


def _slowest(sessions: Sequence[Session]) -> list[Session]:
    """Return the slowest of *sessions*, one of each address and port."""
    worst: dict[tuple[str, int], Session] = {}
    for one in sorted(sessions, key=lambda session: -int(session["ms"])):
        worst.setdefault((one["address"], one["port"]), one)
    return list(worst.values())[:_TOLD_MAX]
