"""What differs between two maps: by line for the eye, by key for whoever counts. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from django.utils.translation import gettext as _

__all__ = ["HUNKS_SHOWN", "Hunk", "HunkLine", "Moved", "TextPiece", "hunks", "moved_entries"]

HUNKS_SHOWN: Final = 200  # a longer difference is read in a file, not on a page
_WORDS = re.compile(r"[\t ]+|[^\t :|=]+[:|=]?|[:|=]")


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A stretch of a line, and whether the other map does not have it."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class HunkLine:
    """One line. sign: "-", "+" or ""; old, new: its number in either map."""

    sign: str
    old: int | None
    new: int | None
    pieces: tuple[TextPiece, ...]


@dataclass(frozen=True, slots=True)
class Hunk:
    """The lines of one key: its comments and its entry."""

    key: str
    title: str
    lines: tuple[HunkLine, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """An entry that differs. was, becomes: the value as written, "" where there is none."""

    key: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class _Block:
    """A key with its line and the comments above it; "" holds what stands below the last entry."""

    first: int
    lines: tuple[str, ...]

    @property
    def value(self) -> str:
        """What stands behind the key."""
        return self.lines[-1].partition("\t")[2] if self.lines else ""


def moved_entries(old: str, new: str) -> tuple[Moved, ...]:
    """Return each entry that *old* and *new* do not both have alike, by key; comments do not count."""
    before, after = _blocks(old), _blocks(new)
    rows = []
    for key in sorted({*before, *after} - {""}):
        was = before[key].value if key in before else ""
        becomes = after[key].value if key in after else ""
        if was != becomes:
            rows.append(Moved(key, was, becomes))
    return tuple(rows)


def hunks(old: str, new: str) -> tuple[Hunk, ...]:
    """Return the difference by key, comments included; each map is sorted, so one pass over the keys is enough."""
    before, after = _blocks(old), _blocks(new)
    none = _Block(0, ())
    found = []
    for key in sorted({*before, *after}):
        was, becomes = before.get(key, none), after.get(key, none)
        if was.lines != becomes.lines:
            found.append(Hunk(key, _title(key, was, becomes), tuple(_lines(was, becomes))))
    return tuple(found)


def _blocks(text: str) -> dict[str, _Block]:
    """Return the map *text* by key."""
    found: dict[str, _Block] = {}
    gathered: list[str] = []
    number = 0
    for number, line in enumerate(text.splitlines(), start=1):
        gathered.append(line)
        if line and not line.startswith("#"):
            found[line.partition("\t")[0]] = _Block(number - len(gathered) + 1, tuple(gathered))
            gathered = []
    if gathered:
        found[""] = _Block(number - len(gathered) + 1, tuple(gathered))
    return found


def _title(key: str, was: _Block, becomes: _Block) -> str:
    """Say what happened to *key*."""
    if not key:
        return _("Comments at the end")
    if not was.lines:
        return _("%(key)s, new in line %(line)s") % {"key": key, "line": becomes.first + len(becomes.lines) - 1}
    last = was.first + len(was.lines) - 1
    if not becomes.lines:
        return _("%(key)s, gone from line %(line)s") % {"key": key, "line": last}
    return _("%(key)s, in place of line %(line)s") % {"key": key, "line": last}


def _lines(was: _Block, becomes: _Block) -> Iterator[HunkLine]:
    """Yield the removed and added lines; a line that stands in both is shown without a sign."""
    matcher = SequenceMatcher(None, was.lines, becomes.lines, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            for step in range(i2 - i1):
                whole = (TextPiece(was.lines[i1 + step], changed=False),)
                yield HunkLine("", was.first + i1 + step, becomes.first + j1 + step, whole)
            continue
        pairs = i2 - i1 == j2 - j1
        for index in range(i1, i2):
            other = becomes.lines[j1 + index - i1] if pairs else None
            yield HunkLine("-", was.first + index, None, _pieces(was.lines[index], other))
        for index in range(j1, j2):
            other = was.lines[i1 + index - j1] if pairs else None
            yield HunkLine("+", None, becomes.first + index, _pieces(becomes.lines[index], other))


def _pieces(line: str, other: str | None) -> tuple[TextPiece, ...]:
    """Return *line* with the words marked that *other* lacks; a new or removed line carries no mark."""
    if other is None:
        return (TextPiece(line, changed=False),)
    own, theirs = _WORDS.findall(line), _WORDS.findall(other)
    pieces: list[TextPiece] = []
    for tag, i1, i2, _j1, _j2 in SequenceMatcher(None, own, theirs, autojunk=False).get_opcodes():
        if i1 < i2:
            pieces.append(TextPiece("".join(own[i1:i2]), changed=tag != "equal"))
    return _joined(pieces)


def _joined(pieces: Sequence[TextPiece]) -> tuple[TextPiece, ...]:
    """Return *pieces* without equal stretches of a byte or a sign between two marks, which only flicker."""
    joined: list[TextPiece] = []
    for index, piece in enumerate(pieces):
        between = 0 < index < len(pieces) - 1 and len(piece.text.strip()) <= 3
        changed = piece.changed or (between and pieces[index - 1].changed and pieces[index + 1].changed)
        if joined and joined[-1].changed == changed:
            joined[-1] = TextPiece(joined[-1].text + piece.text, changed)
        else:
            joined.append(TextPiece(piece.text, changed))
    return tuple(joined)
