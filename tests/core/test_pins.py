"""Pins, their states, and the steps of a rollover."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.core.pins import (
    TRANSITIONS,
    PinState,
    Rollover,
    Sight,
    StepKind,
    is_rolling,
    may_move,
    may_retire,
    rollover_steps,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


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


@pytest.mark.parametrize(
    ("addresses", "others", "allowed"),
    [((3, 3), 1, True), ((2, 3), 1, False), ((0, 0), 1, False), ((3, 3), 0, False)],
)
def test_the_old_pin_leaves_last(addresses: tuple[int, int], others: int, allowed: bool) -> None:
    """Only when the new one was seen on every address, and never the only pin."""
    assert may_retire(Sight(*addresses), others_in_map=others) is allowed


@pytest.mark.parametrize(
    ("sights", "rolling"),
    [
        pytest.param([], False, id="none"),
        pytest.param([(3, 3)], False, id="one"),
        pytest.param([(3, 3), (0, 3)], True, id="new one to come, or old one to leave"),
        pytest.param([(2, 3), (1, 3)], False, id="two for good"),
        pytest.param([(2, 3), (1, 3), (0, 3)], True, id="a third to come"),
        pytest.param([(0, 0), (0, 0)], True, id="nobody looked yet"),
    ],
)
def test_between_two_pins(sights: list[tuple[int, int]], rolling: bool) -> None:
    """A pin that no address shows waits to come or to leave; two that are both in use do not."""
    assert is_rolling([Sight(*one) for one in sights]) is rolling


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
