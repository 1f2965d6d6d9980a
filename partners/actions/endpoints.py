"""Where a nexthop is probed: its addresses, each with port and TLS profile, tied to it in a few queries."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

import structlog

from partners.actions.inforce import profiles_asked
from partners.core.effective import nexthop_port
from partners.core.facts_json import profile_key, profile_to_json
from partners.core.observation import PERMISSIVE, NexthopFacts, TlsProfile
from partners.models import Address, Endpoint, Nexthop

__all__ = ["places_of", "tie_endpoints", "tie_nexthop"]

_ADDRESSES_MAX = 200  # of one nexthop; smtp(8) itself tries smtp_mx_address_limit = 5

Session = tuple[str, int, TlsProfile]  # address, port, and the client to be
Place = tuple[IPv4Address | IPv6Address, int, str]  # address, port, key of the TLS profile
log = structlog.get_logger(__name__)


def places_of(nexthop: Nexthop, facts: NexthopFacts) -> dict[Place, TlsProfile]:
    """Return where, and as which client, judging *nexthop* needs a session; a bounded number."""
    return _places(_wanted(nexthop, facts))


def tie_endpoints(wanted: Iterable[Session], *, asked: bool, now: datetime) -> list[Endpoint]:
    """Return the endpoints of *wanted*, made where they are new; those are due now, and all of them if somebody waits.

    The caller holds the transaction.
    """
    places = _places(wanted)
    tied = _made(places, now=now) if places else []
    _make_due([one for one in tied if _is_due(one, asked=asked)], now=now)
    return tied


def tie_nexthop(
    nexthop: Nexthop, places: Mapping[Place, TlsProfile], *, keep_others: bool, asked: bool, now: datetime
) -> bool:
    """Tie *nexthop* to the endpoints of *places*, and return whether others were tied before.

    New ones are due now, and all of them if somebody waits. keep_others: nothing that is tied is let go.
    """
    through = Endpoint.nexthops.through
    before = {_place(one): one for one in Endpoint.objects.filter(nexthops=nexthop).select_related("address")}
    new = {place: places[place] for place in places if place not in before}
    made = _made(new, now=now) if new else []
    through.objects.bulk_create(
        [through(nexthop_id=nexthop.pk, endpoint_id=one.pk) for one in made], ignore_conflicts=True
    )
    gone = [] if keep_others else [one.pk for place, one in before.items() if place not in places]
    if gone:
        through.objects.filter(nexthop=nexthop.pk, endpoint__in=gone).delete()
    tied = made + [one for place, one in before.items() if place in places]
    _make_due([one for one in tied if _is_due(one, asked=asked)], now=now)
    return bool(new or gone)


def _made(places: Mapping[Place, TlsProfile], *, now: datetime) -> list[Endpoint]:
    """Return the endpoints of *places*; those that are new to the portal are made, in one order whoever makes them."""
    texts = sorted({str(address) for address, _port, _key in places})
    Address.objects.bulk_create([Address(address=text, due_at=now) for text in texts], ignore_conflicts=True)
    addresses = {ip_address(str(row.address)): row for row in Address.objects.filter(address__in=texts)}
    rows = [
        Endpoint(address=addresses[address], port=port, profile=profile_to_json(profile), profile_key=key)
        for (address, port, key), profile in sorted(places.items(), key=lambda one: (str(one[0][0]), *one[0][1:]))
    ]
    Endpoint.objects.bulk_create(rows, ignore_conflicts=True)
    found = Endpoint.objects.filter(address__in=[row.pk for row in addresses.values()]).select_related("address")
    return [one for one in found.order_by("pk") if _place(one) in places]


def _is_due(endpoint: Endpoint, *, asked: bool) -> bool:
    """Whether *endpoint* is to be spoken to now: somebody waits, or nobody ever spoke to it."""
    return asked or endpoint.tried_at is None or endpoint.address.due_at is None


def _make_due(endpoints: Iterable[Endpoint], *, now: datetime) -> None:
    """Make the addresses of *endpoints* due now; locked in the order in which results lock them."""
    pks = {one.address_id for one in endpoints}
    if pks:
        locked = Address.objects.select_for_update().filter(pk__in=pks).order_by("pk")
        Address.objects.filter(pk__in=list(locked.values_list("pk", flat=True))).update(due_at=now)


def _places(wanted: Iterable[Session]) -> dict[Place, TlsProfile]:
    return {(ip_address(address), port, profile_key(profile)): profile for address, port, profile in wanted}


def _place(endpoint: Endpoint) -> Place:
    return ip_address(str(endpoint.address.address)), endpoint.port, endpoint.profile_key


def _wanted(nexthop: Nexthop, facts: NexthopFacts) -> Iterator[Session]:
    """Yield address, port and profile of each session that judging this nexthop needs."""
    named = list(dict.fromkeys(address for host in facts.hosts for address in host.addresses))
    if len(named) > _ADDRESSES_MAX:
        log.warning("probe.too-many-addresses", nexthop=nexthop.key, count=len(named), kept=_ADDRESSES_MAX)
    usable = named[:_ADDRESSES_MAX]
    yield from ((address, nexthop_port(nexthop.key), PERMISSIVE) for address in usable)
    for address, port, profile in profiles_asked(nexthop, facts):
        # A permissive handshake stands for one that restricts nothing (verdict.py): it is not made twice.
        if address in usable and replace(profile, strict=False, anonymous=False) != PERMISSIVE:
            yield address, port, profile
