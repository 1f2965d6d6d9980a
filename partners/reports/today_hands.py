"""One row of Today: when, why, who must act, and the next step as a button."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.reasons import Reason
from partners.reports.forecast import Forecast
from partners.reports.sentences import team_sentence
from partners.reports.today_agreements import OpenRow

__all__ = ["Hand", "day", "duration", "lasting", "of_agreement", "of_forecast"]

_OURS: Final = frozenset({Reason.POLICY_INVALID, Reason.FINGERPRINT_UNUSABLE, Reason.BELOW_AGREED, Reason.MAIL_LOOP})
_BY_DATE: Final = timedelta(days=7)  # from here on hours are not told


@dataclass(frozen=True, slots=True)
class Hand:
    """What c-hand prints. cause may hold bold facts, made with format_html; more_*: one quiet link at the button."""

    state: str
    when: str
    when_note: str
    name: str
    key: str
    url: str
    cause: str
    who: str
    who_note: str
    label: str
    step_url: str
    primary: bool = False
    more_label: str = ""
    more_url: str = ""


def of_agreement(row: OpenRow, *, bounces_at: datetime | None, now: datetime) -> Hand:
    """Return the hand of an agreement by its group."""
    if row.group == "violated":
        return _violated(row, bounces_at, now)
    return {"weaker": _weaker, "unknown": _unknown, "lowered": _lowered}.get(row.group, _pending)(row, now)


def of_forecast(row: Forecast, *, now: datetime) -> Hand:
    """Return the hand of an end that nobody has provided for."""
    page = reverse("partner-detail", args=[row.channel])
    if row.pinned:
        cause = format_html(
            "{} <strong>{}</strong>",
            _("The pinned certificate ends. Postfix does not look at the date here, but mail stops"),
            _("the moment they replace it: no successor is announced."),
        )
        who, label = _("%s sends the next one") % row.partner, _("See the pins")
    else:
        addresses = ngettext("at %(ending)s of %(all)s address", "at %(ending)s of %(all)s addresses", row.of_all)
        cause = format_html(
            "{} <strong>{}</strong>.",
            _("The certificate ends"),
            addresses % {"ending": row.ending, "all": row.of_all},
        )
        who, label = _("%s renews") % row.partner, _("See which one")
    return Hand(
        state="risk",
        when=_in_days(row.at, now),
        when_note=_stamp(row.at),
        name=row.partner,
        key=row.key,
        url=page,
        cause=cause,
        who=who,
        who_note=row.subject[:80],
        label=label,
        step_url=page,
    )


def day(at: datetime, now: datetime) -> str:
    """Return the time of a moment of today, else its day."""
    local = localtime(at)
    return date_format(local, "H:i") if local.date() == localtime(now).date() else date_format(local, "j M")


def duration(span: timedelta) -> str:
    """Return *span* in its two largest units, rounded down, but never as "0 min"."""
    minutes = max(int(span.total_seconds() // 60), 0)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        text = ngettext("%s day", "%s days", days) % days
        return f"{text} " + _("%s h") % hours if hours and span < _BY_DATE else text
    if minutes == 0:
        return _("under 1 min")
    return _("%s h") % hours if hours else _("%s min") % (minutes % 60)


def lasting(since: datetime, now: datetime) -> str:
    """Return how long it has been so; from a week on by the calendar, as the date that stands beside it is counted."""
    if now - since < _BY_DATE:
        return duration(now - since)
    days = (localtime(now).date() - localtime(since).date()).days
    return ngettext("%s day", "%s days", days) % days


def _violated(row: OpenRow, bounces_at: datetime | None, now: datetime) -> Hand:
    """Mail waits now: why, and until when at most."""
    sentence = team_sentence(row.cause)
    cause = format_html("{} <strong>{}</strong>", sentence, _("It is not queued: it comes back to its sender."))
    if row.is_deferred:
        cause = format_html("{}", sentence)
    if row.is_deferred and bounces_at is not None and bounces_at > now:
        left = _("in at most %s") % duration(bounces_at - now)
        cause = format_html("{} {} <strong>{}</strong>.", sentence, _("The first message that waits bounces"), left)
    who, note = _who(row)
    page = reverse("partner-detail", args=[row.channel])
    return Hand(
        state="bad",
        when=_("since %s") % day(row.since, now) if row.since else "",
        when_note=lasting(row.since, now) if row.since else "",
        name=row.partner,
        key=row.key,
        url=page,
        cause=cause,
        who=who,
        who_note=note,
        label=_("Compare fingerprints") if row.cause == Reason.FINGERPRINT_MISMATCH else _("See why"),
        step_url=page,
        primary=True,
        more_label=_("Edit the entry"),
        more_url=reverse("channel-edit", args=[row.channel]),
    )


def _weaker(row: OpenRow, now: datetime) -> Hand:
    """Mail flows with less than what was agreed."""
    who, note = _who(row)
    ours = row.cause == Reason.BELOW_AGREED
    edit = reverse("channel-edit", args=[row.channel])
    page = reverse("partner-detail", args=[row.channel])
    return Hand(
        state="weak",
        when=_("since %s") % day(row.since, now) if row.since else "",
        when_note=lasting(row.since, now) if row.since else "",
        name=row.partner,
        key=row.key,
        url=page,
        cause=format_html("{}", team_sentence(row.cause)),
        who=who,
        who_note=note,
        label=_("Raise the entry") if ours else _("See what they show"),
        step_url=edit if ours else page,
        more_label="" if ours else _("Edit the entry"),
        more_url="" if ours else edit,
    )


def _lowered(row: OpenRow, now: datetime) -> Hand:
    """A lowered entry ends soon, or ended and waits for a release."""
    end = row.lowered_until or now
    over = end <= now
    first = _("The lowered level is over") if over else _("The lowered level ends, and the old entry returns")
    return Hand(
        state="risk",
        when=_("over") if over else _in_days(end, now),
        when_note=_stamp(end),
        name=row.partner,
        key=row.key,
        url=reverse("partner-detail", args=[row.channel]),
        cause=format_html("{}: <strong>{}</strong>", first, row.lowered_reason),
        who=row.owner or _("You"),
        who_note=_("its release waits") if over else _("try the old entry before that day"),
        label=_("See the drafts") if over else _("Try it now"),
        step_url=reverse("release-list") if over else reverse("channel-edit", args=[row.channel]),
    )


def _unknown(row: OpenRow, now: datetime) -> Hand:
    """Nothing could be seen for long: neither violated nor compliant."""
    since = row.unknown_since or row.since or now
    last = _("last known %s") % _stamp(row.known_at) if row.known_at else _("never seen")
    return Hand(
        state="unk",
        when=duration(now - since),
        when_note=last,
        name=row.partner,
        key=row.key,
        url=reverse("partner-detail", args=[row.channel]),
        cause=format_html("{} <span class='faint'>{}</span>", team_sentence(row.cause), row.where),
        who=_("Their postmaster"),
        who_note=_("should let our probe connect"),
        label=_("Look again"),
        step_url=reverse("partner-detail", args=[row.channel]) + "#look",
    )


def _pending(row: OpenRow, now: datetime) -> Hand:
    """No entry of its own was judged yet."""
    return Hand(
        state="pend",
        when=duration(now - row.since) if row.since else _("new"),
        when_note="",
        name=row.partner,
        key=row.key,
        url=reverse("partner-detail", args=[row.channel]),
        cause=format_html("{}", team_sentence(row.cause or Reason.NOT_RELEASED)),
        who=row.owner or _("You"),
        who_note=_("release the draft"),
        label=_("See the drafts"),
        step_url=reverse("release-list"),
        more_label=_("See its servers"),
        more_url=reverse("partner-detail", args=[row.channel]) + "#look",
    )


def _who(row: OpenRow) -> tuple[str, str]:
    """Return who must act, and what by."""
    if row.cause in _OURS:
        return row.owner or _("You"), _("the entry is ours to mend")
    if row.cause == Reason.FINGERPRINT_MISMATCH:
        return _("You, by telephone"), _("let %s read the new fingerprint to you") % row.partner
    return row.partner, row.where


def _in_days(at: datetime, now: datetime) -> str:
    days = (localtime(at).date() - localtime(now).date()).days
    return ngettext("in %s day", "in %s days", days) % days if days > 0 else _("today")


def _stamp(at: datetime) -> str:
    return date_format(localtime(at), "D j M, H:i")
