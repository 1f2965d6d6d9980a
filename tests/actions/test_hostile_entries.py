"""No text that a person types or a file holds puts a second line, attribute or comment into the map."""

import pytest

from partners.actions.imports import import_policy
from partners.actions.partners import add_partner
from partners.actions.releases import cut
from partners.core.errors import PortalError
from partners.models import Change, RelayGroup
from tests.actions.people import NOON, editor

pytestmark = pytest.mark.django_db

MARKS = [
    "\n", "\r", "\r\n", "\t", "\0", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\ufeff", "\u202e", "#", " ", ",",
    ";",
]  # fmt: skip
FIELDS = ("nexthops", "match", "protocols", "ciphers", "exclude", "servername", "comment")
START = {"nexthops": "a.example", "level": "secure", "agreed": "none", "match": "nexthop"}
LINES = (
    "a.example{}secure match=b.example",
    "a.example secure{}match=b.example",
    "a.example secure match=b.example{}evil.example none",
    "# note{}evil.example none\na.example secure",
    "{}a.example secure",
    "b{}a.example secure",
)


def written() -> str:
    """The map of all drafts there are."""
    changes = list(Change.objects.all())
    return cut(changes, by=changes[0].author, now=NOON).maps.get().text


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("mark", MARKS, ids=ascii)
def test_a_field_stays_in_its_place(field: str, mark: str) -> None:
    """It is refused, or it stands in the comment: the one entry is as it was meant."""
    RelayGroup.objects.create(name="main")
    try:
        add_partner(
            "Acme", **{**START, field: f"{START.get(field, 'high')}{mark}evil.example none"}, by=editor(), now=NOON
        )
    except PortalError:
        return

    *comments, entry, end = written().split("\n")
    assert field == "comment"
    assert (entry, end) == ("a.example\tsecure match=nexthop", "")
    assert all(line.startswith("# ") and len(line.splitlines()) == 1 for line in comments)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("mark", MARKS, ids=ascii)
def test_an_imported_line_is_what_postfix_reads(mark: str, line: str) -> None:
    """Only a line feed ends a line; what is no entry is told with its number."""
    report = import_policy(line.format(mark).encode(), by=editor(), now=NOON)

    assert report.lines
    if Change.objects.exists():
        text = written()
        assert "evil.example\t" not in text or mark.endswith("\n")
        assert text.splitlines() == text.removesuffix("\n").split("\n")
        assert all(one.startswith("# ") or one.count("\t") == 1 for one in text.splitlines())
