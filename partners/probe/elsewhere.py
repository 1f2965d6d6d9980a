"""`tlsportal-probe`: probe from where the relays stand, and report to the portal.

Where the database is, port 25 is often closed. This process needs neither: it claims addresses from the portal over
HTTPS, speaks to them as the portal's own workers do, and posts what it saw. It keeps nothing. Killed, it loses nothing:
its leases end after a minute, and whoever claims next does the work.

Settings are the portal's own, TLSPORTAL_PROBE_NETWORKS, _PORTS, _EHLO, _SOURCE and so on, from the environment: this
machine decides to which networks and ports it connects, whatever the portal asks for.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from partners.core.errors import PortalError, RefusedInput, SettingsRefused, TemporaryFault
from partners.core.facts_json import profile_from_json
from partners.core.observation import NotMeasured, NotMeasuredCause
from partners.core.reported import CERTIFICATES_MAX, report_of_outcome
from partners.core.slow_lane import SLOW_SESSION, Patience
from partners.probe.configured import configured_engine
from partners.probe.engine import Engine
from partners.probe.manner import USUAL, Manner, manner_of_lane
from partners.probe.portal import BODY_MAX, Portal
from partners.probe.session import Outcome, Target

__all__ = ["Elsewhere", "main"]

POLL_SECONDS: Final = 5.0  # between two questions for work while there is none
RENEW_SECONDS: Final = 15.0
TICK_SECONDS: Final = 0.3
CLAIM_MAX: Final = 50
SLOW_SLOTS: Final = 20
HELD_MAX: Final = 400  # the portal's own bound
_RETRY_LONGEST: Final = 60.0
_BATCH_MAX: Final = 100

_log = logging.getLogger("tlsportal-probe")


@dataclass(eq=False, slots=True)
class _Errand:
    """One claimed address. targets: session -> number; seen: what came of them, and when by this process's clock.

    manner: of the relays, in its lane. is_slow: of the slow lane, which has slots of its own.
    """

    claim: int
    token: str
    targets: dict[Target, int]
    manner: Manner = USUAL
    is_slow: bool = False
    seen: dict[int, tuple[Outcome, float]] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return len(self.seen) == len(self.targets)

    @property
    def name(self) -> dict[str, Any]:
        return {"claim": self.claim, "token": self.token}

    def report(self, certificates: list[bytes]) -> dict[str, Any]:
        """Return what was seen as the portal reads it."""
        now = time.monotonic()
        peers = [
            {"target": pk, "ago": round(now - at, 3), "facts": report_of_outcome(outcome, certificates)}
            for pk, (outcome, at) in self.seen.items()
        ]
        return {**self.name, "peers": peers}


class Elsewhere:
    """The probe at one vantage: claims, speaks, reports, until it is told to stop."""

    def __init__(self, portal: Portal, engine: Engine, *, slots: int, slow_slots: int = SLOW_SLOTS) -> None:
        self._portal, self._engine = portal, engine
        self._slots = {False: slots, True: slow_slots}
        self._held: dict[tuple[int, str], _Errand] = {}
        self._running: dict[Target, _Errand] = {}
        self._queues: dict[bool, asyncio.Queue[_Errand]] = {False: asyncio.Queue(), True: asyncio.Queue()}
        self._stopping = asyncio.Event()
        self._next_claim = self._last_renewal = 0.0
        self._pause = POLL_SECONDS
        self.reported = 0

    def stop(self) -> None:
        """Take nothing more; what runs is cancelled and given back."""
        self._stopping.set()
        self._engine.stop()

    async def run(self) -> None:
        """Work until stop(). Errors: SettingsRefused where the token opens nothing (any more)."""
        talk = asyncio.create_task(self._talk())
        talk.add_done_callback(lambda _talk: self.stop())
        async with asyncio.TaskGroup() as lanes:
            for is_slow in self._slots:
                lanes.create_task(self._speak(is_slow=is_slow))
        self._stopping.set()
        await talk

    async def _speak(self, *, is_slow: bool) -> None:
        """Have the sessions of one lane; both lanes take turns at an address, for the engine is one."""
        slots = self._slots[True] if is_slow else None  # the engine has those of the other lane
        async for outcome in self._engine.run(self._sessions(is_slow=is_slow), slots=slots):
            target = Target(outcome.address, outcome.port, outcome.profile)
            errand = self._running.pop(target)
            errand.seen[errand.targets[target]] = outcome, time.monotonic()

    async def _sessions(self, *, is_slow: bool) -> AsyncIterator[Target]:
        """Yield the sessions of each claimed address while its lease is held: without it another may be there.

        One that is under way already, for a claim whose lease is lost, serves the new claim.
        """
        while not self._stopping.is_set():
            errand = await self._queues[is_slow].get()
            for target in errand.targets:
                if self._held.get((errand.claim, errand.token)) is not errand:
                    break
                is_under_way = target in self._running
                self._running[target] = errand
                if not is_under_way:
                    yield replace(target, manner=errand.manner)

    async def _talk(self) -> None:
        """Report what is done, prolong what is held, and claim more while there is room."""
        while not self._stopping.is_set():
            await self._turn()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)
        await asyncio.sleep(TICK_SECONDS)  # what was cancelled comes in
        for errand in self._held.values():  # the rest was not begun: reported as it is, it is given back
            errand.targets = {target: pk for target, pk in errand.targets.items() if pk in errand.seen}
        with contextlib.suppress(TemporaryFault):
            await self._report()

    async def _turn(self) -> None:
        try:
            await self._report()
            await self._claim()
        except TemporaryFault as fault:
            _log.warning("%s; next try in %.0f s", fault, self._pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._pause)
            self._pause = min(2 * self._pause, _RETRY_LONGEST)
        else:
            self._pause = POLL_SECONDS

    async def _claim(self) -> None:
        """Ask for more where there is room, or prolong what is held."""
        now = time.monotonic()
        running = Counter(errand.is_slow for errand in self._running.values())
        late = sum(errand.is_slow for errand in self._held.values())
        room = max(0, min(CLAIM_MAX, HELD_MAX - len(self._held) + late, self._slots[False] - running[False]))
        slow = max(0, self._slots[True] - late)
        is_late = self._held and now - self._last_renewal >= RENEW_SECONDS
        if not is_late and (not (room or slow) or now < self._next_claim):
            return
        held = [errand.name for errand in self._held.values()]
        answer = await asyncio.to_thread(self._portal.claim, room, slow, held)
        self._last_renewal = time.monotonic()
        kept, new = _given(answer)
        for key in self._held.keys() - kept:
            _log.warning("address %s: its lease is lost, what was seen there is dropped", key[0])
            del self._held[key]
        for errand in new:
            self._held[errand.claim, errand.token] = errand
            self._queues[errand.is_slow].put_nowait(errand)
        self._next_claim = time.monotonic() + (TICK_SECONDS if new else POLL_SECONDS)

    async def _report(self) -> None:
        """Post what is done, as much at once as the portal takes."""
        done = [errand for errand in self._held.values() if errand.is_done]
        while done:
            part, results, certificates = _fitting(done)
            try:
                answer = await asyncio.to_thread(self._portal.record, results, certificates)
                kept = answer.get("kept")
                self.reported += kept if isinstance(kept, int) else 0
                _log.info("reported %d addresses, %s kept", len(part), kept)
            except RefusedInput as refusal:
                if isinstance(refusal, SettingsRefused):
                    raise
                _log.error("%s", refusal)  # the leases end by themselves
            for errand in part:
                self._held.pop((errand.claim, errand.token), None)
            done = done[len(part) :]


def _fitting(done: Sequence[_Errand]) -> tuple[list[_Errand], list[dict[str, Any]], list[str]]:
    """Return as many of *done*, from the first, as fit into one report, with their results and certificates.

    A single address that does not fit is told as too much, which it is.
    """
    part: list[_Errand] = []
    results: list[dict[str, Any]] = []
    certificates: list[bytes] = []
    size = 0
    for errand in done[:_BATCH_MAX]:
        more = list(certificates)
        result = errand.report(more)
        size += len(json.dumps(result)) + sum(len(der) * 4 // 3 + 8 for der in more[len(certificates) :])
        if (size > BODY_MAX or len(more) > CERTIFICATES_MAX) and part:
            break
        if size > BODY_MAX:
            result, more = _too_much(errand), []
        part.append(errand)
        results.append(result)
        certificates = more
    return part, results, [base64.b64encode(der).decode() for der in certificates]


def _too_much(errand: _Errand) -> dict[str, Any]:
    """Return the report of an address whose certificates alone are too much for one."""
    now = time.monotonic()
    for pk, (outcome, _at) in list(errand.seen.items()):
        cause, text = NotMeasuredCause.TOO_MUCH, "its certificates are more than a report takes"
        at = outcome.tried_at if isinstance(outcome, NotMeasured) else outcome.seen_at
        errand.seen[pk] = NotMeasured(outcome.address, outcome.port, outcome.profile, at, cause, detail=text), now
    return errand.report([])


def _given(answer: Mapping[str, Any]) -> tuple[set[tuple[int, str]], list[_Errand]]:
    """Return which claims are still held, and what there is to do. Errors: TemporaryFault where that cannot be read."""
    try:
        kept = {(int(one["claim"]), str(one["token"])) for one in answer.get("held", [])}
        patience = _patience(answer.get("patience", {}))
        return kept, [_errand(one, patience) for one in answer.get("addresses", [])]
    except (KeyError, TypeError, ValueError) as cause:
        raise TemporaryFault("portal", f"what it gives to do cannot be read: {cause}") from cause


def _patience(raw: Mapping[str, Any]) -> Patience:
    """Return the relays' patience as the portal gives it. Errors: TypeError and ValueError for any other shape."""
    found = Patience(**{str(name): int(seconds) for name, seconds in dict(raw).items()})
    if not all(0 < seconds <= SLOW_SESSION.total_seconds() for seconds in astuple(found)):
        raise ValueError("a relay's patience is too long, or none")
    return found


def _errand(raw: Mapping[str, Any], patience: Patience) -> _Errand:
    targets = {
        Target(str(raw["address"]), int(one["port"]), profile_from_json(one["profile"])): int(one["target"])
        for one in raw["targets"]
    }
    is_slow = bool(raw.get("slow", False))
    manner = manner_of_lane(patience, is_slow=is_slow)
    return _Errand(int(raw["claim"]), str(raw["token"]), targets, manner, is_slow)


class _Environment:
    """The probe's settings under their names, from TLSPORTAL_* of the environment."""

    def __init__(self) -> None:
        self.PROBE_NETWORKS: Sequence[str] = _words("PROBE_NETWORKS")
        self.PROBE_PORTS: Sequence[str] = _words("PROBE_PORTS")
        self.PROBE_PORT_MAP: Sequence[str] = _words("PROBE_PORT_MAP")
        self.PROBE_EHLO, self.PROBE_SOURCE = _text("PROBE_EHLO"), _text("PROBE_SOURCE")
        self.PROBE_CLIENT_CERT, self.PROBE_CLIENT_KEY = _text("PROBE_CLIENT_CERT"), _text("PROBE_CLIENT_KEY")
        self.RESOLVER = _text("RESOLVER") or "127.0.0.1"  # never asked: the portal looks names up


def _text(name: str) -> str:
    return os.environ.get(f"TLSPORTAL_{name}", "").strip()


def _words(name: str) -> list[str]:
    return [word.strip() for word in _text(name).split(",") if word.strip()]


def _token(path: str) -> str:
    """Return the token: of the file *path*, else of the environment. Errors: SettingsRefused."""
    path = path or _text("VANTAGE_TOKEN_FILE")
    if not path:
        return _text("VANTAGE_TOKEN")
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as cause:
        raise SettingsRefused(f"token file {path}", str(cause), "name a file that this user may read") from cause


async def _work(portal: Portal, slots: int, slow_slots: int) -> None:
    engine = configured_engine(_Environment(), slots=slots)
    elsewhere = Elsewhere(portal, engine, slots=slots, slow_slots=slow_slots)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, elsewhere.stop)
    await elsewhere.run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until TERM or INT; 0 after that, 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="tlsportal-probe", description="Probe from here, and report to the portal.")
    parser.add_argument("--portal", default=_text("PORTAL"), help="https://portal.example.com (TLSPORTAL_PORTAL)")
    parser.add_argument("--token-file", default="", help="file with the vantage token (TLSPORTAL_VANTAGE_TOKEN_FILE)")
    parser.add_argument("--ca", default=_text("PORTAL_CA"), help="PEM file of the portal's CA (TLSPORTAL_PORTAL_CA)")
    parser.add_argument("--slots", type=int, default=100, choices=range(1, 1001), metavar="1..1000")
    slow = "of the slow lane, beside these"
    parser.add_argument("--slow-slots", type=int, default=SLOW_SLOTS, choices=range(1, 51), metavar="1..50", help=slow)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        portal = Portal(given.portal, _token(given.token_file), ca_file=given.ca)
        _log.info("probing for %s with %d slots", given.portal, given.slots)
        asyncio.run(_work(portal, given.slots, given.slow_slots))
    except PortalError as refusal:
        print(refusal, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
