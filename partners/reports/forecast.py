"""What will break if nobody acts: the ends of certificates that mail rests on, told from what was seen last."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import F, Min, OuterRef, Q, QuerySet, Subquery

from partners.core.facts_json import profile_key
from partners.core.levels import SecurityLevel
from partners.core.observation import PERMISSIVE
from partners.models import ChainLink, Channel, ChannelEnd, Nexthop, Pin, VerdictRow

__all__ = [
    "Ending",
    "Forecast",
    "endings",
    "first_kept",
    "forecasts",
    "kept_channels",
    "with_names",
]

# The levels in force at which the end of a certificate, or its renewal without notice, stops mail.
_NAMED: Final = frozenset({SecurityLevel.VERIFY.value, SecurityLevel.SECURE.value})
_PINNED: Final = SecurityLevel.FINGERPRINT.value
_FLOWING: Final = ("compliant", "rolling", "weaker", "unknown")
_SEEN: Final = "observation__sightings"
_CHANNEL: Final = f"{_SEEN}__endpoint__nexthops__channel"
_STATE: Final = f"{_CHANNEL}__intervals"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The first end that lies ahead for a channel.

    pinned: Postfix does not look at the date there, mail stops when the partner replaces the certificate untold.
    ending, of_all: how many of the addresses seen end by then. under_way: a successor is announced, accepted, or shown
    already at another address. subject: of the certificate that ends first, a stranger's text. partner, key: see
    with_names()
    """

    channel: int
    state: str
    at: datetime
    pinned: bool
    ending: int
    of_all: int
    under_way: bool
    subject: str
    partner: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """What lies ahead for a channel, whatever day is asked about. ends: of every address; at: the first ahead."""

    channel: int
    state: str
    at: datetime
    pinned: bool
    ends: tuple[datetime, ...]
    succeeded: bool
    subject: str

    def until(self, day: datetime) -> Forecast:
        """Return it as it stands on *day*: one address of several that ends is under way, for the others go on."""
        ending = sum(end <= day for end in self.ends)
        return Forecast(
            channel=self.channel,
            state=self.state,
            at=self.at,
            pinned=self.pinned,
            ending=ending,
            of_all=len(self.ends),
            under_way=self.succeeded if self.pinned else ending < len(self.ends),
            subject=self.subject,
        )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the servers of a channel show. ends: endpoint -> first end of its chain and whose it is; leaves: SHA-256.

    pinned: by the entry in force; the newest draft may say something else.
    """

    pinned: bool
    state: str
    ends: dict[int, tuple[datetime, str]]
    leaves: set[str]


def forecasts(*, now: datetime, until: datetime) -> tuple[Forecast, ...]:
    """Return what ends between *now* and *until*, first end first, one row per channel; three queries."""
    return tuple(one.until(until) for one in endings(now=now, until=until))


def endings(*, now: datetime, until: datetime, channels: range | None = None) -> tuple[Ending, ...]:
    """Return the channels of which something ends between *now* and *until*, first end first; three queries.

    By the entries in force: what the judge found at each address, not what a draft says. Channels that are violated are
    left out, there mail waits already; so are those that nobody judged yet. channels: only those with such keys.
    """
    within = {f"{_CHANNEL}__gte": channels.start, f"{_CHANNEL}__lt": channels.stop} if channels else {}
    ending = _links(certificate__not_after__gte=now, certificate__not_after__lte=until, **within)
    pinned = _resting(ending.values(_CHANNEL))
    ends = _ends(pinned)
    pins = _pins([channel for channel, one in ends.items() if one.pinned])
    found = [_ending(channel, one, pins.get(channel, ()), now=now, until=until) for channel, one in ends.items()]
    return tuple(sorted((one for one in found if one), key=lambda one: (one.at, one.channel)))


def first_kept(*, now: datetime, until: datetime, count: int) -> tuple[Forecast, ...]:
    """Return the first *count* ends that nobody has provided for, named, from the rows that were counted; one query."""
    on_its_way = Q(pinned=True, succeeded=True) | Q(pinned=False, last_at__gt=until)
    first = Nexthop.objects.filter(channel=OuterRef("channel")).order_by("key").values("key")[:1]
    found = ChannelEnd.objects.filter(at__gte=now, at__lte=until).exclude(on_its_way).order_by("at", "channel")
    rows = found.annotate(key=Subquery(first)).select_related("channel__partner")[:count]
    return tuple(
        replace(_of_row(row).until(until), partner=row.channel.partner.name, key=row.key or "") for row in rows
    )


def kept_channels(*, now: datetime, until: datetime) -> QuerySet[Any, Any]:
    """Return the channels of which something ends by *until*, from the rows that were counted."""
    return ChannelEnd.objects.filter(at__gte=now, at__lte=until).values("channel")


def _of_row(row: ChannelEnd) -> Ending:
    ends = tuple(datetime.fromtimestamp(one, UTC) for one in row.ends)
    return Ending(row.channel_id, row.state, row.at, row.pinned, ends, row.succeeded, row.subject)


def with_names(rows: Sequence[Forecast]) -> tuple[Forecast, ...]:
    """Return *rows* with the partner's name and the first key of each, in one query."""
    channels = Channel.objects.filter(pk__in=[one.channel for one in rows]).annotate(first=Min("nexthops__key"))
    named = {pk: (name, key or "") for pk, name, key in channels.values_list("pk", "partner__name", "first")}
    return tuple(
        replace(one, partner=named[one.channel][0], key=named[one.channel][1]) for one in rows if one.channel in named
    )


def _links(**conditions: object) -> QuerySet[ChainLink]:
    """Return the certificates shown now to the plain TLS profile, for the channels whose mail flows.

    All conditions stand in one filter(): in a second one Django would join other sightings, channels and intervals.
    Left out is a CA at the top of a chain that signs itself: nobody looks at its end there.
    """
    return ChainLink.objects.filter(
        Q(position=0) | ~Q(certificate__subject=F("certificate__issuer")),
        **{
            f"{_SEEN}__current": True,
            f"{_SEEN}__endpoint__profile_key": profile_key(PERMISSIVE),
            f"{_CHANNEL}__removed_at__isnull": True,
            f"{_STATE}__valid_to__isnull": True,
            f"{_STATE}__state__in": _FLOWING,
            **conditions,
        },
    )


def _resting(channels: QuerySet[Any, Any]) -> Mapping[int, bool]:
    """Return those of *channels* whose mail rests on a certificate, and whether on its fingerprint alone.

    Where one nexthop or relay group asks for a name, dates count.
    """
    levels: dict[int, set[str]] = defaultdict(set)
    rows = VerdictRow.objects.own().filter(nexthop__channel__in=channels)
    for channel, hosts in rows.values_list("nexthop__channel", "hosts"):
        levels[channel] |= {str(one["effective"]) for one in hosts}
    return {channel: not found & _NAMED for channel, found in levels.items() if found & {*_NAMED, _PINNED}}


def _ends(channels: Mapping[int, bool]) -> Mapping[int, _Shown]:
    """Return the first end of the chain at each address of *channels*; where the leaf is pinned, of the leaf alone."""
    rows = _links(**{f"{_CHANNEL}__in": list(channels)}).values_list(
        _CHANNEL,
        f"{_STATE}__state",
        f"{_SEEN}__endpoint",
        "position",
        "certificate__not_after",
        "certificate__subject",
        "certificate__sha256",
    )
    found: dict[int, _Shown] = {}
    for channel, state, endpoint, position, at, subject, sha256 in rows:
        one = found.setdefault(channel, _Shown(channels[channel], state, {}, set()))
        if position == 0:
            one.leaves.add(sha256)
        if at is not None and (position == 0 or not one.pinned):
            one.ends[endpoint] = min(one.ends.get(endpoint, (at, subject)), (at, subject))
    return found


def _pins(channels: Collection[int]) -> Mapping[int, Sequence[Pin]]:
    """Return the pins of *channels* that are announced or accepted."""
    rows: dict[int, list[Pin]] = defaultdict(list)
    states = [Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE]
    if channels:
        for pin in Pin.objects.filter(channel__in=channels, state__in=states).select_related("certificate"):
            rows[pin.channel_id].append(pin)
    return rows


def _ending(channel: int, shown: _Shown, pins: Sequence[Pin], *, now: datetime, until: datetime) -> Ending | None:
    """Return what ends first at the addresses of *channel*, None where nothing that counts ends in time."""
    ahead = [end for end in shown.ends.values() if now <= end[0] <= until]
    if not ahead:
        return None
    at, subject = min(ahead)
    return Ending(
        channel=channel,
        state=shown.state,
        at=at,
        pinned=shown.pinned,
        ends=tuple(sorted(end[0] for end in shown.ends.values())),
        succeeded=shown.pinned and _has_successor(pins, shown=shown.leaves, at=at),
        subject=subject,
    )


def _has_successor(pins: Sequence[Pin], *, shown: Collection[str], at: datetime) -> bool:
    """Whether a pin stands for what comes after *at*: a key that outlives the certificate, or the next certificate."""
    accepted = {Pin.State.STAGED, Pin.State.ACTIVE}
    return any(
        (pin.of_key and pin.state in accepted)
        or (
            pin.certificate is not None
            and pin.certificate.sha256 not in shown
            and (pin.certificate.not_after is None or pin.certificate.not_after > at)
        )
        for pin in pins
    )
