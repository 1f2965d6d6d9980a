"""The audit trail as its page shows it: filtered, newest first, a page at a time by key."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext_lazy as _

from partners.models import AuditEntry
from partners.reports.names import person_name
from partners.reports.subjects import partners_of

__all__ = ["ACTS", "AuditFilter", "AuditPage", "AuditRow", "act_word", "audit_page", "audit_rows"]

PAGE_ROWS: Final = 50
_TEXT_MAX: Final = 200
_PORTAL: Final = "portal"  # how the filter names what nobody asked for

# act as it is written -> what a person did. An act that is not here is shown as it is written.
ACTS: dict[str, Promise] = {
    "alert.acknowledged": _("looks after an alert"),
    "alert.snoozed": _("let an alert rest"),
    "authority.added": _("trusted a partner's own CA"),
    "authority.removed": _("no longer trusts a partner's own CA"),
    "bulk.done": _("changed many partners at once"),
    "bulk.undone": _("undid what was changed at once"),
    "candidate.abandoned": _("gave a candidate up"),
    "candidate.approved": _("approved a candidate"),
    "candidate.cut": _("cut a candidate"),
    "change.withdrawn": _("took a draft back"),
    "demo.filled": _("filled the portal with invented partners"),
    "channel.added": _("added a channel"),
    "channel.edited": _("edited a channel"),
    "channel.lowered": _("lowered a level for a time"),
    "channel.relaxation-ended": _("ended a lowered level"),
    "channel.relaxation-returned": _("brought a lowered level back on its day"),
    "channel.removed": _("gave a channel up"),
    "invitation.accepted": _("accepted an invitation"),
    "invitation.approved": _("agreed to an invitation"),
    "invitation.link-renewed": _("renewed the link of an invitation"),
    "invitation.link-shown": _("was shown the link of an invitation"),
    "invitation.made": _("invited somebody"),
    "invitation.revoked": _("revoked an invitation"),
    "look.asked": _("asked for a look before adding"),
    "notice-target.added": _("tells alerts to an address"),
    "notice-target.removed": _("tells alerts to an address no more"),
    "notice-target.secret-renewed": _("made a new secret for a webhook"),
    "own-certificate.added": _("told partners of a certificate of ours"),
    "own-certificate.removed": _("told partners of a certificate of ours no more"),
    "partner-notices.set": _("set a partner's notices"),
    "pin.approved": _("approved a pin"),
    "pin.backup": _("keeps a pin as a backup"),
    "pin.proposed": _("announced a pin"),
    "pin.refused": _("refused a pin"),
    "pin.retiring": _("retires a pin"),
    "pin.withdrawn": _("took a pin back"),
    "policy.imported": _("imported a policy"),
    "probe-hours.set": _("set when a partner is looked at"),
    "probe.asked": _("asked for a look"),
    "vantage-token.made": _("made a token for a probe elsewhere"),
    "vantage-token.revoked": _("revoked a token of a probe elsewhere"),
    "relay-group.added": _("added a relay group"),
    "relay-group.changed": _("changed a relay group"),
    "relay-group.proposed": _("proposed a change of a relay group"),
    "relay-group.refused": _("refused a change of a relay group"),
    "relay-token.made": _("made a relay token"),
    "relay-token.revoked": _("revoked a relay token"),
    "release.published": _("published a release"),
    "release.rolling-back": _("rolls back to a release"),
    "saved-view.saved": _("saved a view of the list"),
    "saved-view.changed": _("changed a view of the list"),
    "saved-view.removed": _("removed a view of the list"),
    "saved-view.opens-first": _("chose what the list opens with"),
    "single-operator.ended": _("ended the single-operator mode"),
    "wall-link.made": _("made a link to the wall view"),
    "wall-link.revoked": _("revoked a link to the wall view"),
}


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What a reader asks for; each is empty where it is not asked. since, until: days, both included."""

    person: str = ""
    act: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, given: Any) -> "AuditFilter":
        """Read a query string; what cannot be read is not asked for."""
        return cls(
            person=_text(given.get("person", "")),
            act=_text(given.get("act", "")),
            subject=_text(given.get("subject", "")),
            since=_day(given.get("since", "")),
            until=_day(given.get("until", "")),
        )

    @property
    def is_empty(self) -> bool:
        """Whether everything is asked for."""
        return self == AuditFilter()


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry. who: "" for what the portal did by itself.

    partner, channel: whose channel, pin or partner the subject is; channel is 0 where no page of it is left.
    """

    number: int
    at: datetime
    who: str
    act: str
    act_word: str
    subject: str
    detail: tuple[tuple[str, str], ...]
    entry_hash: str
    prev_hash: str
    partner: str = ""
    channel: int = 0


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of entries. older: the number below which the next page begins; last: the newest entry of all."""

    rows: tuple[AuditRow, ...]
    older: int | None
    last: AuditRow | None


def act_word(act: str) -> str:
    """Return what *act* says, in the reader's language."""
    return str(ACTS.get(act, act))


def audit_page(wanted: AuditFilter, *, before: int = 0) -> AuditPage:
    """Return a page of the entries that *wanted* asks for, in five queries, however deep it lies."""
    found = _filtered(wanted)
    if before:
        found = found.filter(pk__lt=before)
    entries = list(found[: PAGE_ROWS + 1])
    rows = tuple(_row(one) for one in entries[:PAGE_ROWS])
    whose = partners_of([one.subject for one in rows])
    named = [(one, *whose.get(one.subject, ("", 0))) for one in rows]
    rows = tuple(replace(one, partner=partner, channel=channel) for one, partner, channel in named)
    last = AuditEntry.objects.select_related("by").first()
    older = rows[-1].number if len(entries) > PAGE_ROWS else None
    return AuditPage(rows, older, _row(last) if last else None)


def audit_rows(wanted: AuditFilter) -> Iterator[AuditRow]:
    """Yield every entry that *wanted* asks for, newest first, without holding them all."""
    for entry in _filtered(wanted).iterator(chunk_size=1000):
        yield _row(entry)


def _filtered(wanted: AuditFilter) -> QuerySet[AuditEntry]:
    """Return the entries that *wanted* asks for, newest first."""
    found = AuditEntry.objects.select_related("by").order_by("-pk")
    if wanted.person == _PORTAL:
        found = found.filter(by__isnull=True)
    elif wanted.person:
        found = found.filter(by__email__icontains=wanted.person)
    if wanted.act:
        found = found.filter(act=wanted.act)
    if wanted.subject:
        found = found.filter(subject__icontains=wanted.subject)
    if wanted.since:
        found = found.filter(at__gte=_midnight(wanted.since))
    if wanted.until:
        found = found.filter(at__lt=_midnight(wanted.until + timedelta(days=1)))
    return found


def _row(entry: AuditEntry) -> AuditRow:
    return AuditRow(
        number=entry.pk,
        at=localtime(entry.at),
        who=person_name(entry.by) if entry.by else "",
        act=entry.act,
        act_word=act_word(entry.act),
        subject=entry.subject,
        detail=tuple((name, _short(value)) for name, value in sorted(entry.detail.items())),
        entry_hash=entry.entry_hash,
        prev_hash=entry.prev_hash,
    )


def _short(value: object) -> str:
    """Return a value of the detail in one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _text(text: str) -> str:
    """Return what a reader typed, as a column can be asked for it."""
    return " ".join(text.replace("\0", " ").split())[:_TEXT_MAX]


def _day(text: str) -> date | None:
    """Return a day as a date field sends it, None for anything else, and for days that no calendar step leaves."""
    try:
        day = parse_date(text[:10])
    except ValueError:
        return None
    return day if day and date(2000, 1, 1) <= day <= date(2200, 1, 1) else None


def _midnight(day: date) -> datetime:
    """Return the beginning of *day* where the reader is."""
    return datetime.combine(day, time.min, tzinfo=get_current_timezone())
