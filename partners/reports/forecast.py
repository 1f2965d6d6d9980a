"""What will break if nobody acts: the ends of certificates that mail rests on, told from what was seen last."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import F, FilteredRelation, Min, Q, QuerySet

from partners.core.facts_json import profile_key
from partners.core.levels import SecurityLevel
from partners.core.observation import PERMISSIVE
from partners.models import ChainLink, Channel, Pin

__all__ = ["Forecast", "forecasts"]

# The levels at which the end of a certificate, or its renewal without notice, stops mail.
_NAMED: Final = frozenset({SecurityLevel.VERIFY.value, SecurityLevel.SECURE.value})
_PINNED: Final = SecurityLevel.FINGERPRINT.value
_SEEN: Final = "observation__sightings"
_CHANNEL: Final = f"{_SEEN}__endpoint__nexthops__channel"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The first end that lies ahead for a channel.

    pinned: Postfix does not look at the date there, mail stops when the partner replaces the certificate untold.
    ending, of_all: how many of the addresses seen end by then. under_way: a successor is announced, accepted, or shown
    already at another address. subject: of the certificate that ends first, a stranger's text.
    """

    channel: int
    partner: str
    key: str
    state: str
    at: datetime
    pinned: bool
    ending: int
    of_all: int
    under_way: bool
    subject: str


@dataclass(frozen=True, slots=True)
class _ChainEnd:
    """When the chain at one address ends, and which leaf is shown there."""

    at: datetime
    subject: str
    leaf: str


def forecasts(*, now: datetime, until: datetime) -> tuple[Forecast, ...]:
    """Return what ends between *now* and *until*, first end first, one row per channel; at most three queries.

    Channels that are violated are left out: there mail waits already.
    """
    ending = _links().filter(certificate__not_after__gte=now, certificate__not_after__lte=until)
    ends = _ends(ending.filter(_not_an_anchor()).values(_CHANNEL))
    channels = (
        Channel.objects.filter(pk__in=ends)
        .annotate(now=FilteredRelation("intervals", condition=Q(intervals__valid_to__isnull=True)))
        .annotate(state=F("now__state"), key=Min("nexthops__key"))
        .select_related("partner")
    )
    flowing = [one for one in channels if one.state != "violated"] if ends else []
    pins = _pins([one.pk for one in flowing if one.level == _PINNED])
    found = [_forecast(one, ends[one.pk], pins.get(one.pk, ()), now=now, until=until) for one in flowing]
    return tuple(sorted((one for one in found if one), key=lambda one: (one.at, one.partner)))


def _links() -> QuerySet[ChainLink]:
    """Return the certificates shown now to the plain TLS profile, for the channels that rest on one."""
    return ChainLink.objects.filter(
        **{
            f"{_SEEN}__current": True,
            f"{_SEEN}__endpoint__profile_key": profile_key(PERMISSIVE),
            f"{_CHANNEL}__removed_at__isnull": True,
            f"{_CHANNEL}__level__in": [*_NAMED, _PINNED],
        }
    )


def _not_an_anchor() -> Q:
    """Match what a chain rests on: not a CA at its top that signs itself, whose end nobody looks at there."""
    return Q(position=0) | ~Q(certificate__subject=F("certificate__issuer"))


def _ends(channels: QuerySet[Any, Any]) -> Mapping[int, Sequence[_ChainEnd]]:
    """Return the first end of the chain at each address of *channels*; where the leaf is pinned, of the leaf alone."""
    rows = (
        _links()
        .filter(**{f"{_CHANNEL}__in": channels})
        .filter(_not_an_anchor())
        .values_list(
            _CHANNEL,
            f"{_CHANNEL}__level",
            f"{_SEEN}__endpoint",
            "position",
            "certificate__not_after",
            "certificate__subject",
            "certificate__sha256",
        )
    )
    places: dict[tuple[int, int], list[tuple[int, datetime | None, str, str]]] = defaultdict(list)
    levels: dict[int, str] = {}
    for channel, level, endpoint, *row in rows:
        levels[channel] = level
        places[channel, endpoint].append((row[0], row[1], row[2], row[3]))
    ends: dict[int, list[_ChainEnd]] = defaultdict(list)
    for (channel, _endpoint), links in places.items():
        counted = [link for link in links if link[0] == 0] if levels.get(channel) == _PINNED else links
        dated = [(at, subject) for _position, at, subject, _sha256 in counted if at is not None]
        leaf = next((sha256 for position, _at, _subject, sha256 in links if position == 0), "")
        if dated:
            ends[channel].append(_ChainEnd(*min(dated), leaf))
    return ends


def _pins(channels: Collection[int]) -> Mapping[int, Sequence[Pin]]:
    """Return the pins of *channels* that are announced or accepted."""
    rows: dict[int, list[Pin]] = defaultdict(list)
    states = [Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE]
    if channels:
        for pin in Pin.objects.filter(channel__in=channels, state__in=states).select_related("certificate"):
            rows[pin.channel_id].append(pin)
    return rows


def _forecast(
    channel: Any, ends: Sequence[_ChainEnd], pins: Sequence[Pin], *, now: datetime, until: datetime
) -> Forecast | None:
    """Return what ends first at the addresses of *channel*."""
    ahead = [end for end in ends if now <= end.at <= until]
    if not ahead:
        return None
    first = min(ahead, key=lambda end: end.at)
    ending = sum(end.at <= until for end in ends)
    pinned = channel.level == _PINNED
    shown = {end.leaf for end in ends}
    return Forecast(
        channel=channel.pk,
        partner=channel.partner.name,
        key=channel.key or "",
        state=channel.state or "pending",
        at=first.at,
        pinned=pinned,
        ending=ending,
        of_all=len(ends),
        under_way=_has_successor(pins, shown=shown, at=first.at) if pinned else ending < len(ends),
        subject=first.subject,
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
