"""Pins: the fingerprints accepted for a channel, how they move, and how far a rollover has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Self

from partners.core.certificates import DIGESTS, parse_fingerprint
from partners.core.grammar import written_digest

__all__ = [
    "TRANSITIONS",
    "Pin",
    "PinKind",
    "PinState",
    "Rollover",
    "Step",
    "StepKind",
    "earliest_expiry",
    "may_move",
    "may_retire",
    "rollover_steps",
]


class PinKind(Enum):
    """What the digest is taken of."""

    CERTIFICATE = "certificate"  # the DER certificate: a renewal needs a new pin
    KEY = "key"  # the DER SubjectPublicKeyInfo: a renewal with the same key keeps it


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
class Pin:
    """A fingerprint that a partner has promised to present. digest: bytes of the length of `algorithm`."""

    digest: bytes
    kind: PinKind
    algorithm: str
    state: PinState = PinState.PROPOSED

    def __post_init__(self) -> None:
        if DIGESTS.get(self.algorithm) != len(self.digest):
            raise ValueError(f"pin {self.text}: it is no {self.algorithm} digest")

    @classmethod
    def parse(cls, text: str, kind: PinKind) -> Self:
        """Read a fingerprint as people paste it; its length names the algorithm. Errors: CertificateRefused."""
        digest = parse_fingerprint(text)
        return cls(digest, kind, next(name for name, size in DIGESTS.items() if size == len(digest)))

    @property
    def text(self) -> str:
        """The digest as Postfix writes it."""
        return written_digest(self.digest)

    @property
    def in_map(self) -> bool:
        """Whether the next map holds it."""
        return self.state in {PinState.STAGED, PinState.ACTIVE}


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


def may_retire(addresses: tuple[int, int], *, others_in_map: int) -> bool:
    """Whether an old pin may leave: the new one was seen on every address, and the map keeps at least one pin."""
    seen, of_all = addresses
    return others_in_map > 0 and of_all > 0 and seen == of_all


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


def earliest_expiry(not_after: Iterable[datetime | None]) -> datetime | None:
    """Return the first moment at which a certificate ends; None where none is known."""
    return min((moment for moment in not_after if moment is not None), default=None)
