"""The probe elsewhere beside a portal that forgets, repeats itself or talks nonsense: it does its work all the same."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from partners.core.errors import SettingsRefused, TemporaryFault
from partners.core.facts_json import profile_to_json
from partners.core.observation import PERMISSIVE
from partners.probe.elsewhere import Elsewhere
from partners.probe.limits import Limits
from partners.probe.portal import Portal
from tests.kit.ca import self_signed
from tests.kit.script import Say, Script, Tls
from tests.kit.smtpd import Smtpd
from tests.probe.engines import engine_for

SLOW = Script(tls=Tls(self_signed("mx.example.com")), replies={"GREETING": Say("220 mx ESMTP", delay=1.0)})


def address(claim: int, token: str) -> dict[str, Any]:
    target = {"target": 7, "port": 25, "profile": profile_to_json(PERMISSIVE)}
    return {"claim": claim, "token": token, "address": "127.0.0.1", "targets": [target]}


class Answers:
    """A portal's two calls, played: each claim gets the next of *given*, then nothing new."""

    def __init__(self, *given: Mapping[str, Any]) -> None:
        self.given, self.recorded = list(given), []

    def claim(self, _limit: int, _slow: int, held: list[dict[str, Any]]) -> Mapping[str, Any]:
        return self.given.pop(0) if self.given else {"held": held, "addresses": []}

    def record(self, results: list[dict[str, Any]], _certificates: list[str]) -> Mapping[str, Any]:
        self.recorded += results
        return {"kept": len(results)}


async def run(portal: Answers, engine: Any, seconds: float) -> Elsewhere:
    elsewhere = Elsewhere(portal, engine, slots=4)  # type: ignore[arg-type]  # it asks for no more than the two calls
    elsewhere._pause = 0.1
    asyncio.get_running_loop().call_later(seconds, elsewhere.stop)
    await elsewhere.run()
    return elsewhere


async def test_lease_lost_and_address_claimed_again(smtpd: Smtpd) -> None:
    """The session that is under way serves the new claim: the peer is not spoken to twice, and nothing falls over."""
    peer = smtpd.peer(script=SLOW)
    first, again = address(1, "a"), address(1, "b")
    portal = Answers({"held": [], "addresses": [first]}, {"held": [], "addresses": [again]})

    await run(portal, engine_for(peer), 3.0)

    assert [one["token"] for one in portal.recorded] == ["b"]
    assert [one["facts"]["kind"] for one in portal.recorded[0]["peers"]] == ["peer"]
    assert len(peer.visits) == 1


async def test_lease_lost_before_its_turn(smtpd: Smtpd) -> None:
    """A session that waits for a slot is not begun once its lease is lost: somebody else may be there by now."""
    peer = smtpd.peer(script=SLOW)
    waiting = address(2, "b") | {"address": "127.0.0.1"}
    waiting["targets"] = [{**waiting["targets"][0], "port": 587}]
    portal = Answers({"held": [], "addresses": [address(1, "a"), waiting]}, {"held": [{"claim": 1, "token": "a"}]})

    await run(portal, engine_for(peer, slots=1), 3.0)

    assert [one["token"] for one in portal.recorded] == ["a"]


async def test_slow_lane(smtpd: Smtpd) -> None:
    """What is slow has slots and patience of its own: it is heard, and the lane beside it does not wait for it."""
    late = smtpd.peer(script=Script(tls=SLOW.tls, replies={"GREETING": Say("220 mx ESMTP", delay=2.0)}))
    slow = {**address(1, "a"), "slow": True}
    patience = {"connect": 5, "helo": 5, "starttls": 5}
    portal = Answers({"held": [], "patience": patience, "addresses": [slow]})
    engine = engine_for(late, limits=Limits(greeting=timedelta(seconds=1)))

    await run(portal, engine, 3.5)

    assert [one["facts"]["kind"] for one in portal.recorded[0]["peers"]] == ["peer"]


async def test_fast_lane_has_its_own_patience(smtpd: Smtpd) -> None:
    """The same server is not waited for where it is not known to be slow."""
    late = smtpd.peer(script=Script(tls=SLOW.tls, replies={"GREETING": Say("220 mx ESMTP", delay=2.0)}))
    portal = Answers({"held": [], "addresses": [address(1, "a")]})

    await run(portal, engine_for(late, limits=Limits(greeting=timedelta(seconds=1))), 3.5)

    assert [one["facts"]["cause"] for one in portal.recorded[0]["peers"]] == ["timeout"]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"held": 5},
        {"held": [{}]},
        {"held": [{"claim": [], "token": {}}]},
        {"held": [], "addresses": 5},
        {"held": [], "addresses": [5]},
        {"held": [], "addresses": [{**address(1, "a"), "targets": [{"target": 1, "port": 25, "profile": 5}]}]},
        {"held": [], "addresses": [address(1, "a") | {"targets": []}]},
        {"held": [], "patience": 5},
        {"held": [], "patience": {"connect": 10**30}},
        {"held": [], "patience": {"helo": 0}},
        {"held": [], "patience": {"other": 1}},
    ],
)
async def test_nonsense(smtpd: Smtpd, nonsense: dict[str, Any]) -> None:
    """An answer that cannot be read is told, and asked for again."""
    peer = smtpd.peer(script=Script(tls=SLOW.tls))
    portal = Answers(nonsense, {"held": [], "addresses": [address(2, "c")]})

    await run(portal, engine_for(peer), 2.0)

    assert "c" in [one["token"] for one in portal.recorded]


@pytest.mark.parametrize("url", ["http://portal.example", "https://", "https://x:99999", "https://x:y", "ftp://x", "x"])
def test_address_of_the_portal(url: str) -> None:
    """The token never travels in the clear, and an address that is none is told as such."""
    with pytest.raises(SettingsRefused):
        Portal(url, "tlsv_x")


def test_portal_out_of_reach() -> None:
    """Nobody listens: that is a matter of time."""
    with pytest.raises(TemporaryFault):
        Portal("http://127.0.0.1:9", "tlsv_x").claim(1, 0, [])
