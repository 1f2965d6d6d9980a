"""Where certificates are in use: partner, MX host and address that show one, pins and own CAs that name one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.models import Certificate, ChainLink, Pin, PrivateAuthority, VerdictRow

__all__ = ["Place", "Whereabouts", "places_of"]

PLACES_SHOWN: Final = 5
_READ: Final = PLACES_SHOWN * 6  # an address is seen in up to three sessions, an IDN under two keys
_AT: Final = "observation__sightings__endpoint__"
_OPEN: Final = (Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE)
_PIN_WORDS: dict[str, Promise] = {
    Pin.State.PROPOSED: gettext_lazy("pin, waits for approval"),
    Pin.State.STAGED: gettext_lazy("pin, waits for a release"),
    Pin.State.ACTIVE: gettext_lazy("pin in force"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One use. mx_host, address: where it is shown, both "" for what is only announced; note: what it is there."""

    partner: str
    channel: int
    mx_host: str = ""
    address: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """All uses of one certificate; more: how many channels show it beyond the places."""

    places: tuple[Place, ...] = ()
    more: int = 0
    is_shown: bool = False
    is_announced: bool = False


@dataclass
class _Gathered:
    shown: dict[Place, None] = field(default_factory=dict)
    announced: dict[Place, None] = field(default_factory=dict)
    channels: int = 0


def places_of(certificates: Sequence[Certificate]) -> dict[int, Whereabouts]:
    """Return the uses of each of *certificates*, by its key, in five queries."""
    pks = [one.pk for one in certificates]
    found = {pk: _Gathered() for pk in pks}
    for row in _current(pks).values("certificate_id").annotate(n=Count(f"{_AT}nexthops__channel", distinct=True)):
        found[row["certificate_id"]].channels = row["n"]
    _gather_shown(found, pks)
    for pin in Pin.objects.filter(
        certificate__in=pks, state__in=_OPEN, channel__removed_at__isnull=True
    ).select_related("channel__partner"):
        place = Place(pin.channel.partner.name, pin.channel_id, note=str(_PIN_WORDS[pin.state]))
        found[pin.certificate_id or 0].announced[place] = None
    by_hash = {one.sha256: one.pk for one in certificates}
    for one in PrivateAuthority.objects.filter(sha256__in=by_hash, channel__removed_at__isnull=True).select_related(
        "channel__partner"
    ):
        place = Place(one.channel.partner.name, one.channel_id, note=_("own CA, trusted for this partner alone"))
        found[by_hash[one.sha256]].announced[place] = None
    return {pk: _whereabouts(one) for pk, one in found.items()}


def _gather_shown(found: dict[int, _Gathered], pks: Iterable[int]) -> None:
    """Put down at which MX hosts and addresses each is shown now, the first few of many."""
    rank = Window(RowNumber(), partition_by=[F("certificate_id")], order_by=[F("partner").asc(), F("address").asc()])
    rows = list(
        _current(pks)
        .annotate(
            partner=F(f"{_AT}nexthops__channel__partner__name"),
            channel=F(f"{_AT}nexthops__channel_id"),
            nexthop=F(f"{_AT}nexthops__id"),
            address=F(f"{_AT}address__address"),
        )
        .annotate(rank=rank)
        .filter(rank__lte=_READ)
        .values("certificate_id", "partner", "channel", "nexthop", "address", "position")
        .order_by("certificate_id", "partner", "address")
    )
    hosts = {
        (nexthop, str(host.get("address"))): str(host.get("mx_host", ""))
        for nexthop, judged in VerdictRow.objects.filter(nexthop__in={row["nexthop"] for row in rows}).values_list(
            "nexthop_id", "hosts"
        )
        for host in judged
    }
    for row in rows:
        address = str(row["address"])
        place = Place(row["partner"], row["channel"], hosts.get((row["nexthop"], address), ""), address)
        found[row["certificate_id"]].shown.setdefault(place)


def _current(pks: Iterable[int]) -> QuerySet[ChainLink]:
    """Return the links of what is seen now at an endpoint that a nexthop uses."""
    return ChainLink.objects.filter(
        certificate__in=pks,
        observation__sightings__current=True,
        observation__sightings__endpoint__nexthops__isnull=False,
    )


def _whereabouts(gathered: _Gathered) -> Whereabouts:
    shown = tuple(gathered.shown)[:PLACES_SHOWN]
    told = {place.channel for place in shown}
    places = [*shown, *tuple(gathered.announced)[:PLACES_SHOWN]]
    return Whereabouts(
        places=tuple(sorted(places, key=lambda place: (place.partner, place.channel, not place.address))),
        more=max(gathered.channels - len(told), 0),
        is_shown=bool(shown),
        is_announced=bool(gathered.announced),
    )
