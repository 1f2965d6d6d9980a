"""assess(): whether mail to a channel flows as agreed, as a state over time. Only a fact moves the state.

compliant: mail flows, and every host that Postfix may use gives at least the agreed protection.
violated: mail would stop (or bounce). weaker: mail flows below what was agreed, somewhere or by the entry in force.
rolling: as agreed, while old and new pin are both seen. pending: nothing was judged yet. unknown: no fact to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from partners.core.agreement import is_enough
from partners.core.levels import Protection, SecurityLevel
from partners.core.outcome import Delivery, HostOutcome, TlsStatus, Verdict
from partners.core.reasons import Reason

__all__ = ["Compliance", "Move", "State", "assess", "protection_given"]

_AUTHENTICATED = {
    SecurityLevel.VERIFY: Protection.CA_NAME,
    SecurityLevel.SECURE: Protection.CA_NAME,
    SecurityLevel.FINGERPRINT: Protection.PIN,
    SecurityLevel.DANE: Protection.DANE,
    SecurityLevel.DANE_ONLY: Protection.DANE,
}


class State(Enum):
    """A state of compliance; `protected` counts compliant and rolling."""

    COMPLIANT = "compliant"
    VIOLATED = "violated"
    WEAKER = "weaker"
    ROLLING = "rolling"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Compliance:
    """A state since a moment. cause: a code of reasons.py or "", for people with the host it is about.

    unknown_since: since when facts are missing, while the state still is that of the last fact; else None.
    last_known: the last state that a fact gave, for "unknown since T, last good result T0"; known_at: when that was.
    """

    state: State
    since: datetime
    cause: str = ""
    where: str = ""
    unknown_since: datetime | None = None
    last_known: State | None = None
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A change of state."""

    before: State | None
    after: State
    at: datetime
    cause: str
    where: str = ""


def assess(
    agreed: Protection,
    verdicts: Sequence[Verdict],
    current: Compliance | None,
    now: datetime,
    *,
    is_rolling: bool = False,
) -> tuple[Compliance, Move | None]:
    """Return the compliance at *now*, and the Move if the state moved.

    verdicts: one per nexthop key and relay group of the channel, judged against the entries active on the relays.
    is_rolling: a new pin of the channel stands beside an old one that is still to leave.
    Hysteresis: where facts are missing, a state that a fact gave stays, and unknown_since tells that it is old; a state
    that no fact ever gave is unknown. A fact that is bad counts at once, even beside unknown ones.
    """
    state, cause, where = _of_facts(agreed, verdicts, is_rolling=is_rolling)
    if state in {State.UNKNOWN, State.PENDING}:
        return _without_fact(state, cause, where, current, now)
    kept = current is not None and current.state is state
    since = current.since if current is not None and kept else now
    after = Compliance(state, since, cause, where, last_known=state, known_at=now)
    before = current.state if current else None
    return after, None if kept else Move(before, state, now, cause, where)


def protection_given(row: HostOutcome) -> Protection:
    """Return the protection that mail has at one address where it flows."""
    if row.plaintext or row.tls_status is TlsStatus.NONE:
        return Protection.NONE
    # At may nothing stops a fall to plaintext: what an attacker can strip is no protection.
    if row.effective in {SecurityLevel.NONE, SecurityLevel.MAY}:
        return Protection.NONE
    if row.tls_status is TlsStatus.VERIFIED:
        return _AUTHENTICATED.get(row.effective, Protection.ENCRYPTED)
    return Protection.ENCRYPTED


def _without_fact(
    state: State, cause: str, where: str, current: Compliance | None, now: datetime
) -> tuple[Compliance, Move | None]:
    if current is None:
        return Compliance(state, now, cause, where, unknown_since=now), Move(None, state, now, cause, where)
    if current.last_known is None and current.state is not state:
        return Compliance(state, now, cause, where, unknown_since=now), Move(current.state, state, now, cause, where)
    held = Compliance(
        current.state,
        current.since,
        cause if current.state is State.PENDING is state else current.cause,
        current.where,
        unknown_since=current.unknown_since or now,
        last_known=current.last_known,
        known_at=current.known_at,
    )
    return held, None


def _of_facts(agreed: Protection, verdicts: Sequence[Verdict], *, is_rolling: bool) -> tuple[State, str, str]:
    """Return what the facts alone say: the worst first, and good only if every address was seen."""
    if not verdicts:
        return State.PENDING, Reason.NOT_RELEASED, ""
    for verdict in verdicts:
        if verdict.delivery in {Delivery.DEFER, Delivery.BOUNCE}:
            return State.VIOLATED, _first(verdict.reasons), _place(verdict.host) or verdict.nexthop
    rows = [row for verdict in verdicts for row in verdict.hosts]
    flowing = [row for row in rows if row.delivery is Delivery.DELIVER]
    for row in flowing:
        given = protection_given(row)
        if not is_enough(given, agreed):
            return State.WEAKER, (Reason.PLAINTEXT if row.plaintext else Reason.BELOW_AGREED), _place(row)
    for verdict in verdicts:
        if verdict.delivery is Delivery.UNKNOWN:
            return State.UNKNOWN, verdict.unknown, verdict.nexthop
    # A host that defers is no leak: smtp(8) goes on to the next one. A host that was not seen may be one.
    unseen = next((row for row in rows if row.delivery is Delivery.UNKNOWN), None)
    if unseen is not None:
        return State.UNKNOWN, _first(unseen.reasons), _place(unseen)
    is_rolling = is_rolling or _differs_on_one_host(flowing)
    return State.ROLLING if is_rolling else State.COMPLIANT, "", ""


def _differs_on_one_host(rows: Sequence[HostOutcome]) -> bool:
    """Whether one MX host shows different pins on its addresses; two hosts may have two certificates for good."""
    seen: dict[str, set[str]] = {}
    for row in rows:
        seen.setdefault(row.mx_host, set()).add(row.pin_seen)
    return any(len(pins) > 1 for pins in seen.values())


def _first(reasons: Sequence[str]) -> str:
    return str(reasons[0]) if reasons else ""


def _place(row: HostOutcome | None) -> str:
    return f"{row.mx_host}[{row.address}]:{row.port}" if row else ""
