"""Tables as XLSX workbooks, however long: one row in memory at a time."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import IO, Final

from xlsxwriter import Workbook

__all__ = ["Cell", "workbook"]

Cell = str | int | datetime | None
_WIDTH: Final = 18  # characters
_TEXT_MAX: Final = 32_767  # of one cell (ECMA-376; a longer one makes Excel refuse the file)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML 1.0 cannot hold


def workbook(title: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> IO[bytes]:
    """Return a file with one sheet of *rows* below *head*, open at its beginning.

    Texts are texts to any sheet: nothing is taken for a formula or a link. Moments are dates in UTC, numbers numbers.
    """
    kept = TemporaryFile()  # noqa: SIM115  whoever hands it out closes it
    book = Workbook(kept, {"constant_memory": True, "remove_timezone": True, "default_date_format": "yyyy-mm-dd hh:mm"})
    sheet = book.add_worksheet(title[:31])
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, max(len(head) - 1, 0), _WIDTH)
    bold = book.add_format({"bold": True})
    for column, text in enumerate(head):
        sheet.write_string(0, column, text, bold)
    count = 0
    for count, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, datetime):
                sheet.write_datetime(count, column, cell.astimezone(UTC))
            elif isinstance(cell, int):
                sheet.write_number(count, column, cell)
            elif cell:
                sheet.write_string(count, column, _CONTROLS.sub(" ", cell)[:_TEXT_MAX])
    sheet.autofilter(0, 0, count, max(len(head) - 1, 0))
    book.close()
    kept.seek(0)
    return kept
