"""One round: what it claims, what it tells."""

import pytest
from structlog.testing import capture_logs

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
