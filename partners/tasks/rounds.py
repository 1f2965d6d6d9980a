"""One round of the watch: what is due is claimed, looked at, and recorded as it comes in.

The same body runs in a worker and in the foreground. The event loop never touches the database: asgiref brings each
action back to the thread that called run(), so that there is one connection, and one writer, a round.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import DatabaseError

from partners.actions.leases import (
    RENEW_SECONDS,
    AddressClaim,
    Claim,
    LookClaim,
    NexthopClaim,
    Target,
    claim_addresses,
    claim_looks,
    claim_nexthops,
    due_soon,
    give_back,
    renew,
    shared_clock,
)
from partners.actions.looking import drop_expired, record_look
from partners.actions.patience import patience_at
from partners.actions.probing import Answer, Result, record_answers, record_peers
from partners.core.errors import NameRefused
from partners.core.names import Nexthop
from partners.core.observation import NexthopFacts, PeerFacts, Stage
from partners.core.slow_lane import Patience
from partners.probe.engine import Engine
from partners.probe.manner import manner_of_lane
from partners.probe.resolver import Resolver
from partners.probe.session import Outcome
from partners.probe.session import Target as Session
from partners.tasks.engines import engine_from_settings, resolver_from_settings
from partners.tasks.stopping import is_stopping
from partners.tasks.telling import Teller

__all__ = ["Counts", "Round", "Tell"]

ROUND_LONGEST = timedelta(minutes=3)  # after that nothing more is claimed, and the next tick goes on
ASKED_LONGEST = timedelta(seconds=30)  # releases and alerts share that queue
SLOW_LONGEST = timedelta(minutes=15)
SLOW_POLL_SECONDS = 2.0
LOOKUPS_AT_ONCE = 128
ADDRESSES_AT_ONCE = 50
STOP_POLL_SECONDS = 0.3
BATCH_MAX = 100  # results in one transaction: tens of milliseconds, for SQLite has one writer
BATCH_SECONDS = 0.15  # that the first of a batch waits for others
SWITCH_SECONDS = 0.0005  # of the two threads; with Python's 5 ms each statement waits so long for the event loop
SOON = timedelta(seconds=3)  # so long a round waits for what a provider's pace holds back

log = structlog.get_logger(__name__)
Tell = Callable[[str], None]
Lookup = NexthopClaim | LookClaim


@dataclass(slots=True)
class Counts:
    """What a round did. kept: results recorded; the others came after their lease was lost."""

    nexthops: int = 0
    endpoints: int = 0
    handshakes: int = 0
    kept: int = 0
    seconds: float = 0.0


def _silent(_line: str) -> None:
    """Report to nobody."""


def _engine() -> Engine:
    """Return the engine of the settings, with the clock of all workers."""
    return engine_from_settings(clock=shared_clock())


@dataclass(slots=True)
class Round:
    """A round to be run once.

    only: the nexthops it is about, by primary key. asked: only those that somebody asked for, and their addresses.
    is_slow: the slow lane: nothing is looked up, and it is waited as long as the relays wait.
    is_told: whether the page of the running watch is to show it; a round that plays another time is none of it.
    longest: after that nothing more is claimed.
    stops: asked now and then; once it says yes, what runs is cancelled and every lease is given back.
    """

    only: Collection[int] | None = None
    asked: bool = False
    is_slow: bool = False
    is_told: bool = True
    longest: timedelta | None = None
    tell: Tell = _silent
    stops: Callable[[], bool] = is_stopping
    clock: Callable[[], datetime] = field(default_factory=shared_clock)
    engine: Engine = field(default_factory=_engine)
    resolver: Resolver = field(default_factory=resolver_from_settings)
    counts: Counts = field(default_factory=Counts)
    patience: Patience = field(default_factory=patience_at)
    _held: dict[Claim, None] = field(default_factory=dict)
    _running: dict[Session, tuple[AddressClaim, Target]] = field(default_factory=dict)
    _ends: float = 0.0
    _teller: Teller = field(init=False)
    _is_looking_up: bool = True

    def __post_init__(self) -> None:
        """Let somebody tell how far it is."""
        lane = "slow" if self.is_slow else "asked" if self.asked else "due"
        self._teller = Teller(lane, self.clock, is_told=self.is_told)
        self._is_looking_up = not self.is_slow

    def run(self) -> Counts:
        """Look up and speak to what is due, and return what was done."""
        begun = time.monotonic()
        usual = SLOW_LONGEST if self.is_slow else ASKED_LONGEST if self.asked else ROUND_LONGEST
        longest = self.longest or usual
        self._ends = begun + longest.total_seconds()
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            async_to_sync(self._run)()
        finally:
            sys.setswitchinterval(before)
        self.counts.seconds = round(time.monotonic() - begun, 3)
        self._teller.tell(is_over=True)
        if self._teller.is_at_work:  # a tick that finds nothing due is no outcome
            log.info(
                "probe.round", lane=self._teller.lane, **{name: getattr(self.counts, name) for name in Counts.__slots__}
            )
        return self.counts

    async def _run(self) -> None:
        results: asyncio.Queue[Result | None] = asyncio.Queue()
        beside = (self._watch(), self._renew(), self._teller.keep_telling())
        watches = [asyncio.create_task(one) for one in beside]
        try:
            if self.asked and self.only is None:
                self.only = await self._look_up()
            async with asyncio.TaskGroup() as side_by_side:
                if self._is_looking_up:
                    side_by_side.create_task(self._look_up())
                side_by_side.create_task(self._record(results))
                await self._speak(results)
                results.put_nowait(None)
        finally:
            for watch in watches:
                watch.cancel()
            await sync_to_async(give_back)(list(self._held))

    async def _watch(self) -> None:
        """Stop the engine when this worker is to stop."""
        while not self.stops():  # noqa: ASYNC110  the parent process says so, which has no part in this loop
            await asyncio.sleep(STOP_POLL_SECONDS)
        self.engine.stop()

    async def _renew(self) -> None:
        """Prolong the leases of all that is under way; where that fails, what runs ends before its leases do."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await sync_to_async(renew)(list(self._held))
            except DatabaseError as cause:
                log.warning("probe.not-renewed", cause=type(cause).__name__)
                self.engine.stop()
                return

    def _may_claim(self) -> bool:
        return time.monotonic() < self._ends and not self.stops()

    async def _look_up(self) -> list[int]:
        """Resolve all nexthops that are due, and looks that are asked for; return the nexthops' primary keys."""

        async def nexthops(limit: int) -> Sequence[Lookup]:
            return await sync_to_async(claim_nexthops)(limit, now=self.clock(), only=self.only, asked=self.asked)

        async def looks(limit: int) -> Sequence[Lookup]:
            return await sync_to_async(claim_looks)(limit, now=self.clock())

        looked_up = await self._resolve_all(nexthops)
        if self.asked:
            await sync_to_async(drop_expired)(now=self.clock())
            await self._resolve_all(looks)
        self._is_looking_up = False
        return looked_up

    async def _resolve_all(self, claim_more: Callable[[int], Awaitable[Sequence[Lookup]]]) -> list[int]:
        """Look up what *claim_more* gives, many side by side, and record what has come in; return the primary keys.

        What is not done when this worker is to stop is given back with all it holds. A key that is none keeps its
        lease, and is set aside in the end.
        """
        jobs: dict[asyncio.Task[NexthopFacts | None], Lookup] = {}
        looked_up: list[int] = []
        is_exhausted = False
        try:
            while not self.stops():
                if not is_exhausted and self._may_claim() and len(jobs) <= LOOKUPS_AT_ONCE // 2:
                    claims = await claim_more(LOOKUPS_AT_ONCE - len(jobs))
                    is_exhausted = not claims
                    self._hold(claims)
                    looked_up += [claim.pk for claim in claims]
                    jobs |= {asyncio.create_task(self._resolve(claim)): claim for claim in claims}
                if not jobs:
                    break
                await asyncio.wait(jobs, timeout=STOP_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait(jobs, timeout=BATCH_SECONDS)  # others that come in with the first
                done = [(jobs.pop(job), job.result()) for job in list(jobs) if job.done()]
                await self._record_lookups([(claim, facts) for claim, facts in done if facts is not None])
                for claim, _facts in done:
                    self._held.pop(claim, None)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
        return looked_up

    async def _resolve(self, claim: Lookup) -> NexthopFacts | None:
        """Look one nexthop up."""
        try:
            facts: NexthopFacts = await self.resolver.resolve(Nexthop.parse(claim.key), now=self.clock())
        except NameRefused as refused:
            log.warning("probe.refused", nexthop=claim.key, cause=str(refused))
            return None
        self.counts.nexthops += 1
        self._teller.tally.nexthops += 1
        addresses = sum(len(host.addresses) for host in facts.hosts)
        self.tell(f"{claim.key}: {facts.mx_status.value}, {len(facts.hosts)} hosts, {addresses} addresses")
        return facts

    async def _record_lookups(self, found: Sequence[tuple[Lookup, NexthopFacts]]) -> None:
        """Record what lookups gave, many at once."""
        answers = [Answer(claim, facts) for claim, facts in found if isinstance(claim, NexthopClaim)]
        for start in range(0, len(answers), BATCH_MAX):
            await sync_to_async(record_answers)(answers[start : start + BATCH_MAX], now=self.clock())
        for claim, facts in found:
            if isinstance(claim, LookClaim):
                await sync_to_async(record_look)(claim, facts, now=self.clock())

    async def _speak(self, results: "asyncio.Queue[Result | None]") -> None:
        """Have all sessions that are due and hand on each outcome as it arrives."""
        slots = settings.PROBE_SLOW_SLOTS if self.is_slow else None
        async for outcome in self.engine.run(self._sessions(), progress=self._progress, slots=slots):
            claim, target = self._running.pop(Session(outcome.address, outcome.port, outcome.profile))
            self.counts.endpoints += 1
            self.counts.handshakes += isinstance(outcome, PeerFacts) and outcome.tls is not None
            self._teller.tally.take(outcome)
            self.tell(f"{outcome.address}:{outcome.port} {_words(outcome)}")
            results.put_nowait(Result(claim, target, outcome))

    async def _sessions(self) -> AsyncIterator[Session]:
        """Claim addresses as long as some are due and the engine asks for more."""
        manner = manner_of_lane(self.patience, is_slow=self.is_slow)
        while self._may_claim():
            is_last = not self._is_looking_up  # asked before: an answer recorded meanwhile may have made some due
            claims = await self._claimed()
            self._hold(claims)
            if not claims:
                if is_last and not await self._is_more_to_come():
                    return
                await asyncio.sleep(SLOW_POLL_SECONDS if self.is_slow else BATCH_SECONDS)
            for claim in claims:
                for target in claim.targets:
                    session = Session(claim.address, target.port, target.profile)
                    self._running[session] = (claim, target)
                    yield replace(session, manner=manner)
            await self._let_go([claim for claim in claims if not claim.targets])

    async def _claimed(self) -> Sequence[AddressClaim]:
        """Claim more addresses; the slow lane no more than it has slots for, so that another worker has the others."""
        limit = max(1, settings.PROBE_SLOW_SLOTS - len(self._running)) if self.is_slow else ADDRESSES_AT_ONCE
        return await sync_to_async(claim_addresses)(limit, now=self.clock(), only=self.only, is_slow=self.is_slow)

    async def _is_more_to_come(self) -> bool:
        """Whether an address is due soon; while it waits for one, the slow lane is open to all others."""
        if self.is_slow and self._running:
            return True
        return await sync_to_async(due_soon)(SOON, now=self.clock(), only=self.only, is_slow=self.is_slow)

    async def _let_go(self, claims: Collection[Claim]) -> None:
        """Give back what needs no work."""
        if claims:
            await sync_to_async(give_back)(claims)
            for claim in claims:
                self._held.pop(claim, None)

    def _hold(self, claims: Collection[Claim]) -> None:
        """Note what is this round's, so that its leases are prolonged and ended."""
        if claims:
            self._teller.begin()
        self._held |= dict.fromkeys(claims)

    async def _record(self, results: "asyncio.Queue[Result | None]") -> None:
        """Record what has come in, many at once, until None comes."""
        while (first := await results.get()) is not None:
            batch = [first]
            if results.empty():
                await asyncio.sleep(BATCH_SECONDS)
            while not results.empty() and len(batch) < BATCH_MAX:
                if (more := results.get_nowait()) is None:
                    results.put_nowait(None)
                    break
                batch.append(more)
            self.counts.kept += await sync_to_async(record_peers)(batch, now=self.clock())
            for row in batch:
                if not row.claim.open:
                    self._held.pop(row.claim, None)

    def _progress(self, session: Session, stage: Stage) -> None:
        self.tell(f"{session.address}:{session.port} {stage.value}")


def _words(outcome: Outcome) -> str:
    """Return one line about *outcome* for a person who watches."""
    if not isinstance(outcome, PeerFacts):
        return f"not measured: {outcome.cause.value} {outcome.detail}".rstrip()
    if outcome.tls is not None:
        return f"{outcome.tls.version} {outcome.tls.cipher}, {len(outcome.tls.chain)} certificates"
    return f"no TLS: ended at {outcome.ended.value} {outcome.stop} {outcome.tls_error}".rstrip()
