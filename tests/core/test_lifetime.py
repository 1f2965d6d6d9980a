"""Times of main.cf, and when mail that waits bounces."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.core.lifetime import first_bounce, queue_lifetime, seconds_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text, unit, seconds",
    [
        ("300s", "s", 300),
        ("300", "s", 300),
        ("5d", "d", 432_000),
        ("5", "d", 432_000),
        ("3h", "d", 10_800),
        (" 1w ", "s", 604_800),
    ],
)
def test_seconds(text: str, unit: str, seconds: int) -> None:
    """A number with a unit; without one it has the parameter's own."""
    assert seconds_of(text, unit) == seconds


@pytest.mark.parametrize("text", ["", "d", "5 d", "5days", "-1", "1.5h", "5D", "\u0665d", "3551w", "9" * 400])
def test_no_time(text: str) -> None:
    """What Postfix would not take is refused, whatever its size."""
    with pytest.raises(ValueError):
        seconds_of(text, "d")


def test_postfix_own_lifetime() -> None:
    """Five days, unless main.cf says otherwise; a bare number counts days."""
    assert queue_lifetime("") == queue_lifetime("5") == queue_lifetime("5d") == timedelta(days=5)


def test_the_shortest_lifetime_counts() -> None:
    """With two relay groups, the first bounce is of the one that gives up sooner."""
    assert first_bounce(NOON, [timedelta(days=5), timedelta(days=1)]) == NOON + timedelta(days=1)
