"""The lines that the published map holds for a channel, per relay group."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from partners.core.names import table_key
from partners.models import Artefact, Head
from partners.reports.drawings import MapLine, map_line
from partners.reports.released import read_maps

__all__ = ["Line", "as_lines", "published_lines"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line. groups: the relay groups that have it, "" where all do; mark: an id for the page."""

    text: str
    drawn: MapLine
    groups: str
    mark: str


def published_lines(keys: Sequence[str], letters: Mapping[str, str]) -> tuple[tuple[Line, ...], int | None]:
    """Return the lines of *keys* in the published release, and its number; None before the first.

    Two queries, and a third where the map was not read before. letters: digest -> "A" or "B", to mark the pins.
    """
    head = Head.objects.select_related("release").filter(pk=1, release__isnull=False).first()
    if head is None or head.release is None:
        return (), None
    rows = Artefact.objects.filter(release=head.release).select_related("group").order_by("group__name")
    artefacts = list(rows.only("sha256", "group__name"))
    maps, wanted = read_maps(artefacts), {table_key(key) for key in keys}
    found = {one.group.name: maps[one.pk].lines_of(wanted) for one in artefacts}
    return as_lines(found, letters), head.release.number


def as_lines(found: Mapping[str, Sequence[str]], letters: Mapping[str, str]) -> tuple[Line, ...]:
    """Return each line once, with the relay groups that have it where not all do."""
    groups: dict[str, list[str]] = defaultdict(list)
    for group, lines in found.items():
        for line in lines:
            groups[line].append(group)
    return tuple(
        Line(text, map_line(text, letters), "" if len(names) == len(found) else ", ".join(names), f"line-{number}")
        for number, (text, names) in enumerate(groups.items(), start=1)
    )
