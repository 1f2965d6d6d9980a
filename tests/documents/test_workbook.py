"""A workbook holds texts as texts, whatever they look like, and numbers and moments as such."""

import zipfile
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from partners.documents.workbook import Cell, workbook

NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def cells(*row: Cell) -> list[tuple[str, str]]:
    """Return the second row of a workbook, as its file holds it: kind and content of each cell."""
    with workbook("Partners", [f"head {number}" for number in range(len(row))], [row]) as kept:
        sheet = zipfile.ZipFile(kept).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet  # a formula
    assert "<hyperlink" not in sheet
    second = ET.fromstring(sheet).findall(f".//{NS}row")[1]
    return [(cell.get("t", "n"), "".join(cell.itertext())) for cell in second]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "@SUM(A1)", "http://x.example", "{=1}", "mailto:a@b", "=cmd|' /C calc'!A0"]
)
def test_text_is_never_computed(text: str) -> None:
    """What a sheet would take for a formula or a link stays what was typed."""
    assert cells(text) == [("inlineStr", text)]


def test_kinds() -> None:
    """A number is a number, a moment the number of its day, nothing is no cell."""
    (name, taking, ends) = cells("Fjordbank", 3, datetime(2026, 11, 24, 12, tzinfo=UTC))

    assert name == ("inlineStr", "Fjordbank")
    assert taking == ("n", "3")
    assert float(ends[1]) == 46350.5


def test_signs_that_xml_cannot_hold() -> None:
    """A control character in a name makes no broken file."""
    assert cells("a\x00b\x1f\x0bc") == [("inlineStr", "a b  c")]
