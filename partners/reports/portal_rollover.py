"""A partner's next certificate: where it stands, what comes next, and when it is safe to go live."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.pins import Rollover, StepKind, rollover_steps
from partners.models import Change, Channel, Pin, Relay, RelayToken, Release, User
from partners.reports.drawings import Fingerprint, fingerprint
from partners.reports.people import name_of
from partners.reports.portal_servers import Seen, pin_of

__all__ = ["NextCertificate", "StepRow", "next_certificate", "reached_relays", "under_way"]

SETTLED: Final = timedelta(days=60)  # nobody takes so long to switch
SOON: Final = timedelta(days=30)  # so long before the end a partner is asked for the next one


@dataclass(frozen=True, slots=True)
class StepRow:
    """One of the five steps. state: done, now or empty."""

    title: str
    note: str
    state: str


@dataclass(frozen=True, slots=True)
class NextCertificate:
    """The panel about it. note_state, note, more: the one sentence that matters; pin: what may be taken back.

    spoken: the fingerprint of that pin, as our mail team has it before them while it is read on the telephone.
    """

    title: str
    text: str
    note_state: str
    note: str
    more: str
    steps: tuple[StepRow, ...]
    pin: Pin | None = None
    spoken: Fingerprint | None = None


def next_certificate(
    channel: Channel,
    pins: Sequence[Pin],
    seen: Sequence[Seen],
    *,
    reader: User,
    own_people: Collection[int],
    now: datetime,
) -> NextCertificate | None:
    """Return the panel, None where nothing is under way and nothing ends soon.

    pins: newest first. own_people: the partner's own accounts; whoever else sent a pin is of our mail team.
    """
    shown = [pin_of(one.leaf, pins) for one in seen]
    fresh = under_way(pins, seen, now=now)
    if fresh is not None:
        return _of_pin(channel, fresh, pins, shown, by=_by(fresh, reader, own_people))
    ends = [one.leaf.facts.not_after for one in seen if one.leaf and one.leaf.facts.not_after]
    if not any(pin.state == Pin.State.ACTIVE for pin in pins) or not ends or min(ends) > now + SOON:
        return None
    return _wanted(min(ends), now)


def under_way(pins: Sequence[Pin], seen: Sequence[Seen], *, now: datetime) -> Pin | None:
    """Return the newest pin that is not live everywhere, or beside which an old one is still to leave.

    Two pins that stand beside each other for long are two certificates for good.
    """
    shown = [pin_of(one.leaf, pins) for one in seen]
    accepted = [pin for pin in pins if pin.state in {Pin.State.ACTIVE, Pin.State.STAGED}]
    for pin in pins:
        if pin.state in {Pin.State.PROPOSED, Pin.State.STAGED}:
            return pin
        if pin.state == Pin.State.ACTIVE and not pin.is_backup:
            if now - (pin.decided_at or pin.proposed_at) > SETTLED:
                return None
            live = bool(shown) and all(one == pin for one in shown)
            return pin if len(accepted) > 1 or (not live and pin not in shown) else None
    return None


def _of_pin(
    channel: Channel, pin: Pin, pins: Sequence[Pin], shown: Sequence[Pin | None], *, by: str
) -> NextCertificate:
    """Return the panel of a rollover to *pin*."""
    release, on_relays = reached_relays(channel, pin)
    count = sum(one == pin for one in shown), len(shown)
    everywhere = count[1] > 0 and count[0] == count[1]
    others = [one for one in pins if one != pin and one.state in {Pin.State.ACTIVE, Pin.State.STAGED}]
    rollover = Rollover(
        announced_at=pin.proposed_at,
        approved_at=pin.decided_at if pin.state in {Pin.State.STAGED, Pin.State.ACTIVE} else None,
        on_all_relays_at=release.published_at if release and on_relays else None,
        seen_everywhere_at=(pin.seen_everywhere_at or pin.decided_at) if everywhere else None,
        addresses=count,
        old_retired_at=pin.seen_everywhere_at if everywhere and not others else None,
    )
    state, note, more = _note(rollover, count, switched=count[0] > 0)
    return NextCertificate(
        title=_("Your new certificate"),
        text=_sent(pin, by),
        note_state=state,
        note=note,
        more=more,
        steps=_steps(rollover, by=by),
        pin=pin if pin.state == Pin.State.PROPOSED else None,
        spoken=fingerprint(pin.spoken[1]) if pin.state == Pin.State.PROPOSED else None,
    )


def reached_relays(channel: Channel, pin: Pin) -> tuple[Release | None, bool]:
    """Return the release that brought *pin*, and whether each of our relays has it.

    Where no relay tells what it holds, the published release is what counts; where one does, all must have it: to say
    "safe" too early would stop mail.
    """
    if pin.state != Pin.State.ACTIVE:
        return None, False
    changes = Change.objects.filter(channel=channel, release__isnull=False, withdrawn_at__isnull=True)
    bringing = [one for one in changes.select_related("release") if pin.pk in one.after.get("pins", ())]
    release = min((one.release for one in bringing if one.release), key=lambda one: one.number, default=None)
    if release is None:
        return None, False
    tokens = list(RelayToken.objects.filter(revoked_at__isnull=True))
    for relay in Relay.objects.all():
        fetched = [one.fetched_release or 0 for one in tokens if one.relay_id == relay.pk]
        if max([relay.active_release or 0, *fetched]) < release.number:
            return release, False
    nameless = [one for one in tokens if one.relay_id is None and one.fetched_release is not None]
    return release, all((one.fetched_release or 0) >= release.number for one in nameless)


def _sent(pin: Pin, by: str) -> str:
    words = {"day": _moment(pin.proposed_at), "by": by}
    if pin.certificate and pin.certificate.not_after:
        ends = date_format(pin.certificate.not_after, "j F Y")
        return _("Sent on %(day)s, %(by)s; valid to %(ends)s.") % {**words, "ends": ends}
    return _("Sent on %(day)s, %(by)s.") % words


def _by(pin: Pin, reader: User, own_people: Collection[int]) -> str:
    """Name who sent *pin*: people of the partner by name, ours as our mail team."""
    if pin.proposed_by_id == reader.pk:
        return _("by you")
    return _("by our mail team") if pin.proposed_by_id not in own_people else _("by %s") % name_of(pin.proposed_by)


def _note(rollover: Rollover, count: tuple[int, int], *, switched: bool) -> tuple[str, str, str]:
    """Return the one sentence that matters, with its state and what follows from it."""
    if rollover.on_all_relays_at is None:
        if switched:
            return (
                "bad",
                _("A server of yours shows it already, and we do not accept it yet"),
                _("Our mail to that server waits. If you can, put the old certificate back until this page says safe."),
            )
        return (
            "pend",
            _("Please do not switch yet"),
            _("If a server showed it now, our mail to you would wait. This page says when it is safe."),
        )
    if rollover.seen_everywhere_at is None:
        return (
            "ok",
            _("Safe to go live"),
            _("Our servers accept both certificates. Switch yours at any time, in any order; no mail is held up."),
        )
    return (
        "ok",
        ngettext(
            "The one address shows the new certificate", "All %(count)s addresses show the new certificate", count[1]
        )
        % {"count": count[1]},
        _("There is nothing left for you to do."),
    )


def _steps(rollover: Rollover, *, by: str) -> tuple[StepRow, ...]:
    seen, of_all = rollover.addresses
    titles = {
        StepKind.ANNOUNCED: (
            _("You send the new certificate"),
            f"{_moment(rollover.announced_at)}, {by}",
        ),
        StepKind.APPROVED: (
            _("We check it"),
            _done(rollover.approved_at) or _("usually by telephone: we read the fingerprint to each other"),
        ),
        StepKind.ON_ALL_RELAYS: (
            _("All our servers accept both"),
            _done(rollover.on_all_relays_at) or _("then this page says “safe to go live”"),
        ),
        StepKind.SEEN: (
            _("You switch: %(seen)s of %(all)s addresses show the new one") % {"seen": seen, "all": of_all},
            _("one server after another, when it suits you"),
        ),
        StepKind.OLD_RETIRED: (
            _("We forget the old one"),
            _done(rollover.old_retired_at) or _("after we saw the new one at every address"),
        ),
    }
    return tuple(
        StepRow(*titles[step.kind], "done" if step.at else "now" if step.is_next else "")
        for step in rollover_steps(rollover)
    )


def _wanted(end: datetime, now: datetime) -> NextCertificate:
    """Return the panel that asks for the next certificate."""
    days = max((end - now).days, 0)
    titles = (
        (_("You send the new certificate"), _("below, as soon as you have it")),
        (_("We check it"), _("usually by telephone: we read the fingerprint to each other")),
        (_("All our servers accept both"), _("then this page says “safe to go live”")),
        (_("You switch"), _("one server after another, when it suits you")),
        (_("We forget the old one"), _("after we saw the new one at every address")),
    )
    ends = {"day": date_format(end, "j F Y"), "days": days}
    return NextCertificate(
        title=_("Your next certificate"),
        text=ngettext(
            "The current one ends on %(day)s, in %(days)s day. We know no successor yet.",
            "The current one ends on %(day)s, in %(days)s days. We know no successor yet.",
            days,
        )
        % ends
        if end > now
        else _("The current one ended on %(day)s. We know no successor yet.") % ends,
        note_state="risk",
        note=_("Send it here before you install it"),
        more=_("If a server showed an unknown certificate, our mail to you would wait until we have checked it."),
        steps=tuple(StepRow(title, note, "now" if not index else "") for index, (title, note) in enumerate(titles)),
    )


def _moment(at: datetime) -> str:
    return date_format(localtime(at), "j F, H:i")


def _done(at: datetime | None) -> str:
    return _moment(at) if at else ""
