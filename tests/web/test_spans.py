"""How pages tell days and minutes: by the calendar, and never as nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.reports.today_hands import duration, lasting
from partners.templatetags.states import breakable, in_days
from partners.web.rows import _left

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "hours, told", [(1, "today"), (13, "in 1 day"), (36, "in 2 days"), (-11, "today"), (-13, "1 day ago")]
)
def test_days_are_those_of_the_calendar(hours: int, told: str) -> None:
    """What ends tomorrow at one in the morning ends in a day, on every page alike."""
    assert in_days(NOON + timedelta(hours=hours), NOON) == told


def test_an_end_is_told_in_days() -> None:
    """Nine days are not a week, one is no plural, and what is over ran out."""
    assert [_left(days) for days in (-1, 0, 1, 9)] == ["Ran out", "Ends today", "Ends in 1 day", "Ends in 9 days"]


def test_no_span_is_nothing() -> None:
    """Nobody waits 0 minutes."""
    assert [duration(timedelta(seconds=seconds)) for seconds in (0, 59, 60)] == ["under 1 min", "under 1 min", "1 min"]


@pytest.mark.parametrize(
    "hours, told", [(1, "1 h"), (119, "4 days 23 h"), (11 * 24 + 13, "12 days"), (28 * 24 - 11, "28 days")]
)
def test_what_lasts_is_told_by_the_date_beside_it(hours: int, told: str) -> None:
    """Under "since 12 Nov" stands on the 24th that it lasts 12 days, whatever the hour."""
    assert lasting(NOON - timedelta(hours=hours), NOON) == told


def test_a_name_breaks_after_its_dots_and_holds_no_markup() -> None:
    """It comes from a certificate: an attacker's text."""
    assert breakable("mx.<b>.example") == "mx.<wbr>&lt;b&gt;.<wbr>example"
