"""What a screen on a wall shows: the house's numbers, and names only where the link's maker chose so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from partners.models import WallLink
from partners.reports.agreements import AgreementRow, Chosen
from partners.reports.compliance import Compliance, compliance_report
from partners.reports.drawings import Slice, share
from partners.reports.people import name_of

__all__ = ["StateCount", "Wall", "WallRow", "wall", "wall_links"]

NAMED: Final = 8
_LISTED: Final = 200
# state -> what the style sheet calls it, kept first and stopped last
_COLOURS: Final = {
    "compliant": "ok",
    "rolling": "roll",
    "weaker": "weak",
    "pending": "pend",
    "unknown": "unk",
    "violated": "bad",
}
_LANGUAGE_NAMES: Final = dict(settings.LANGUAGES)


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many agreements stand in a state."""

    state: str
    count: int


@dataclass(frozen=True, slots=True)
class Wall:
    """The whole screen. named: whom it is about, worst first, empty without leave; unnamed: how many more there are."""

    report: Compliance
    states: tuple[StateCount, ...]
    slices: tuple[Slice, ...]
    named: tuple[AgreementRow, ...]
    unnamed: int


@dataclass(frozen=True, slots=True)
class WallRow:
    """A link, as the page of links lists it."""

    pk: int
    label: str
    language: str
    shows_names: bool
    made_by: str
    made_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def wall(link: WallLink, *, now: datetime) -> Wall:
    """Return what the screen of *link* shows as of *now*; at most ten queries."""
    report = compliance_report(now=now, chosen=Chosen(group="open"), in_full=False)
    found = [(word, report.tally.states.get(word, 0)) for word in _COLOURS]
    named = report.rows[:NAMED] if link.shows_names else ()
    return Wall(
        report=report,
        states=tuple(StateCount(word, count) for word, count in found if count),
        slices=share([(_COLOURS[word], count) for word, count in found]),
        named=named,
        unnamed=max(report.open_total - len(named), 0),
    )


def wall_links() -> tuple[WallRow, ...]:
    """Return the links, newest first, revoked ones last, in one query."""
    rows = WallLink.objects.select_related("made_by")[:_LISTED]
    found = [
        WallRow(
            row.pk,
            row.label,
            _LANGUAGE_NAMES.get(row.language, row.language),
            row.shows_names,
            name_of(row.made_by),
            row.made_at,
            row.used_at,
            row.revoked_at,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda row: row.revoked_at is not None))
