"""What moved for a channel, newest first: at its servers and in its DNS, edits, pins, releases, states."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.models import Change, Channel, ComplianceInterval, Pin
from partners.reports.outlook import Prospects
from partners.reports.partners import ChannelPage
from partners.reports.people import name_of
from partners.reports.sentences import team_sentence
from partners.reports.timeline import seen_changes

__all__ = ["ENTRIES", "Entry", "journal"]

ENTRIES: Final = 20
_TEXT_MAX: Final = 60
_STATES: dict[str, Promise] = {
    "compliant": gettext_lazy("as agreed"),
    "violated": gettext_lazy("violated"),
    "weaker": gettext_lazy("weaker"),
    "unknown": gettext_lazy("unknown"),
    "rolling": gettext_lazy("rolling"),
    "pending": gettext_lazy("pending"),
}
_ICONS: Final = {"compliant": "check", "violated": "octagon-x", "weaker": "shield-half", "rolling": "refresh"}
_HIDDEN: Final = {"pins", "authorities", "lowered_reason"}  # told by entries of their own, or beside another


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. moved: (what, before, after) of an edit. outlook, tone: what comes of it, in a sentence.

    taken_back: the key of an edit that was taken back and can be taken up again.
    """

    moment: datetime
    icon: str
    text: str
    by: str = ""
    moved: tuple[tuple[str, str, str], ...] = ()
    outlook: str = ""
    tone: str = ""
    taken_back: int | None = None

    @property
    def at(self) -> str:
        """The moment as it is shown."""
        return date_format(self.moment, "j M Y, H:i")


def journal(page: ChannelPage, prospects: Prospects | None = None) -> tuple[Entry, ...]:
    """Return the last entries of the channel of *page*; three queries beside what the page holds.

    prospects: says what comes of the changes that were seen.
    """
    changes = Change.objects.filter(channel=page.channel).select_related("author", "release")
    newest = list(changes.order_by("-made_at", "-pk")[:ENTRIES])
    entries = [*_changes(newest), *_pins(page.pins), *_states(page.intervals), *_seen(page.channel, prospects)]
    return tuple(sorted(entries, key=lambda one: one.moment, reverse=True)[:ENTRIES])


def _changes(changes: Sequence[Change]) -> Iterator[Entry]:
    told: set[int] = set()  # one release brings many changes of a channel, and is told once
    for change in changes:
        by = name_of(change.author)
        if change.before is None:
            yield Entry(change.made_at, "plus", _("Partner added"), by)
        elif change.after.get("removed") and not change.before.get("removed"):
            yield Entry(change.made_at, "trash", _("Entry taken out"), by)
        elif moved := tuple(_moved(change.before, change.after)):
            taken_back = change.pk if change.withdrawn_at else None
            text = _withdrawn(change) or _("Entry edited")
            yield Entry(change.made_at, "pencil", text, by, moved, taken_back=taken_back)
        if change.release is not None and change.release_id not in told:
            told.add(change.release.pk)
            text = _("Release %s published") % change.release.number
            yield Entry(change.release.published_at, "stack", text)


def _withdrawn(change: Change) -> str:
    return _("Edit, taken back since") if change.withdrawn_at else ""


def _moved(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each field that an edit moved, with what it was and became."""
    for name, value in after.items():
        if name not in _HIDDEN and before.get(name) != value:
            yield name, _short(before.get(name)), _short(value)


def _short(value: object) -> str:
    text = " ".join(str(one) for one in value) if isinstance(value, list) else " ".join(str(value or "").split())
    text = text or _("nothing")
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


def _seen(channel: Channel, prospects: Prospects | None) -> Iterator[Entry]:
    changes = seen_changes(channel)[:ENTRIES]
    outlooks = prospects.of(changes) if prospects else [("", "")] * len(changes)
    for one, (tone, outlook) in zip(changes, outlooks, strict=True):
        yield Entry(one.moment, "route" if one.is_dns else "eye", one.text, "", one.moved, outlook, tone)


def _pins(pins: Sequence[Pin]) -> Iterator[Entry]:
    for pin in pins:
        what = _("key") if pin.of_key else _("certificate")
        yield Entry(pin.proposed_at, "upload", _("Next %s announced") % what, name_of(pin.proposed_by))
        if pin.decided_at is not None:
            refused = pin.state == Pin.State.REFUSED
            text = _("Pin refused") if refused else _("Pin approved")
            word = f" “{pin.word}”" if pin.word else ""
            yield Entry(pin.decided_at, "ban" if refused else "user-check", text, f"{name_of(pin.decided_by)}{word}")
        if pin.seen_everywhere_at is not None:
            yield Entry(pin.seen_everywhere_at, "eye", _("Announced %s seen on every address") % what)
        if pin.retired_at is not None:
            yield Entry(pin.retired_at, "key", _("Old pin retired"))


def _states(intervals: Sequence[ComplianceInterval]) -> Iterator[Entry]:
    """Yield each move of the state, with the state before; *intervals* are newest first."""
    for at, interval in enumerate(intervals):
        before = str(_STATES[intervals[at + 1].state]) if at + 1 < len(intervals) else _("nothing known")
        after = str(_STATES[interval.state])
        cause = team_sentence(interval.cause) if interval.cause and interval.state != "pending" else ""
        yield Entry(interval.valid_from, _ICONS.get(interval.state, "eye"), cause, "", ((_("state"), before, after),))
