"""Pins: the fingerprints accepted for a channel, how they move, and how far a rollover has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

__all__ = [
    "TRANSITIONS",
    "PinState",
    "Rollover",
    "Sight",
    "Step",
    "StepKind",
    "is_rolling",
    "may_move",
    "may_retire",
    "rollover_steps",
]


class PinState(Enum):
    """The life of a pin. proposed: announced, in no map; staged: accepted, goes into the next release."""

    PROPOSED = "proposed"
    STAGED = "staged"
    ACTIVE = "active"
    RETIRED = "retired"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


TRANSITIONS = {
    PinState.PROPOSED: frozenset({PinState.STAGED, PinState.REFUSED, PinState.WITHDRAWN}),
    PinState.STAGED: frozenset({PinState.ACTIVE, PinState.PROPOSED}),  # back, where its change is withdrawn
    PinState.ACTIVE: frozenset({PinState.RETIRED}),
    PinState.RETIRED: frozenset({PinState.ACTIVE}),  # by a roll-back, which two people approve as any release
    PinState.REFUSED: frozenset(),
    PinState.WITHDRAWN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """On how many addresses of a channel a pin is seen, of all; 0 of 0 before the first look."""

    addresses: int
    of_all: int

    @property
    def is_everywhere(self) -> bool:
        """Whether every address shows it."""
        return 0 < self.of_all == self.addresses


class StepKind(Enum):
    """The steps of a rollover from an old pin to a new one, in their order."""

    ANNOUNCED = "announced"
    APPROVED = "approved"
    ON_ALL_RELAYS = "on-all-relays"
    SEEN = "seen"
    OLD_RETIRED = "old-retired"


@dataclass(frozen=True, slots=True)
class Rollover:
    """What is known of a rollover. Moments are None until they come.

    relays, addresses: (done, of all); 0 of 0 is never done: nobody has looked.
    """

    announced_at: datetime
    approved_at: datetime | None = None
    on_all_relays_at: datetime | None = None
    relays: tuple[int, int] = (0, 0)
    seen_everywhere_at: datetime | None = None
    addresses: tuple[int, int] = (0, 0)
    old_retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step. at: when it was done, else None; is_next: it is what everybody waits for; count: (done, of all)."""

    kind: StepKind
    at: datetime | None
    is_next: bool = False
    count: tuple[int, int] | None = None


def may_move(before: PinState, after: PinState) -> bool:
    """Whether a pin may go from *before* to *after*."""
    return after in TRANSITIONS[before]


def may_retire(new: Sight, *, others_in_map: int) -> bool:
    """Whether an old pin may leave: the *new* one is seen on every address, and the map keeps at least one pin."""
    return others_in_map > 0 and new.is_everywhere


def is_rolling(sights: Sequence[Sight]) -> bool:
    """Whether a channel is between two pins, of which *sights* tells (backup pins, unseen on purpose, left out).

    One that no address shows is still to come, or to leave beside one that every address shows. Pins of which each is
    seen on some addresses are two certificates for good.
    """
    return len(sights) > 1 and any(one.is_everywhere or not one.addresses for one in sights)


def rollover_steps(rollover: Rollover) -> tuple[Step, ...]:
    """Return the five steps; the first that is not done is the next one.

    A later step may be done before an earlier one: a partner who renews too early is seen before the approval.
    """
    moments = (
        (StepKind.ANNOUNCED, rollover.announced_at, None),
        (StepKind.APPROVED, rollover.approved_at, None),
        (StepKind.ON_ALL_RELAYS, rollover.on_all_relays_at, rollover.relays),
        (StepKind.SEEN, rollover.seen_everywhere_at, rollover.addresses),
        (StepKind.OLD_RETIRED, rollover.old_retired_at, None),
    )
    following = next((kind for kind, at, _count in moments if at is None), None)
    return tuple(Step(kind, at, kind is following, count) for kind, at, count in moments)
