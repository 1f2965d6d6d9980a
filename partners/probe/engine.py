"""The probe: one event loop that keeps taking targets while slots are free and yields facts as they arrive.

    engine = Engine(resolver=Resolver(), networks=parse_networks(...), ehlo_name="relay.example.com")
    async for outcome in engine.run(targets): ...                 # PeerFacts or NotMeasured, in the order they end
    facts, peers = await engine.probe_nexthop(Nexthop.parse("example.com"))

Between two sessions with one address there is never a third: a partner is asked one thing at a time. Nothing is
retried here; what is due again is a row's business.
"""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
)
from datetime import UTC, datetime
from typing import Any, TypeVar

from partners.core.errors import SettingsRefused
from partners.core.names import Nexthop, is_hostname, shown
from partners.core.observation import PERMISSIVE, HostFacts, NexthopFacts, NotMeasuredCause, TlsProfile
from partners.probe.addresses import Network, refusal
from partners.probe.limits import Limits
from partners.probe.profiles import Contexts
from partners.probe.resolver import Resolver
from partners.probe.session import Outcome, Progress, Session, SessionSettings, Target
from partners.probe.turnstile import Turnstile

__all__ = ["SLOTS", "Engine", "PeerKey", "ProfileChoice"]

SLOTS = 64  # sessions at once
NEIGHBOUR_SECONDS = 0.02  # until an address that another process is with is asked for again
CRASHED = "probe.session.crashed"

_log = logging.getLogger(__name__)

T = TypeVar("T")
_Job = asyncio.Task[Outcome] | asyncio.Task[Target]
PeerKey = tuple[str, int, TlsProfile]
ProfileChoice = Callable[[NexthopFacts, HostFacts], Iterable[TlsProfile]]


def _now() -> datetime:
    return datetime.now(UTC)


def _silent(*_: object) -> None:
    """Report to nobody."""


def _permissive(_facts: NexthopFacts, _host: HostFacts) -> Iterable[TlsProfile]:
    return (PERMISSIVE,)


class Engine:
    """Probes addresses; all its settings come from outside.

    networks, ports: allowed beside the globally routable and the usual ones (see addresses.py).
    ehlo_name: default this machine's name; source: the address that connections come from, "" = the system's choice.
    client_certificate: paths of certificate and key. port_map: for a demo on high ports, see SessionSettings.
    turnstile: shared with other processes that probe.
    Errors: SettingsRefused for a name or a file that cannot be used.
    """

    def __init__(
        self,
        *,
        resolver: Resolver | None = None,
        limits: Limits | None = None,
        networks: Collection[Network] = (),
        ports: Collection[int] = (),
        ehlo_name: str = "",
        source: str = "",
        client_certificate: tuple[str, str] = ("", ""),
        port_map: Mapping[tuple[str, int], int] | None = None,
        slots: int = SLOTS,
        turnstile: Turnstile | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._limits = limits or Limits()
        self._resolver, self._clock, self._slots = resolver, clock, slots
        self._networks, self._ports = tuple(networks), frozenset(ports)
        name = ehlo_name or socket.gethostname()
        if not name.isascii() or not is_hostname(name.lower()):
            raise SettingsRefused(f"EHLO name {shown(name)}", "it is no host name", "set TLSPORTAL_PROBE_EHLO")
        self._session = SessionSettings(
            limits=self._limits,
            contexts=Contexts(*client_certificate),
            ehlo_name=name,
            source=source,
            port_map=dict(port_map or {}),
            clock=clock,
        )
        self._turnstile = turnstile
        self._turns: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()
        self._is_stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(
        self,
        targets: AsyncIterable[Target] | Iterable[Target],
        *,
        progress: Progress = _silent,
        slots: int | None = None,
    ) -> AsyncGenerator[Outcome, None]:
        """Yield one outcome per target, as they arrive; take the next target only while a slot is free.

        slots: of this call, in place of the engine's; several calls side by side share the turns at each address.

        Closing the iterator early cancels what runs. *progress* is called at each stage, from this loop.
        """
        source, at_once = aiter(_stream(targets)), slots or self._slots
        fetching: asyncio.Task[Target] | None = None
        jobs: dict[asyncio.Task[Outcome], Target] = {}
        is_exhausted = False
        try:
            while True:
                if fetching is None and not is_exhausted and not self._is_stopping and len(jobs) < at_once:
                    fetching = self._started(_next(source))
                waiting: set[_Job] = {*jobs, *([fetching] if fetching else [])}
                if not waiting:
                    return
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if fetching is not None and fetching.done():
                    if not (is_exhausted := _is_end(fetching)):
                        target = fetching.result()
                        jobs[self._started(self._job(target, progress))] = target
                    fetching = None
                for job in [job for job in jobs if job.done()]:
                    target = jobs.pop(job)
                    yield self._cancelled(target) if job.cancelled() else job.result()
        finally:
            await _cancel({*jobs, *([fetching] if fetching else [])})

    async def probe(self, target: Target, *, progress: Progress = _silent) -> Outcome:
        """Return the outcome of one target."""
        return await self._job(target, progress)

    async def probe_nexthop(
        self, nexthop: Nexthop, *, profiles: ProfileChoice = _permissive, progress: Progress = _silent
    ) -> tuple[NexthopFacts, dict[PeerKey, Outcome]]:
        """Return what the DNS says about *nexthop*, and the outcome at each address for each profile chosen.

        Errors: NameRefused for a key that is no destination.
        """
        facts = await self.look_up(nexthop)
        wanted = (
            Target(address, nexthop.port, profile)
            for host in facts.hosts
            for profile in profiles(facts, host)
            for address in host.addresses
        )
        return facts, await self.probe_all(wanted, progress=progress)

    async def look_up(self, nexthop: Nexthop) -> NexthopFacts:
        """Return what the DNS says about *nexthop*. Errors: NameRefused for a key that is no destination."""
        resolver = self._resolver or Resolver(limits=self._limits)
        return await resolver.resolve(nexthop, now=self._clock())

    async def probe_all(self, targets: Iterable[Target], *, progress: Progress = _silent) -> dict[PeerKey, Outcome]:
        """Return the outcome of each of *targets*, in their order."""
        wanted = dict.fromkeys(targets)
        if len(wanted) == 1:
            (target,) = wanted
            return {_key(target): await self._job(target, progress)}
        peers: dict[PeerKey, Outcome] = {}
        async with contextlib.aclosing(self.run(wanted, progress=progress)) as outcomes:
            async for outcome in outcomes:
                peers[outcome.address, outcome.port, outcome.profile] = outcome
        return {_key(target): peers[_key(target)] for target in wanted}

    def stop(self) -> None:
        """Take no further targets and cancel what runs: each yields NotMeasured(CANCELLED)."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()

    def _started(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _cancelled(self, target: Target) -> Outcome:
        session = Session(target, self._session, _silent)
        return session.not_measured(NotMeasuredCause.CANCELLED, "the probe was stopped")

    async def _job(self, target: Target, progress: Progress) -> Outcome:
        """Run one session in its turn; a crash is an outcome."""
        why_not = refusal(target.address, target.port, networks=self._networks, ports=self._ports)
        if why_not:
            return Session(target, self._session, progress).not_measured(NotMeasuredCause.NOT_ALLOWED, why_not)
        session: Session | None = None
        try:
            async with self._turn(target.address):
                session = Session(target, self._session, progress)
                return await session.run()
        except asyncio.CancelledError:
            if not self._is_stopping:
                raise
            return self._cancelled(target)
        except Exception as crash:  # noqa: BLE001  one of the three places: a crash must not take the batch with it
            _log.warning(CRASHED, exc_info=True, extra={"address": target.address, "port": target.port})
            session = session or Session(target, self._session, progress)
            return session.not_measured(NotMeasuredCause.CRASHED, f"{type(crash).__name__}: {crash}")

    @contextlib.asynccontextmanager
    async def _turn(self, address: str) -> AsyncIterator[None]:
        """Wait until no other session is with *address*."""
        self._waiting[address] += 1
        try:
            async with self._turns.setdefault(address, asyncio.Lock()):
                while self._turnstile is not None and not self._turnstile.enter(address):  # noqa: ASYNC110  a file
                    await asyncio.sleep(NEIGHBOUR_SECONDS)
                try:
                    yield
                finally:
                    if self._turnstile is not None:
                        self._turnstile.leave(address)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address], self._turns[address]


def _key(target: Target) -> PeerKey:
    return target.address, target.port, target.profile


async def _stream(targets: AsyncIterable[Target] | Iterable[Target]) -> AsyncIterator[Target]:
    if isinstance(targets, AsyncIterable):
        async for target in targets:
            yield target
    else:
        for target in targets:
            yield target


def _is_end(fetching: "asyncio.Task[Target]") -> bool:
    """Whether there are no more targets; what else the source raises is raised by its result()."""
    return fetching.cancelled() or isinstance(fetching.exception(), StopAsyncIteration)


async def _next(source: AsyncIterator[Target]) -> Target:
    return await anext(source)


async def _cancel(tasks: Collection["_Job"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
