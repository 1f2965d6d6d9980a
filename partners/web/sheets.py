"""Tables as files for a spreadsheet: whatever a name holds, no sheet computes it."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.http import StreamingHttpResponse
from django.utils.translation import get_language

__all__ = ["plain_cell", "sheet"]

_BOM: Final = "\ufeff"  # without it Excel reads UTF-8 as a code page of its own
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
# A sheet computes a cell that begins with one of these signs (OWASP, CSV injection; the wide forms count in Excel too).
_SIGNS: Final = "=+\\-@＝＋－＠"  # noqa: RUF001  meant: the full-width forms
# It begins a cell after each separator it knows. A German Excel splits a comma-separated line at ";" alone, and then
# the marks of quotation do not hold any more: what follows a separator inside a text is a cell of its own.
_FORMULA: Final = re.compile(rf"(^|[;,|])(?=[\s\"']*[{_SIGNS}])")


class _Echo:
    """A file whose written lines are handed back at once."""

    def write(self, text: str) -> str:
        """Return *text*."""
        return text


def sheet(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> StreamingHttpResponse:
    """Hand out *rows* below *head* as the file *name*, line by line, with every cell quoted and made plain.

    Cells are separated by what the reader's spreadsheet takes for a separator: ";" in German, else ",".
    """
    answer = StreamingHttpResponse(_lines(head, rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def plain_cell(text: str) -> str:
    """Return *text* with a quote before each sign that a sheet would compute from, and without control characters."""
    return _FORMULA.sub(r"\1'", _CONTROLS.sub(" ", text))


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of the file, one row in memory at a time."""
    separator = ";" if (get_language() or "").startswith("de") else ","
    writer = csv.writer(_Echo(), delimiter=separator, quoting=csv.QUOTE_ALL)
    yield _BOM + str(writer.writerow(head))
    for row in rows:
        yield str(writer.writerow([plain_cell(cell) for cell in row]))
