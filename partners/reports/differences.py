"""What differs between two maps: by line for the eye, by key for whoever counts. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from django.utils.translation import gettext as _

__all__ = ["HUNKS_SHOWN", "Compared", "Hunk", "HunkLine", "Moved", "TextPiece", "compared", "entries_among"]

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
class Compared:
    """What differs between two maps. moved: entries, without comments; hunks: lines, comments included; by key."""

    moved: tuple[Moved, ...]
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """A key with its line and the comments above it; "" holds what stands below the last entry."""

    first: int
    lines: tuple[str, ...]

    @property
    def value(self) -> str:
        """What stands behind the key."""
        return self.lines[-1].partition("\t")[2] if self.lines else ""


def compared(old: str, new: str) -> Compared:
    """Return what differs between *old* and *new*, by key.

    Of a hundred thousand lines a few differ: those are found as sets, and only their keys are read one by one.
    """
    old_lines, new_lines = old.split("\n"), new.split("\n")
    heads, new_heads = _heads(old_lines), _heads(new_lines)
    wanted = {line.partition("\t")[0] for line in set(old_lines) ^ set(new_lines) if line and line[0] != "#"}
    wanted |= {key for key in {*heads, *new_heads} if heads.get(key) != new_heads.get(key)}
    before, after = _blocks(old_lines, wanted, heads), _blocks(new_lines, wanted, new_heads)
    none = _Block(0, ())
    moved, found = [], []
    for key in sorted(wanted):
        was, becomes = before.get(key, none), after.get(key, none)
        if key and was.value != becomes.value:
            moved.append(Moved(key, was.value, becomes.value))
        found.append(Hunk(key, _title(key, was, becomes), tuple(_lines(was, becomes))))
    return Compared(tuple(moved), tuple(found))


def entries_among(text: str, keys: Collection[str]) -> dict[str, str]:
    """Return key -> value of those entries of the map *text* whose key is among *keys*."""
    found = {}
    for line in text.split("\n"):
        key, tab, value = line.partition("\t")
        if tab and key in keys and key[0] != "#":
            found[key] = value
    return found


def _heads(lines: Sequence[str]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return key -> how many, and which, comments stand above its entry; "" for those below the last entry."""
    found: dict[str, list[str]] = {}
    gathered: list[str] = []
    for index in [index for index, line in enumerate(lines) if not line or line[0] == "#"]:
        if index == len(lines) - 1 and not lines[index]:
            continue  # what stands behind the last line's end
        gathered.append(lines[index])
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if following and following[0] != "#":
            found[following.partition("\t")[0]] = gathered
            gathered = []
    if gathered:
        found[""] = gathered
    return {key: (len(above), tuple(above)) for key, above in found.items()}


def _blocks(
    lines: Sequence[str], wanted: Collection[str], heads: Mapping[str, tuple[int, tuple[str, ...]]]
) -> dict[str, _Block]:
    """Return the block of each key that is *wanted*: its comments and its line."""
    found: dict[str, _Block] = {}
    for number, line in enumerate(lines, start=1):
        if line and line[0] != "#" and (key := line.partition("\t")[0]) in wanted:
            count, above = heads.get(key, (0, ()))
            found[key] = _Block(number - count, (*above, line))
    if "" in wanted and "" in heads:
        count, above = heads[""]
        ends = len(lines) - 1 if lines and not lines[-1] else len(lines)
        found[""] = _Block(ends - count + 1, above)
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
