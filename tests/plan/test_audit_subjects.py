"""What the audit trail says is the same for everybody: a subject never goes through gettext."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOM = Path(__file__).parents[2] / "partners"


def translated(source: str) -> Iterator[int]:
    """Yield the lines on which audit.record() is given a subject that is not written there, as English text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
            subject = node.args[1]
            if not isinstance(subject, ast.JoinedStr | ast.Constant):
                yield node.lineno


def test_a_subject_that_follows_the_reader_is_found() -> None:
    """The rule sees a call of gettext, and a name behind which one may be."""
    found = translated('audit.record("a", _("pin %s") % 1)\naudit.record("a", subject)\naudit.record("a", f"pin {pk}")')

    assert list(found) == [1, 2]


@pytest.mark.parametrize("room", ["actions", "tasks", "management"])
def test_subjects_are_the_same_in_every_language(room: str) -> None:
    """An approver who reads German leaves the words by which the others' entries are found."""
    files = sorted((ROOM / room).rglob("*.py"))

    assert files
    assert [(path.name, line) for path in files for line in translated(path.read_text())] == []
