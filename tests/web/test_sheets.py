"""What a spreadsheet gets: text alone, whatever it takes for a separator."""

import csv
import re
from io import StringIO

import pytest
from django.utils.translation import override

from partners.web.sheets import plain_cell, sheet

HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "＝1",  # noqa: RUF001  the full-width form
    "x\";=cmd|' /C calc'!A0",
    "Acme;=1",
    "Acme; -1",
    'Acme;"=1',
    'Acme,"@x',
    "Acme|+1",
    "Acme\r\n=1",
    "Acme\n;=1",
    ";;=1",
    '";"=1',
    "'=1;=2",
]


def naive_cells(line: str, separator: str) -> list[str]:
    """The cells of *line* for a program that splits at *separator* and drops marks of quotation where it likes."""
    return [cell.replace('"', "").strip() for cell in re.split(f"[{separator}\r\n]", line)]


def text_of(rows: list[list[str]], language: str = "en") -> str:
    with override(language):
        return sheet("x.csv", ["partner", "cause"], rows).getvalue().decode()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_begins_with_a_sign(name: str, language: str, separator: str) -> None:
    """In the file of either language, split at any separator, with or without regard for quotes."""
    text = text_of([[name, "fine"], ["fine", name]], language)

    careful = [cell.strip() for row in csv.reader(StringIO(text), delimiter=separator) for cell in row]
    for cell in [*careful, *naive_cells(text, separator)]:
        assert not cell.startswith(("=", "+", "-", "@", "＝"))  # noqa: RUF001


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_makes_no_second_row(name: str) -> None:
    """A line break in a name ends no row."""
    assert text_of([[name, "x"]]).count("\r\n") == 2


def test_every_cell_is_quoted_behind_the_mark_of_utf8() -> None:
    """Excel reads umlauts then, and a number stays the text it is."""
    assert text_of([["Müller", "0123"]]) == '\ufeff"partner","cause"\r\n"Müller","0123"\r\n'


def test_a_german_sheet_is_separated_by_semicolons() -> None:
    """As a German Excel expects."""
    assert text_of([["Müller", "x"]], "de").splitlines()[1] == '"Müller";"x"'


@pytest.mark.parametrize(
    "text", ["mx.example.com", "a-b", "x = y", "2026-11-24T08:00:00+00:00", "a@b.example", "R&D; b"]
)
def test_ordinary_text_stays(text: str) -> None:
    """A sign inside a word computes nothing."""
    assert plain_cell(text) == text
