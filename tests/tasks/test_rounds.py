"""One round: what it claims, what it tells."""

import pytest
from django.db import DatabaseError
from structlog.testing import capture_logs

from partners.models import RoundRow
from partners.tasks.rounds import Round
from tests.actions.watched import watched

pytestmark = pytest.mark.django_db(transaction=True)


def told(one: Round) -> list[str]:
    """The events that *one* logs."""
    with capture_logs() as logged:
        one.run()
    return [line["event"] for line in logged]


def test_a_round_without_work_is_silent():
    """A tick that finds nothing due leaves no line in the log."""
    assert told(Round(stops=lambda: False)) == []


def test_a_round_with_work_tells_once():
    """What was claimed is accounted for, whatever came of it."""
    row = watched("nowhere.invalid")
    row.__class__.objects.update(due_at="2001-01-01T00:00Z")

    assert told(Round(stops=lambda: False)).count("probe.round") == 1


def test_a_round_with_work_leaves_its_row():
    """What it did, in which lane, and that it is over; one without work leaves none."""
    Round(stops=lambda: False).run()
    assert not RoundRow.objects.exists()
    row = watched("nowhere.invalid")
    row.__class__.objects.update(due_at="2001-01-01T00:00Z", asked_by="person")

    Round(asked=True, stops=lambda: False).run()

    kept = RoundRow.objects.get()
    assert (kept.lane, kept.vantage, kept.nexthops, kept.endpoints) == ("asked", "here", 1, 0)
    assert kept.finished_at is not None


def test_a_round_of_another_time_leaves_no_row():
    """What the demo invents of last month was no round of the watch, and no pace is taken from it."""
    row = watched("nowhere.invalid")
    row.__class__.objects.update(due_at="2001-01-01T00:00Z")

    assert Round(is_told=False, stops=lambda: False).run().nexthops == 1

    assert not RoundRow.objects.exists()


def test_a_round_whose_row_cannot_be_kept_goes_on(monkeypatch):
    """What is told is of less worth than what is done."""
    row = watched("nowhere.invalid")
    row.__class__.objects.update(due_at="2001-01-01T00:00Z")

    def broken(*_given, **_named):
        raise DatabaseError("no room")

    monkeypatch.setattr("partners.tasks.telling.tell_round", broken)

    assert Round(stops=lambda: False).run().nexthops == 1
