"""Drafts, candidates and releases as the pages show them."""

import difflib
from dataclasses import dataclass
from typing import Any

from partners.models import Approval, Artefact, Candidate, Change, Head, Release

__all__ = ["CandidatePage", "DiffLine", "ReleaseList", "active_artefact", "candidate_page", "release_list"]

HISTORY_ROWS = 50


@dataclass(frozen=True, slots=True)
class ReleaseList:
    """What waits, what is cut, what was."""

    drafts: tuple[Change, ...]
    candidates: tuple[Candidate, ...]
    releases: tuple[Release, ...]
    published: int | None


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference. sign: "+", "-" or " "."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class CandidatePage:
    """A candidate with its findings, worst first, and its difference per relay group."""

    candidate: Candidate
    findings: tuple[dict[str, Any], ...]
    blocks: int
    diffs: tuple[tuple[str, tuple[DiffLine, ...]], ...]
    approvals: tuple[Approval, ...]


def active_artefact(group: str) -> Artefact | None:
    """Return what relays of *group* fetch now, None before the first release or for an unknown group."""
    head = Head.objects.filter(pk=1).first()
    if head is None or head.release_id is None:
        return None
    return Artefact.objects.filter(release_id=head.release_id, group__name=group).first()


def release_list() -> ReleaseList:
    """Return drafts, open candidates and the newest releases, in four queries."""
    head = Head.objects.select_related("release").filter(pk=1).first()
    waiting = Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True)
    return ReleaseList(
        drafts=tuple(waiting.select_related("channel__partner", "author")),
        candidates=tuple(Candidate.objects.filter(state=Candidate.State.OPEN).select_related("author", "base")),
        releases=tuple(Release.objects.select_related("author", "approver", "published_by")[:HISTORY_ROWS]),
        published=head.release.number if head and head.release else None,
    )


def candidate_page(pk: int) -> CandidatePage | None:
    """Return the page of candidate *pk*, None if there is none."""
    candidate = Candidate.objects.select_related("author", "base", "release").filter(pk=pk).first()
    if candidate is None:
        return None
    before = {one.group_id: one.text for one in candidate.base.artefacts.all()} if candidate.base else {}
    diffs = tuple(
        (one.group.name, _diff(before.get(one.group_id, ""), one.text))
        for one in candidate.maps.select_related("group")
    )
    findings = tuple(sorted(candidate.findings, key=lambda one: not one.get("blocks", False)))
    approvals = candidate.approvals.select_related("person").filter(
        candidate_sha256=candidate.sha256, findings_sha256=candidate.findings_sha256
    )
    blocks = sum(1 for one in findings if one.get("blocks"))
    return CandidatePage(candidate, findings, blocks, diffs, tuple(approvals))


def _diff(old: str, new: str) -> tuple[DiffLine, ...]:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    return tuple(DiffLine(line[:1], line[1:]) for line in lines if not line.startswith(("---", "+++", "@@")))
