"""The map for Today: what waits for a second person, what is not on the relays yet, and which relay is behind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.lifetime import queue_lifetime
from partners.models import Candidate, Change, Head, Invitation, Pin, RelayGroup, User
from partners.reports.people import name_of
from partners.reports.today_hands import Hand, day, duration

__all__ = ["MapState", "map_state", "waiting_hands"]

_LATE: Final = timedelta(minutes=15)  # a relay asks every minute
_ROWS: Final = 12


@dataclass(frozen=True, slots=True)
class MapState:
    """The released map and what is to come. behind: relays that work by an older map; lifetime: the shortest queue's.

    hands: what is ours to bring onto the relays. waiting: candidates that lack the second person.
    """

    release: int | None
    relays: int
    current: int
    drafts: int
    lifetime: timedelta
    hands: tuple[Hand, ...]
    waiting: tuple[Hand, ...]


def map_state(reader: User, *, alone: bool, now: datetime) -> MapState:
    """Return the map's state in three queries. alone: the portal has one approver."""
    head = Head.objects.filter(pk=1)
    rows = list(
        RelayGroup.objects.values("name", "main_cf", "relays__name", "relays__active_release", "relays__reported_at")
        .annotate(
            number=Subquery(head.values("release__number")[:1]),
            published_at=Subquery(head.values("release__published_at")[:1]),
            fetched=Max("relays__tokens__fetched_release", filter=Q(relays__tokens__revoked_at__isnull=True)),
            fetched_at=Max("relays__tokens__fetched_at", filter=Q(relays__tokens__revoked_at__isnull=True)),
        )
        .order_by("name", "relays__name")
    )
    relays = [row for row in rows if row["relays__name"]]
    late = [row for row in relays if row["number"] and _held(row) < row["number"]]
    candidates, free = _candidates(reader), _drafts()
    told = [_behind(row, now=now) for row in late if row["published_at"] <= now - _LATE]
    return MapState(
        release=rows[0]["number"] if rows else None,
        relays=len(relays),
        current=len(relays) - len(late),
        drafts=free["count"],
        lifetime=min((queue_lifetime(_lifetime(row)) for row in rows), default=queue_lifetime("")),
        hands=(*told, *_ready(candidates, now=now), *_draft_hands(free, now=now)),
        waiting=tuple(
            _candidate(one, reader, alone=alone, now=now) for one in candidates if one.needs_second and not one.agreed
        ),
    )


def waiting_hands(reader: User, *, alone: bool, now: datetime) -> tuple[Hand, ...]:
    """Return the pins and invitations that wait for a second person, oldest first, in two queries."""
    pins = Pin.objects.filter(state=Pin.State.PROPOSED, channel__removed_at__isnull=True)
    invitations = Invitation.objects.filter(
        approved_by__isnull=True, used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
    )
    first = pins.select_related("channel__partner", "certificate", "proposed_by").order_by("proposed_at")
    return (
        *(_pin(pin, reader, alone=alone, now=now) for pin in first),
        *(
            _invitation(one, reader, alone=alone, now=now)
            for one in invitations.select_related("partner", "invited_by").order_by("made_at")
        ),
    )


def _held(row: Mapping[str, Any]) -> int:
    """Return the newest release that a relay is known to hold, 0 where it never told."""
    return max(row["relays__active_release"] or 0, row["fetched"] or 0)


def _lifetime(row: Mapping[str, Any]) -> str:
    return str(row["main_cf"].get("maximal_queue_lifetime", ""))


def _candidates(reader: User) -> list[Any]:
    """Return the open candidates, each with how many valid approvals it has, and whether *reader* wrote of it."""
    valid = Q(approvals__candidate_sha256=F("sha256"), approvals__findings_sha256=F("findings_sha256"))
    found = Candidate.objects.filter(state=Candidate.State.OPEN).select_related("author")
    own = Q(author=reader) | Q(author__memberships__invited_by=reader)
    wrote = Exists(Change.objects.filter(own, candidates=OuterRef("pk")))
    return list(found.annotate(agreed=Count("approvals", filter=valid), wrote=wrote).order_by("cut_at")[:_ROWS])


def _drafts() -> dict[str, Any]:
    """Count the drafts that no open candidate holds, and tell whose partner the oldest is."""
    rows = list(
        Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True)
        .exclude(candidates__state=Candidate.State.OPEN)
        .order_by("made_at")
        .values_list("made_at", "channel__partner__name")
    )
    names = list(dict.fromkeys(name for _at, name in rows))
    return {"count": len(rows), "oldest": rows[0][0] if rows else None, "names": names}


def _behind(row: Mapping[str, Any], *, now: datetime) -> Hand:
    number, held = row["number"], _held(row)
    told_at = max((at for at in (row["relays__reported_at"], row["fetched_at"]) if at), default=None)
    cause = (
        format_html(
            "{} <strong>{}</strong>",
            _("It holds release %(held)s; released is %(number)s.") % {"held": held, "number": number},
            _("It keeps its last good map."),
        )
        if held
        else format_html("{}", _("It never told which map it holds; released is %s.") % number)
    )
    return Hand(
        state="weak",
        when=_("since %s") % day(row["published_at"], now),
        when_note=_("last heard %s") % day(told_at, now) if told_at else _("never heard"),
        name=row["relays__name"],
        key=row["name"],
        url=reverse("relay-list"),
        cause=cause,
        who=_("You"),
        who_note=_("relay group %s") % row["name"],
        label=_("See the relays"),
        step_url=reverse("relay-list"),
    )


def _ready(candidates: Iterable[Any], *, now: datetime) -> tuple[Hand, ...]:
    """Return the candidates that nothing but a press of a button, or a finding, keeps from the relays."""
    return tuple(
        Hand(
            state="weak",
            when=duration(now - one.cut_at),
            when_note=_("cut by %s") % name_of(one.author),
            name=_("Candidate %s") % one.pk,
            key="",
            url=reverse("candidate-detail", args=[one.pk]),
            cause=format_html("{}", _blocked(one) or _("It is ready, and not published.")),
            who=_("You"),
            who_note=_("an approver or its author"),
            label=_("Review and publish"),
            step_url=reverse("candidate-detail", args=[one.pk]),
        )
        for one in candidates
        if one.agreed or not one.needs_second
    )


def _blocked(candidate: Candidate) -> str:
    """Say by how many findings of the guard *candidate* is blocked, "" by none."""
    blocks = sum(bool(finding.get("blocks")) for finding in candidate.findings)
    return (
        ngettext("%s finding of the guard blocks it.", "%s findings of the guard block it.", blocks) % blocks
        if blocks
        else ""
    )


def _draft_hands(drafts: Mapping[str, Any], *, now: datetime) -> tuple[Hand, ...]:
    """Return one hand for all drafts that are in no candidate."""
    if not drafts["count"]:
        return ()
    shown = ", ".join(drafts["names"][:3])
    more = len(drafts["names"]) - 3
    names = _("%(names)s and %(more)s more") % {"names": shown, "more": more} if more > 0 else shown
    title = ngettext("%s draft in no candidate", "%s drafts in no candidate", drafts["count"]) % drafts["count"]
    return (
        Hand(
            state="weak",
            when=duration(now - drafts["oldest"]),
            when_note=_("the oldest"),
            name=title,
            key="",
            url=reverse("release-list"),
            cause=names,
            who=_("You"),
            who_note=_("or whoever wrote them"),
            label=_("Cut a candidate"),
            step_url=reverse("release-list"),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Second:
    """Who is to act as the second person. is_reader: the one who looks may."""

    who: str
    note: str
    is_reader: bool


def _second(reader: User, *, own: bool, alone: bool, not_you: str, you: str) -> _Second:
    """Say who is the second person for what *reader* did (own) or did not do; an editor is never one."""
    if User.Role.APPROVER.value not in reader.roles:
        return _Second(_("An approver"), "", is_reader=False)
    if own and not alone:
        return _Second(_("Another approver"), not_you, is_reader=False)
    return _Second(_("You"), you, is_reader=True)


def _candidate(candidate: Any, reader: User, *, alone: bool, now: datetime) -> Hand:
    own = candidate.author_id == reader.pk or candidate.wrote
    second = _second(reader, own=own, alone=alone, not_you=_("not you: you wrote of it"), you=_("if you approve"))
    sentence = _("It asks less than the map in force, or touches what needs a second person.")
    return Hand(
        state="pend",
        when=duration(now - candidate.cut_at),
        when_note=_("cut by %s") % name_of(candidate.author),
        name=_("Candidate %s") % candidate.pk,
        key="",
        url=reverse("candidate-detail", args=[candidate.pk]),
        cause=format_html("{} {}", sentence, _blocked(candidate)),
        who=second.who,
        who_note=second.note,
        label=_("Review it") if second.is_reader else _("See the candidate"),
        step_url=reverse("candidate-detail", args=[candidate.pk]),
    )


def _pin(pin: Pin, reader: User, *, alone: bool, now: datetime) -> Hand:
    own = pin.proposed_by_id == reader.pk
    second = _second(
        reader, own=own, alone=alone, not_you=_("not you: you proposed it"), you=_("compare it by telephone")
    )
    certificate = pin.certificate
    facts = _("A fingerprint alone.")
    if certificate and certificate.not_after:
        end = date_format(certificate.not_after, "j M Y")
        facts = _("%(subject)s, valid to %(end)s.") % {"subject": certificate.subject[:80], "end": end}
    return Hand(
        state="pend",
        when=duration(now - pin.proposed_at),
        when_note=_("sent by %s") % name_of(pin.proposed_by),
        name=pin.channel.partner.name,
        key="",
        url=reverse("partner-detail", args=[pin.channel_id]),
        cause=format_html("{} {} {}", _("Next certificate."), facts, _("It would be added beside the old pin.")),
        who=second.who,
        who_note=second.note,
        label=_("Compare and approve") if second.is_reader else _("See it"),
        step_url=reverse("approvals"),
    )


def _invitation(invitation: Invitation, reader: User, *, alone: bool, now: datetime) -> Hand:
    own = invitation.invited_by_id == reader.pk
    second = _second(
        reader, own=own, alone=alone, not_you=_("not you: you invited them"), you=_("agree, or leave it to run out")
    )
    partner = invitation.partner
    return Hand(
        state="pend",
        when=duration(now - invitation.made_at),
        when_note=_("by %s") % name_of(invitation.invited_by),
        name=partner.name if partner else invitation.email,
        key="",
        url="",
        cause=format_html("{} <strong>{}</strong>", _("An invitation waits:"), invitation.email),
        who=second.who,
        who_note=second.note,
        label=_("See it"),
        step_url=reverse("approvals"),
    )
