"""The line of 90 days, from the intervals of compliance."""

from datetime import date, timedelta

import pytest

from partners.models import ComplianceInterval, Release
from partners.reports.charts import trend_chart
from partners.reports.trend import Mark, Point, trend
from tests.actions.people import NOON, editor
from tests.reports.world import agreement

DAY = timedelta(days=1)


def points(*shares: int) -> list[Point]:
    return [Point(date(2026, 11, 1) + DAY * index, share, 100) for index, share in enumerate(shares)]


@pytest.mark.django_db
def test_each_day_counts_what_stood_at_its_end():
    """Violated for two days in the middle: the share falls and comes back."""
    team = editor()
    agreement("Steady", "compliant", by=team, since=NOON - 100 * DAY)
    row = agreement("Shaky", "rolling", by=team, since=NOON - 3 * DAY)
    for state, begins, ends in (("compliant", 100, 5), ("violated", 5, 3)):
        ComplianceInterval.objects.create(
            channel=row,
            state=state,
            valid_from=NOON - begins * DAY,
            valid_to=NOON - ends * DAY,
            recorded_at=NOON,
        )

    shares = [point.share for point in trend(now=NOON).points[-7:]]

    assert shares == [100, 50, 50, 100, 100, 100, 100]


@pytest.mark.django_db
def test_the_line_begins_when_something_was_judged():
    """Days before the first judgement are no zero."""
    agreement("New", "compliant", by=editor(), since=NOON - 2 * DAY)

    assert [point.total for point in trend(now=NOON).points] == [1, 1, 1]


@pytest.mark.django_db
def test_releases_are_lettered_oldest_first():
    """A release of the last 90 days is marked with who published it."""
    team = editor()
    for number, days in ((1, 200), (2, 20), (3, 2)):
        Release.objects.create(
            number=number, author=team, needs_second=False, published_at=NOON - days * DAY, published_by=team
        )

    assert [(mark.letter, mark.number) for mark in trend(now=NOON).marks] == [("A", 2), ("B", 3)]


def test_one_day_is_no_line():
    """A line needs two days."""
    assert trend_chart(points(100), []) is None


@pytest.mark.parametrize("shares", [(100, 100), (0, 100), (98, 97, 99), (50, 0, 0)])
def test_the_line_stays_inside(shares: tuple[int, ...]):
    """Whatever the shares, the path stays between the top and the foot, and at most six lines cross."""
    chart = trend_chart(points(*shares), [])

    heights = [float(part.split()[1]) for part in chart.line.removeprefix("M").split(" L")]
    assert min(heights) >= 12 and max(heights) <= chart.foot
    assert 2 <= len(chart.grid) <= 6


def test_letters_that_would_cover_each_other_stand_together():
    """Three releases on one day share a place, and no letter is lost."""
    marks = [Mark(letter, 1, NOON, "eda", "") for letter in "ABC"]

    chart = trend_chart([Point(NOON.date() + DAY * step, 1, 1) for step in range(-30, 1)], marks)

    assert [mark.letter for mark in chart.marks] == ["A-C"]
