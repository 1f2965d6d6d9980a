"""Drafts, open candidates, the history of releases, and two releases side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db.models import Count, Max, QuerySet

from partners.core.names import lookup_keys
from partners.core.relay import RelaySettings
from partners.core.weakenings import weakenings
from partners.models import Artefact, Candidate, Change, Head, Nexthop, Release
from partners.reports.authorities import unreleased_groups
from partners.reports.changed import GroupDiff, PartnerRow, group_diff, partner_rows
from partners.reports.differences import Moved, compared, entries_among
from partners.reports.findings import Owner
from partners.reports.names import person_name
from partners.reports.relays import published_release
from partners.reports.released import LINES_SHOWN, read_maps, sizes_of

__all__ = [
    "Comparison",
    "DraftRow",
    "HistoryRow",
    "ReleaseList",
    "ReleasePage",
    "active_artefact",
    "compare_page",
    "release_list",
    "release_page",
]

HISTORY_ROWS: Final = 50
DRAFTS_SHOWN: Final = 200
CHOICES: Final = 200


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One change that waits to be cut."""

    pk: int
    partner: str
    keys: str
    who: str
    made_at: datetime
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One open candidate. state: bad where the guard blocks, weak where a second person is needed, else ok."""

    pk: int
    who: str
    cut_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One release."""

    number: int
    published_at: datetime
    who: str
    approver: str
    single_operator: bool
    reason: str
    changes: int
    is_published: bool


@dataclass(frozen=True, slots=True)
class ReleaseList:
    """What waits, what is cut, what was.

    drafts: the oldest DRAFTS_SHOWN of drafts_total, up to the key newest_draft. older: number below which the next page
    of the history begins, None on the last. moved: relay groups whose settings wait for a release.
    """

    drafts: tuple[DraftRow, ...]
    drafts_total: int
    newest_draft: int
    candidates: tuple[CandidateRow, ...]
    releases: tuple[HistoryRow, ...]
    published: Release | None
    older: int | None
    moved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapText:
    """A map as a page shows it; hidden: lines that only the file has; sha256: of the file."""

    artefact: Artefact
    text: str
    lines: int
    hidden: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """One release, byte for byte. further: how many changes it brought beside those that are told."""

    release: Release
    row: HistoryRow
    maps: tuple[MapText, ...]
    changes: tuple[DraftRow, ...]
    published: Release | None
    numbers: tuple[int, ...]
    further: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two releases. rows: what changes from *old* to *new* by partner; diffs: by relay group."""

    old: Release
    new: Release
    rows: tuple[PartnerRow, ...]
    diffs: tuple[GroupDiff, ...]
    numbers: tuple[int, ...]


def active_artefact(group: str) -> Artefact | None:
    """Return what relays of *group* fetch now, None before the first release or for an unknown group."""
    head = Head.objects.filter(pk=1).first()
    if head is None or head.release_id is None:
        return None
    return Artefact.objects.select_related("release").filter(release_id=head.release_id, group__name=group).first()


def release_list(*, before: int = 0) -> ReleaseList:
    """Return drafts, open candidates and a page of releases, in seven queries. before: a number, 0 for the newest."""
    published = published_release()
    waiting = Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True)
    counted = waiting.aggregate(total=Count("pk"), newest=Max("pk"))
    found = _releases().order_by("-number")
    page = list((found.filter(number__lt=before) if before else found)[: HISTORY_ROWS + 1])
    rows, further = page[:HISTORY_ROWS], len(page) > HISTORY_ROWS
    sizes = sizes_of(rows)
    return ReleaseList(
        drafts=tuple(_draft(one) for one in waiting.select_related("channel__partner", "author")[:DRAFTS_SHOWN]),
        drafts_total=counted["total"],
        newest_draft=counted["newest"] or 0,
        candidates=tuple(
            _candidate(one) for one in Candidate.objects.filter(state=Candidate.State.OPEN).select_related("author")
        ),
        releases=tuple(_history(one, published, sizes[one.pk]) for one in rows),
        published=published,
        older=rows[-1].number if rows and further else None,
        moved=unreleased_groups(),
    )


def release_page(number: int) -> ReleasePage | None:
    """Return release *number*, None if there is none, in seven queries."""
    release = _releases().filter(number=number).first()
    if release is None:
        return None
    published = published_release()
    artefacts = release.artefacts.defer("text").select_related("group").order_by("group__name")
    changes = release.changes.select_related("channel__partner", "author").order_by("pk")
    size = sizes_of([release])[release.pk]
    return ReleasePage(
        release,
        _history(release, published, size),
        tuple(map_text(one) for one in artefacts),
        _folded([_draft(one) for one in changes[:DRAFTS_SHOWN]]),
        published,
        _numbers(),
        max(size - DRAFTS_SHOWN, 0),
    )


def map_text(artefact: Artefact) -> MapText:
    """Return the map of *artefact*, as much of it as a page shows."""
    one = read_maps([artefact])[artefact.pk]
    return MapText(artefact, one.head, one.lines, max(one.lines - LINES_SHOWN, 0), one.sha256)


def compare_page(old: int, new: int, settings: Mapping[int, RelaySettings | str]) -> Comparison | None:
    """Return what changes from release *old* to *new*, None where there is none of that number; six queries.

    settings: by relay group, as they are now: what asks less is told by them.
    """
    found = {one.number: one for one in Release.objects.filter(number__in={old, new})}
    if not {old, new} <= found.keys():
        return None
    texts: dict[str, dict[int, str]] = {}
    groups: dict[str, int] = {}
    for one in Artefact.objects.filter(release__number__in={old, new}).select_related("group", "release"):
        texts.setdefault(one.group.name, {})[one.release.number] = one.text
        groups[one.group.name] = one.group_id
    pairs = [(group, by.get(old, ""), by.get(new, "")) for group, by in sorted(texts.items())]
    differences = {group: compared(was, becomes) for group, was, becomes in pairs}
    moved = {one.key: one for difference in differences.values() for one in difference.moved}
    less = _asks_less(pairs, groups, settings, moved)
    owners, whose = _owners_between(old, new, set(moved))
    return Comparison(
        old=found[old],
        new=found[new],
        rows=partner_rows(moved.values(), owners, less, {}, whose),
        diffs=tuple(group_diff(group, difference) for group, difference in differences.items()),
        numbers=_numbers(),
    )


def _asks_less(
    pairs: list[tuple[str, str, str]],
    groups: Mapping[str, int],
    settings: Mapping[int, RelaySettings | str],
    moved: Mapping[str, Moved],
) -> frozenset[str] | None:
    """Return the keys that ask less of the peer, None where a group's settings cannot be read."""
    keys: set[str] = set()
    concerned = {name for key in moved for name in (key, *lookup_keys(key.removeprefix(".")))}  # and what it would hide
    for group, was, becomes in pairs:
        relay = settings.get(groups[group])
        if not isinstance(relay, RelaySettings):
            return None
        old, new = entries_among(was, concerned), entries_among(becomes, concerned)
        keys |= {one.key for one in weakenings(old, new, relay, relay) if one.key in moved}
    return frozenset(keys)


def _owners_between(old: int, new: int, keys: set[str]) -> tuple[dict[str, Owner], dict[int, str]]:
    """Return whose each key is, and who changed what between the two releases."""
    low, high = sorted((old, new))
    rows = Nexthop.objects.filter(key__in=keys).select_related("channel__partner")
    owners = {row.key: Owner(row.channel.partner.name, row.channel_id) for row in rows}
    whose: dict[int, str] = {}
    changes = Change.objects.filter(release__number__gt=low, release__number__lte=high)
    for change in changes.select_related("channel__partner", "author").order_by("made_at", "pk"):
        whose[change.channel_id] = person_name(change.author)
        for key in [*(change.before or {}).get("nexthops", ()), *change.after.get("nexthops", ())]:
            owners.setdefault(key, Owner(change.channel.partner.name, change.channel_id))
    return owners, whose


def _releases() -> QuerySet[Release]:
    """Return the releases with their people."""
    return Release.objects.select_related("author", "approver", "published_by")


def _numbers() -> tuple[int, ...]:
    """Return the numbers one may choose from, newest first."""
    return tuple(Release.objects.values_list("number", flat=True)[:CHOICES])


def _draft(change: Change) -> DraftRow:
    before, after = change.before or {}, change.after
    return DraftRow(
        change.pk,
        change.channel.partner.name,
        ", ".join(after.get("nexthops", ())),
        person_name(change.author),
        change.made_at,
        "" if before.get("removed") else str(before.get("level", "")),
        "" if after.get("removed") else str(after.get("level", "")),
    )


def _folded(rows: list[DraftRow]) -> tuple[DraftRow, ...]:
    """Return one row per partner: from what it was before the first change to what it is after the last."""
    found: dict[str, DraftRow] = {}
    for row in rows:  # oldest first
        former = found.get(row.partner)
        found[row.partner] = replace(row, was=former.was) if former else row
    return tuple(sorted(found.values(), key=lambda row: row.partner.casefold()))


def _candidate(candidate: Candidate) -> CandidateRow:
    blocks = any(one.get("blocks") for one in candidate.findings)
    state = "bad" if blocks else "weak" if candidate.needs_second else "ok"
    return CandidateRow(candidate.pk, person_name(candidate.author), candidate.cut_at, state)


def _history(release: Release, published: Release | None, size: int) -> HistoryRow:
    return HistoryRow(
        number=release.number,
        published_at=release.published_at,
        who=person_name(release.published_by),
        approver=person_name(release.approver) if release.approver else "",
        single_operator=release.single_operator,
        reason=release.reason,
        changes=size,
        is_published=published is not None and published.pk == release.pk,
    )
