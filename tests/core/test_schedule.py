"""When a row is due again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.schedule import (
    AFTER_END,
    INTERVAL,
    NEAR_END,
    NEAR_END_INTERVAL,
    RETRY_LONGEST,
    RETRY_SHORTEST,
    next_look,
    next_try,
    retry_wait,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MIDDLE = 0.5
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class TestAnswered:
    def test_once_an_interval(self):
        """A peer in good health comes round once an interval."""
        assert next_look(NOON, jitter=MIDDLE) == NOON + INTERVAL

    @given(st.floats(0, 1))
    def test_spread(self, jitter):
        """Jitter moves it by a tenth at most, so that a thousand rows do not meet."""
        assert 0.9 * INTERVAL <= next_look(NOON, jitter=jitter) - NOON <= 1.1 * INTERVAL

    def test_near_the_end(self):
        """In a certificate's last days a renewal is seen within minutes."""
        assert next_look(NOON, jitter=MIDDLE, not_after=NOON + NEAR_END) == NOON + NEAR_END_INTERVAL

    def test_at_the_end(self):
        """The moment after the end has a look of its own."""
        end = NOON + 10 * MINUTE
        assert next_look(NOON, jitter=MIDDLE, not_after=end) == end + AFTER_END

    def test_seconds_before_the_end(self):
        """Two looks are never closer than the shortest wait."""
        assert next_look(NOON, jitter=MIDDLE, not_after=NOON + timedelta(seconds=1)) == NOON + RETRY_SHORTEST

    def test_expired(self):
        """An expired certificate is no reason to hurry."""
        assert next_look(NOON, jitter=MIDDLE, not_after=NOON - HOUR) == NOON + INTERVAL


class TestFailed:
    def test_first(self):
        """The first failure is followed up soon."""
        assert next_try(NOON, failing_since=NOON, jitter=MIDDLE) == NOON + RETRY_SHORTEST

    def test_doubles(self):
        """A row that fails waits as long again as it has failed already."""
        assert next_try(NOON, failing_since=NOON - HOUR, jitter=MIDDLE) == NOON + HOUR

    @given(st.timedeltas(timedelta(0), timedelta(days=4000)))
    def test_bounds(self, failing):
        """It is never asked in a tight loop, and never forgotten."""
        assert RETRY_SHORTEST <= retry_wait(failing) <= RETRY_LONGEST

    @pytest.mark.parametrize("jitter", [-0.1, 1.1])
    def test_jitter_out_of_range(self, jitter):
        """A caller's mistake is told."""
        with pytest.raises(ValueError, match="jitter"):
            next_look(NOON, jitter=jitter)
