"""When a row is due again."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.schedule import (
    AFTER_END,
    INTERVAL,
    NEAR_END,
    RETRY_LONGEST,
    RETRY_SHORTEST,
    SOON_INTERVAL,
    Quiet,
    next_look,
    next_try,
    provider_of,
    quiet_until,
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
        assert next_look(NOON, jitter=MIDDLE, not_after=NOON + NEAR_END) == NOON + SOON_INTERVAL

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


class TestSooner:
    def test_soon(self):
        """What moved a moment ago is looked at again soon; a partner's shorter interval stands."""
        assert next_look(NOON, jitter=MIDDLE, is_soon=True) == NOON + SOON_INTERVAL
        often = timedelta(minutes=5)
        assert next_look(NOON, jitter=MIDDLE, is_soon=True, interval=often) == NOON + often

    def test_own_interval(self):
        """A partner that is looked at once a day is due a day later."""
        assert next_look(NOON, jitter=MIDDLE, interval=timedelta(days=1)) == NOON + timedelta(days=1)


class TestQuiet:
    NIGHT = Quiet(time(22), time(6), ZoneInfo("Europe/Berlin"))

    @pytest.mark.parametrize(
        ("now", "ends"),
        [
            pytest.param(datetime(2026, 11, 24, 20, 59, tzinfo=UTC), None, id="before"),
            pytest.param(
                datetime(2026, 11, 24, 21, tzinfo=UTC), datetime(2026, 11, 25, 5, tzinfo=UTC), id="in the evening"
            ),
            pytest.param(
                datetime(2026, 11, 25, 4, 59, tzinfo=UTC), datetime(2026, 11, 25, 5, tzinfo=UTC), id="in the morning"
            ),
            pytest.param(datetime(2026, 11, 25, 5, tzinfo=UTC), None, id="at the end"),
        ],
    )
    def test_over_midnight(self, now, ends):
        """Hours may go over midnight; they are those of the portal's time zone."""
        assert quiet_until(now, [self.NIGHT]) == ends

    def test_summer_time(self):
        """In summer the same hours begin an hour earlier by UTC."""
        assert quiet_until(datetime(2026, 7, 1, 20, 30, tzinfo=UTC), [self.NIGHT]) is not None

    def test_a_shared_address(self):
        """An address of two partners is quiet only while both want it so, and until the first one does not."""
        noon = Quiet(time(20), time(4), ZoneInfo("UTC"))
        at = datetime(2026, 11, 24, 22, tzinfo=UTC)

        assert quiet_until(at, [self.NIGHT, noon]) == datetime(2026, 11, 25, 4, tzinfo=UTC)
        assert quiet_until(at, [self.NIGHT, None]) is None
        assert quiet_until(at, []) is None

    def test_no_hours(self):
        """Hours that end as they begin are none."""
        assert quiet_until(NOON, [Quiet(time(3), time(3), ZoneInfo("UTC"))]) is None


@pytest.mark.parametrize(
    ("mx_host", "provider"),
    [
        ("acme-de.mail.protection.outlook.com", "outlook.com"),
        ("MX.Acme.co.uk.", "acme.co.uk"),
        ("mx1.bank.de", "bank.de"),
        ("bank.de", "bank.de"),
        ("localhost", "localhost"),
    ],
)
def test_provider(mx_host, provider):
    """The base domain of an MX host stands for who runs it."""
    assert provider_of(mx_host) == provider
