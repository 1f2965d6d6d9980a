"""Pins, their states, and the steps of a rollover."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.core.errors import CertificateRefused
from partners.core.pins import (
    TRANSITIONS,
    Pin,
    PinKind,
    PinState,
    Rollover,
    StepKind,
    earliest_expiry,
    may_move,
    may_retire,
    rollover_steps,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("size", "algorithm"), [(16, "md5"), (20, "sha1"), (32, "sha256"), (64, "sha512")])
def test_the_length_names_the_algorithm(size: int, algorithm: str) -> None:
    """A pasted fingerprint becomes a proposed pin, written as Postfix writes it."""
    pin = Pin.parse("ab" * size, PinKind.KEY)

    assert (pin.algorithm, pin.text, pin.state, pin.in_map) == (
        algorithm,
        ":".join(["AB"] * size),
        PinState.PROPOSED,
        False,
    )


def test_a_pin_is_a_digest() -> None:
    """Neither a text nor a digest of another length becomes a pin."""
    with pytest.raises(CertificateRefused):
        Pin.parse("hello", PinKind.KEY)
    with pytest.raises(ValueError, match="no sha256 digest"):
        Pin(b"x", PinKind.CERTIFICATE, "sha256")


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (PinState.PROPOSED, PinState.STAGED, True),
        (PinState.PROPOSED, PinState.ACTIVE, False),
        (PinState.PROPOSED, PinState.REFUSED, True),
        (PinState.PROPOSED, PinState.WITHDRAWN, True),
        (PinState.STAGED, PinState.ACTIVE, True),
        (PinState.STAGED, PinState.WITHDRAWN, False),
        (PinState.ACTIVE, PinState.RETIRED, True),
        (PinState.ACTIVE, PinState.REFUSED, False),
        (PinState.STAGED, PinState.PROPOSED, True),
        (PinState.RETIRED, PinState.ACTIVE, True),
        (PinState.RETIRED, PinState.STAGED, False),
        (PinState.REFUSED, PinState.STAGED, False),
    ],
)
def test_transitions(before: PinState, after: PinState, allowed: bool) -> None:
    """No announced pin becomes active without having been accepted and staged."""
    assert may_move(before, after) is allowed
    assert set(TRANSITIONS) == set(PinState)


def test_only_accepted_pins_are_in_the_map() -> None:
    """A partner's announcement alone changes no map."""
    states = {state: Pin(b"\0" * 32, PinKind.KEY, "sha256", state).in_map for state in PinState}

    assert {state for state, in_map in states.items() if in_map} == {PinState.STAGED, PinState.ACTIVE}


@pytest.mark.parametrize(
    ("addresses", "others", "allowed"),
    [((3, 3), 1, True), ((2, 3), 1, False), ((0, 0), 1, False), ((3, 3), 0, False)],
)
def test_the_old_pin_leaves_last(addresses: tuple[int, int], others: int, allowed: bool) -> None:
    """Only when the new one was seen on every address, and never the only pin."""
    assert may_retire(addresses, others_in_map=others) is allowed


def test_a_rollover_step_by_step() -> None:
    """Each moment that comes makes the next step the one to wait for."""
    moments = {"approved_at": NOON + HOUR, "on_all_relays_at": NOON + 2 * HOUR}
    fresh = rollover_steps(Rollover(NOON))
    later = rollover_steps(Rollover(NOON, **moments, relays=(2, 2), addresses=(1, 3)))

    assert [step.kind for step in fresh] == list(StepKind)
    assert [step.kind for step in fresh if step.is_next] == [StepKind.APPROVED]
    assert [step.kind for step in later if step.is_next] == [StepKind.SEEN]
    assert (later[2].count, later[3].count, later[3].at) == ((2, 2), (1, 3), None)


def test_a_partner_who_renews_too_early() -> None:
    """The new certificate is seen before it is approved: the approval is what is waited for."""
    steps = rollover_steps(Rollover(NOON, seen_everywhere_at=NOON + HOUR, addresses=(2, 2)))

    assert [step.kind for step in steps if step.at] == [StepKind.ANNOUNCED, StepKind.SEEN]
    assert [step.kind for step in steps if step.is_next] == [StepKind.APPROVED]


def test_a_finished_rollover_waits_for_nothing() -> None:
    """All five steps are done."""
    steps = rollover_steps(Rollover(NOON, NOON, NOON, (1, 1), NOON, (1, 1), NOON))

    assert not any(step.is_next for step in steps)


def test_earliest_expiry() -> None:
    """The first certificate to end counts; unknown dates say nothing."""
    assert earliest_expiry([None, NOON + HOUR, NOON]) == NOON
    assert earliest_expiry([None]) is None
