"""One round of the watch: what is due is claimed, looked at, and recorded as it comes in.

The same body runs in a worker and in the foreground. The event loop never touches the database: asgiref brings each
action back to the thread that called run(), so that there is one connection, and one writer, a round.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from asgiref.sync import async_to_sync, sync_to_async

from partners.actions.leases import (
    AddressClaim,
    LookClaim,
    NexthopClaim,
    Target,
    claim_addresses,
    claim_looks,
    claim_nexthops,
    give_back,
    shared_clock,
)
from partners.actions.looking import drop_expired, record_look
from partners.actions.probing import Result, record_dns, record_peers
from partners.core.errors import NameRefused
from partners.core.names import Nexthop
from partners.core.observation import NexthopFacts, PeerFacts, Stage
from partners.probe.engine import Engine
from partners.probe.resolver import Resolver
from partners.probe.session import Outcome
from partners.probe.session import Target as Session
from partners.tasks.engines import engine_from_settings, resolver_from_settings
from partners.tasks.stopping import is_stopping

__all__ = ["Counts", "Round", "Tell"]

ROUND_LONGEST = timedelta(minutes=3)  # after that nothing more is claimed, and the next tick goes on
ASKED_LONGEST = timedelta(seconds=30)  # releases and alerts share that queue
NEXTHOPS_AT_ONCE = 16
ADDRESSES_AT_ONCE = 16
STOP_POLL_SECONDS = 0.3
BATCH_MAX = 10  # results in one transaction: tens of milliseconds, for SQLite has one writer

log = structlog.get_logger(__name__)
Tell = Callable[[str], None]


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
    stops: asked now and then; once it says yes, what runs is cancelled and every lease is given back.
    """

    only: Collection[int] | None = None
    asked: bool = False
    tell: Tell = _silent
    stops: Callable[[], bool] = is_stopping
    clock: Callable[[], datetime] = field(default_factory=shared_clock)
    engine: Engine = field(default_factory=_engine)
    resolver: Resolver = field(default_factory=resolver_from_settings)
    counts: Counts = field(default_factory=Counts)
    _claims: list[AddressClaim] = field(default_factory=list)
    _running: dict[Session, tuple[AddressClaim, Target]] = field(default_factory=dict)
    _ends: float = 0.0
    _has_claimed: bool = False

    def run(self) -> Counts:
        """Look up what is due, then speak to what is due, and return what was done."""
        begun = time.monotonic()
        self._ends = begun + (ASKED_LONGEST if self.asked else ROUND_LONGEST).total_seconds()
        async_to_sync(self._run)()
        self.counts.seconds = round(time.monotonic() - begun, 3)
        if self._has_claimed:  # a tick that finds nothing due is no outcome
            log.info("probe.round", **{name: getattr(self.counts, name) for name in Counts.__slots__})
        return self.counts

    async def _run(self) -> None:
        looked_up = await self._look_up()
        if self.asked and self.only is None:
            self.only = looked_up
        results: asyncio.Queue[Result | None] = asyncio.Queue()
        watch = asyncio.create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._record(results))
                await self._speak(results)
                results.put_nowait(None)
        finally:
            watch.cancel()
            await sync_to_async(give_back)([claim for claim in self._claims if claim.open])

    async def _watch(self) -> None:
        """Stop the engine when this worker is to stop."""
        while not self.stops():  # noqa: ASYNC110  the parent process says so, which has no part in this loop
            await asyncio.sleep(STOP_POLL_SECONDS)
        self.engine.stop()

    def _may_claim(self) -> bool:
        return time.monotonic() < self._ends and not self.stops()

    async def _look_up(self) -> list[int]:
        """Resolve all nexthops that are due, and looks that are asked for; return the nexthops' primary keys."""
        looked_up: list[int] = []
        while self._may_claim():
            claims = await sync_to_async(claim_nexthops)(
                NEXTHOPS_AT_ONCE, now=self.clock(), only=self.only, asked=self.asked
            )
            if not claims:
                break
            self._has_claimed = True
            looked_up += [claim.pk for claim in claims]
            await self._resolve_all(claims)
        if self.asked:
            await sync_to_async(drop_expired)(now=self.clock())
        while self.asked and self._may_claim():
            looks = await sync_to_async(claim_looks)(NEXTHOPS_AT_ONCE, now=self.clock())
            if not looks:
                break
            self._has_claimed = True
            await self._resolve_all(looks)
        return looked_up

    async def _resolve_all(self, claims: Collection[NexthopClaim | LookClaim]) -> None:
        """Look *claims* up side by side; give back what is not done when this worker is to stop."""
        jobs = {asyncio.create_task(self._resolve(claim)): claim for claim in claims}
        pending = set(jobs)
        while pending and not self.stops():
            done, pending = await asyncio.wait(pending, timeout=STOP_POLL_SECONDS)
            for job in done:
                job.result()
        for job in pending:
            job.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await sync_to_async(give_back)([jobs[job] for job in pending])

    async def _resolve(self, claim: NexthopClaim | LookClaim) -> None:
        """Look one nexthop up and record it; a key that is none keeps its lease, and is set aside in the end."""
        try:
            facts: NexthopFacts = await self.resolver.resolve(Nexthop.parse(claim.key), now=self.clock())
        except NameRefused as refused:
            log.warning("probe.refused", nexthop=claim.key, cause=str(refused))
            return
        self.counts.nexthops += 1
        if isinstance(claim, LookClaim):
            await sync_to_async(record_look)(claim, facts, now=self.clock())
        else:
            await sync_to_async(record_dns)(claim, facts, now=self.clock())
        addresses = sum(len(host.addresses) for host in facts.hosts)
        self.tell(f"{claim.key}: {facts.mx_status.value}, {len(facts.hosts)} hosts, {addresses} addresses")

    async def _speak(self, results: "asyncio.Queue[Result | None]") -> None:
        """Have all sessions that are due and hand on each outcome as it arrives."""
        async for outcome in self.engine.run(self._sessions(), progress=self._progress):
            claim, target = self._running.pop(Session(outcome.address, outcome.port, outcome.profile))
            self.counts.endpoints += 1
            self.counts.handshakes += isinstance(outcome, PeerFacts) and outcome.tls is not None
            self.tell(f"{outcome.address}:{outcome.port} {_words(outcome)}")
            results.put_nowait(Result(claim, target, outcome))

    async def _sessions(self) -> AsyncIterator[Session]:
        """Claim addresses as long as some are due and the engine asks for more."""
        while self._may_claim():
            claims = await sync_to_async(claim_addresses)(ADDRESSES_AT_ONCE, now=self.clock(), only=self.only)
            if not claims:
                return
            self._has_claimed = True
            self._claims = [claim for claim in self._claims if claim.open] + claims
            for claim in claims:
                if not claim.targets:
                    await sync_to_async(give_back)([claim])
                for target in claim.targets:
                    session = Session(claim.address, target.port, target.profile)
                    self._running[session] = (claim, target)
                    yield session

    async def _record(self, results: "asyncio.Queue[Result | None]") -> None:
        """Record what has come in since the last batch, until None comes."""
        while (first := await results.get()) is not None:
            batch = [first]
            while not results.empty() and len(batch) < BATCH_MAX:
                if (more := results.get_nowait()) is None:
                    results.put_nowait(None)
                    break
                batch.append(more)
            self.counts.kept += await sync_to_async(record_peers)(batch, now=self.clock())

    def _progress(self, session: Session, stage: Stage) -> None:
        self.tell(f"{session.address}:{session.port} {stage.value}")


def _words(outcome: Outcome) -> str:
    """Return one line about *outcome* for a person who watches."""
    if not isinstance(outcome, PeerFacts):
        return f"not measured: {outcome.cause.value} {outcome.detail}".rstrip()
    if outcome.tls is not None:
        return f"{outcome.tls.version} {outcome.tls.cipher}, {len(outcome.tls.chain)} certificates"
    return f"no TLS: ended at {outcome.ended.value} {outcome.stop} {outcome.tls_error}".rstrip()
