"""Released maps, each read once a process: an artefact never changes, and may have a hundred thousand lines."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final

from django.db.models import Count

from partners.core.names import table_key
from partners.models import Artefact, Change, Release

__all__ = ["LINES_SHOWN", "ReadMap", "keep", "kept", "read_maps", "sizes_of"]

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


_Key = tuple[int, str]  # row and hash: never stale
_read: OrderedDict[_Key, ReadMap] = OrderedDict()
_sizes: OrderedDict[tuple[int, datetime], int] = OrderedDict()
_reading = Lock()  # of both: the web process has threads


def read_maps(artefacts: Iterable[Artefact]) -> dict[int, ReadMap]:
    """Return the map of each of *artefacts*, whose text may be deferred; one query for those not read before."""
    rows = {one.pk: (one.pk, one.sha256) for one in artefacts}
    known = kept(rows.values())
    found = {pk: known[key] for pk, key in rows.items() if key in known}
    if missing := rows.keys() - found.keys():
        for pk, text in Artefact.objects.filter(pk__in=missing).values_list("pk", "text"):
            found[pk] = keep(rows[pk], text)
    return found


def kept(keys: Iterable[_Key]) -> dict[_Key, ReadMap]:
    """Return those of *keys* that were read before."""
    with _reading:
        return {key: _read[key] for key in keys if key in _read}


def keep(key: _Key, text: str) -> ReadMap:
    """Read *text* and keep it under *key*; what was read first goes, where it is too much for one process."""
    one = _of_text(text)
    with _reading:
        _read[key] = one
        while len(_read) > 1 and sum(len(other.text) for other in _read.values()) > _KEPT_CHARACTERS:
            _read.popitem(last=False)
    return one


def sizes_of(releases: Iterable[Release]) -> dict[int, int]:
    """Return how many changes each of *releases* holds; one query for those not counted before."""
    rows = {one.pk: (one.pk, one.published_at) for one in releases}
    with _reading:
        sizes = {pk: _sizes[key] for pk, key in rows.items() if key in _sizes}
    if missing := rows.keys() - sizes.keys():
        counted = Change.objects.filter(release__in=missing).order_by().values_list("release").annotate(n=Count("pk"))
        sizes |= dict.fromkeys(missing, 0) | dict(counted)
        with _reading:
            _sizes.update((rows[pk], sizes[pk]) for pk in missing)
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
