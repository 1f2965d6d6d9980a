"""Released maps, each read once a process: an artefact never changes, and may have a hundred thousand lines."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count

from partners.core.names import table_key
from partners.models import Artefact, Change, Release

__all__ = ["LINES_SHOWN", "ReadMap", "read_maps", "sizes_of"]

LINES_SHOWN: Final = 1000
_KEPT_CHARACTERS: Final = 32_000_000
_SIZES_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class ReadMap:
    """A map as a page needs it. head: its first lines; sha256: of the file; starts: where the line of a key begins."""

    text: str
    head: str
    lines: int
    sha256: str
    starts: dict[str, int]

    def lines_of(self, keys: Collection[str]) -> list[str]:
        """Return the lines of *keys* (folded), in the order of the map."""
        begins = sorted(self.starts[key] for key in keys if key in self.starts)
        return [self._line(begin) for begin in begins]

    def _line(self, begin: int) -> str:
        end = self.text.find("\n", begin)
        return self.text[begin:] if end < 0 else self.text[begin:end]


_read: OrderedDict[tuple[int, str], ReadMap] = OrderedDict()  # by row and hash: never stale
_sizes: OrderedDict[tuple[int, datetime], int] = OrderedDict()


def read_maps(artefacts: Iterable[Artefact]) -> dict[int, ReadMap]:
    """Return the map of each of *artefacts*, whose text may be deferred; one query for those not read before."""
    rows = {one.pk: (one.pk, one.sha256) for one in artefacts}
    missing = [pk for pk, key in rows.items() if key not in _read]
    found = {pk: _read[key] for pk, key in rows.items() if key in _read}
    if missing:
        texts = Artefact.objects.filter(pk__in=missing).values_list("pk", "text")
        for pk, text in texts:
            found[pk] = _read[rows[pk]] = _of_text(text)
        while len(_read) > 1 and sum(len(one.text) for one in _read.values()) > _KEPT_CHARACTERS:
            _read.popitem(last=False)
    return found


def sizes_of(releases: Iterable[Release]) -> dict[int, int]:
    """Return how many changes each of *releases* holds; one query for those not counted before."""
    rows = {one.pk: (one.pk, one.published_at) for one in releases}
    missing = [pk for pk, key in rows.items() if key not in _sizes]
    if missing:
        counted = Change.objects.filter(release__in=missing).order_by().values_list("release").annotate(n=Count("pk"))
        numbers = dict(counted)
        for pk in missing:
            _sizes[rows[pk]] = numbers.get(pk, 0)
    sizes = {pk: _sizes[key] for pk, key in rows.items()}
    while len(_sizes) > _SIZES_KEPT:
        _sizes.popitem(last=False)
    return sizes


def _of_text(text: str) -> ReadMap:
    """Read *text* once: where each key's line begins, the first of several for one key."""
    starts: dict[str, int] = {}
    begin = lines = shown = 0
    for line in text.splitlines(keepends=True):
        lines += 1
        key, tab, _rest = line.partition("\t")
        if tab:
            starts.setdefault(table_key(key), begin)
        begin += len(line)
        shown = begin if lines == LINES_SHOWN else shown
    head = text[:shown] if lines > LINES_SHOWN else text
    return ReadMap(text, head, lines, hashlib.sha256(text.encode()).hexdigest(), starts)
