"""Who stands the same channels at the same moment: every row once, and a tally that is their number."""

from collections import Counter

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from partners.actions.standings import look_after, restand_all, restand_missing
from partners.models import Standing, StandingTally
from tests.actions.people import editor
from tests.actions.test_alert_races import at_once
from tests.actions.watched import watched

pytestmark = pytest.mark.django_db(transaction=True)
CHANNELS, WORKERS = 30, 4


@pytest.fixture(autouse=True)
def postgresql() -> None:
    """On SQLite one writes at a time, and threads share a database in memory."""
    if connection.vendor != "postgresql":
        pytest.skip("set TLSPORTAL_TEST_DATABASE=postgresql")


def told() -> Counter[str]:
    """Return the tally by state, without what is none."""
    rows = StandingTally.objects.values_list("state").annotate(number=Sum("difference"))
    return Counter({state: number for state, number in rows if number})


def test_two_that_stand_what_has_no_row_yet() -> None:
    """An upgrade's `restand` and the tick meet: nobody fails, and nothing is counted twice."""
    eda = editor()
    with transaction.atomic():
        for number in range(CHANNELS):
            watched(f"p{number}.example", by=eda)
    Standing.objects.all().delete()
    StandingTally.objects.all().delete()

    at_once(restand_all, lambda: restand_missing(CHANNELS), restand_all, lambda: restand_missing(CHANNELS))
    at_once(*(lambda: look_after(CHANNELS) for _ in range(WORKERS)))

    assert Standing.objects.count() == CHANNELS
    assert told() == Counter(Standing.objects.values_list("state", flat=True))


def test_a_wrong_tally_is_mended_once() -> None:
    """Of two that find it at once, the later one finds nothing any more."""
    with transaction.atomic():
        watched("p0.example", by=editor())
    restand_all()
    StandingTally.objects.all().delete()

    at_once(*(restand_all for _ in range(WORKERS)))

    assert told() == Counter(Standing.objects.values_list("state", flat=True))
