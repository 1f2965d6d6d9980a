"""The partner's page, computed from that partner's rows alone: nothing in it tells that another partner exists."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.levels import SecurityLevel
from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.core.vantage import HERE
from partners.models import Artefact, Channel, ComplianceInterval, Head, Membership, Pin, User, VerdictRow
from partners.reports.drawings import MapLine, map_line
from partners.reports.partners import own_channels
from partners.reports.people import name_of
from partners.reports.portal_rollover import NextCertificate, next_certificate, under_way
from partners.reports.portal_servers import Seen, ServerRow, second_of, seen_of, server_rows
from partners.reports.second_leaves import SecondLeaf
from partners.reports.sentences import partner_sentence

__all__ = ["Expectation", "HistoryRow", "PortalPage", "Say", "portal_page"]

HISTORY_ROWS: Final = 12
UNSEEN_LONG: Final = timedelta(hours=6)  # longer than the longest wait between two tries
_GOOD: Final = frozenset({"compliant", "rolling"})
_DECIDED: Final = frozenset({Pin.State.STAGED, Pin.State.ACTIVE, Pin.State.RETIRED})
_OURS: Final = frozenset({Reason.POLICY_INVALID.value, Reason.FINGERPRINT_UNUSABLE.value, Reason.BELOW_AGREED.value})


@dataclass(frozen=True, slots=True)
class Say:
    """What happens to our mail: the first words of the page."""

    state: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a server of theirs must show. lines: the exact rule as it stands on our servers, its pins marked."""

    text: str
    lines: tuple[MapLine, ...]
    takes_certificates: bool


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """Something that happened, for the journal."""

    at: datetime
    icon: str
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class PortalPage:
    """All that the page shows of one channel. channels: all that are the reader's own, for the switch above.

    from_relays: it was looked from where the relays stand; what that place is called is nobody else's matter.
    """

    channels: tuple[Channel, ...]
    channel: Channel
    keys: tuple[str, ...]
    say: Say
    upcoming: NextCertificate | None
    refused: Pin | None
    servers: tuple[ServerRow, ...]
    second: tuple[SecondLeaf, ...]
    expectation: Expectation
    history: tuple[HistoryRow, ...]
    pins: tuple[Pin, ...]
    seen: tuple[Seen, ...]
    contact: str
    from_relays: bool = False


def portal_page(user: User, pk: int, *, now: datetime) -> PortalPage | None:
    """Return the page of the channel *pk* (0: the first one), None where it is not the reader's or there is none.

    At most twelve queries.
    """
    channels = own_channels(user)
    channel = next((one for one in channels if pk in {0, one.pk}), None)
    if channel is None:
        return None
    keys = tuple(nexthop.key for nexthop in channel.nexthops.all())
    pins = tuple(
        sorted(
            channel.pins.select_related("certificate", "proposed_by", "channel__partner__owner"),
            key=lambda pin: (pin.proposed_at, pin.pk),
            reverse=True,
        )
    )
    verdicts = list(VerdictRow.objects.own().filter(nexthop__channel=channel).select_related("group", "nexthop"))
    intervals = list(channel.intervals.order_by("-valid_from")[:HISTORY_ROWS])
    seen = seen_of(channel)
    own_people = set(Membership.objects.filter(partner=channel.partner_id).values_list("user", flat=True))
    fresh = under_way(pins, seen, now=now)
    upcoming = next_certificate(channel, pins, seen, reader=user, own_people=own_people, now=now)
    digest = next((str(one.group.main_cf.get("smtp_tls_fingerprint_digest", "sha256")) for one in verdicts), "sha256")
    open_interval = next((one for one in intervals if one.valid_to is None), None)
    return PortalPage(
        channels=channels,
        channel=channel,
        keys=keys,
        say=_say(open_interval, seen, upcoming, verdicts, now=now),
        upcoming=upcoming,
        refused=_refused(pins),
        servers=server_rows(seen, verdicts, pins, fresh=fresh, key=keys[0] if keys else "", digest=digest),
        second=second_of(seen, channel, pins),
        expectation=_expectation(channel, keys, pins, verdicts),
        history=_history(pins, intervals, reader=user, own_people=own_people),
        pins=pins,
        seen=seen,
        contact=name_of(pins[0].channel.partner.owner if pins else channel.partner.owner),
        from_relays=any(one.group.vantage != HERE for one in verdicts),
    )


def _say(
    interval: ComplianceInterval | None,
    seen: Sequence[Seen],
    upcoming: NextCertificate | None,
    verdicts: Sequence[VerdictRow],
    *,
    now: datetime,
) -> Say:
    """Return the verdict in the partner's words."""
    state = interval.state if interval and verdicts else "pending"
    cause = interval.cause if interval else ""
    text = partner_sentence(cause)
    looked = _looked(seen, now)
    if interval and interval.unknown_since and now - interval.unknown_since > UNSEEN_LONG and state in _GOOD:
        title = _("We cannot see all of your servers at present.")
        last = _("When we last saw them, mail flowed as agreed.")
        return Say("unk", title, f"{last} {looked}")
    if state in _GOOD:
        todo = upcoming is not None and upcoming.note_state in {"risk", "bad"}
        step = _("One thing to do, below.") if todo else _("You need to do nothing today.")
        return Say("ok", _("Mail flows, protected as we agreed."), f"{looked} {step}")
    if state == "violated":
        waits = any(one.delivery == Delivery.DEFER.value for one in verdicts)
        title = _("Our mail to you would wait.") if waits else _("Our mail to you would come back to its senders.")
        return Say("bad", title, text or looked)
    if state == "weaker":
        title = _("Mail flows, and less protected than we agreed.")
        return Say("weak", title, text or looked)
    if state == "unknown":
        return Say("unk", _("We cannot see all of your servers."), f"{text} {looked}".strip())
    return Say(
        "pend",
        _("Our agreement is not in force yet."),
        partner_sentence(Reason.NOT_RELEASED),
    )


def _looked(seen: Sequence[Seen], now: datetime) -> str:
    moments = [one.seen_at for one in seen if one.seen_at]
    if not moments:
        return _("We have not looked at your servers yet.")
    minutes = max(int((now - min(moments)) / timedelta(minutes=1)), 0)
    if minutes > 24 * 60:
        return _("We saw your servers last on %s.") % date_format(localtime(min(moments)), "j F, H:i")
    return ngettext(
        "We looked at your one address within the last %(minutes)s min.",
        "We looked at all %(count)s addresses within the last %(minutes)s min.",
        len(moments),
    ) % {"count": len(moments), "minutes": minutes + 1}


def _refused(pins: Sequence[Pin]) -> Pin | None:
    """Return the newest pin if it was refused: what its sender must know before all else."""
    return pins[0] if pins and pins[0].state == Pin.State.REFUSED else None


def _expectation(
    channel: Channel, keys: Sequence[str], pins: Sequence[Pin], verdicts: Sequence[VerdictRow]
) -> Expectation:
    """Return what is asked of their servers by the entries that are in force."""
    lines = _own_lines(keys) if verdicts else ()
    words = lines[0].split() if lines else []
    level = next((one for one in SecurityLevel if words[1:2] == [one.value]), None)
    wants_pins = level is SecurityLevel.FINGERPRINT or channel.agreed == "pin"
    accepted = [pin for pin in pins if pin.state in {Pin.State.ACTIVE, Pin.State.STAGED}]
    marks: Mapping[str, str] = {
        digest: "B" if index == 0 and len(accepted) > 1 else "A"
        for index, pin in enumerate(accepted)
        for digest in pin.digests.values()
    }
    return Expectation(_demand(level, lines), tuple(map_line(line, marks) for line in lines), wants_pins)


def _own_lines(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of the published maps whose key is one of *keys*: no other line leaves this function."""
    published = Head.objects.filter(pk=1, release__isnull=False).values("release")
    texts = Artefact.objects.filter(release__in=published).values_list("text", flat=True)
    found: dict[str, None] = {}
    for text in texts:
        for key in keys:
            _before, start, rest = f"\n{text}".partition(f"\n{key}\t")
            if start:
                found[f"{key}\t{rest.partition(chr(10))[0]}"] = None
    return tuple(found)


def _demand(level: SecurityLevel | None, lines: Sequence[str]) -> str:
    """Say what a server must show, in a sentence or two."""
    waits = _("If a server shows anything else, our mail to you waits, and nothing is sent unprotected.")
    if level is SecurityLevel.FINGERPRINT:
        return _("TLS, and a certificate that you announced to us, on every address.") + " " + waits
    if level in {SecurityLevel.SECURE, SecurityLevel.VERIFY}:
        own = any("tafile=" in line for line in lines)
        by = _("your own CA") if own else _("a CA that we trust")
        first = _("TLS, and a certificate signed by %s that holds the agreed name, on every address.") % by
        return f"{first} {waits} " + _("You may renew it as you like; you need not announce it.")
    if level in {SecurityLevel.DANE, SecurityLevel.DANE_ONLY}:
        return _("TLS, with the key that your TLSA records name, in a zone signed with DNSSEC.")
    if level is SecurityLevel.ENCRYPT:
        return _("TLS on every address. We do not check whose certificate it is.")
    if level is None:
        return _("Our servers hold no rule for your domain yet.")
    return _("Nothing: our mail uses TLS where your servers offer it.")


def _history(
    pins: Sequence[Pin],
    intervals: Sequence[ComplianceInterval],
    *,
    reader: User,
    own_people: Collection[int],
) -> tuple[HistoryRow, ...]:
    """Return what happened, newest first."""
    rows = [row for pin in pins for row in _of_pin(pin, reader, own_people)]
    rows += [row for interval in intervals if (row := _of_interval(interval))]
    return tuple(sorted(rows, key=lambda row: row.at, reverse=True)[:HISTORY_ROWS])


def _of_pin(pin: Pin, reader: User, own_people: Collection[int]) -> Iterable[HistoryRow]:
    """Yield when *pin* came, how it was decided, and when it left."""
    ours = pin.proposed_by_id not in own_people
    by = (
        _("by you")
        if pin.proposed_by_id == reader.pk
        else _("by our mail team")
        if ours
        else _("by %s") % name_of(pin.proposed_by)
    )
    yield HistoryRow(pin.proposed_at, "upload", _("A certificate was sent"), by)
    if pin.decided_at and pin.state == Pin.State.REFUSED:
        text = _("We did not accept a certificate")
        yield HistoryRow(pin.decided_at, "ban", f"{text}: “{pin.word}”" if pin.word else text, _("by our mail team"))
    elif pin.decided_at and pin.state in _DECIDED:
        yield HistoryRow(pin.decided_at, "check", _("We checked and accepted a certificate"), _("by our mail team"))
    if pin.retired_at:
        yield HistoryRow(pin.retired_at, "trash", _("We forgot an old certificate"))


def _of_interval(interval: ComplianceInterval) -> HistoryRow | None:
    """Return the move as the partner knows it; what is ours to mend is no news for them."""
    titles = {
        "compliant": ("mail", _("Mail flows as agreed")),
        "rolling": ("refresh", _("Mail flows; old and new certificate are both accepted")),
        "violated": ("alert", _("Our mail began to wait")),
        "weaker": ("shield-half", _("Mail flows less protected than agreed")),
    }
    if interval.state not in titles or interval.cause in _OURS:
        return None
    icon, title = titles[interval.state]
    cause = partner_sentence(interval.cause) if interval.state in {"violated", "weaker"} else ""
    return HistoryRow(interval.valid_from, icon, f"{title}. {cause}".strip() if cause else title)
