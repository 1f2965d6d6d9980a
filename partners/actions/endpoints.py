"""Where a nexthop is probed: its addresses, each with port and TLS profile, tied to it in a few queries."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import structlog

from partners.actions.inforce import InForce, profiles_asked
from partners.actions.rows import update_rows
from partners.actions.second_looks import SecondLooks
from partners.core.effective import nexthop_port
from partners.core.facts_json import profile_key, profile_to_json
from partners.core.observation import PERMISSIVE, NexthopFacts, TlsProfile
from partners.core.schedule import provider_of
from partners.core.vantage import HERE
from partners.models import Address, Endpoint, Nexthop, RelayGroup

__all__ = ["Tying", "tie_endpoints", "tie_nexthops", "tying_of"]

_ADDRESSES_MAX = 200  # of one nexthop; smtp(8) itself tries smtp_mx_address_limit = 5

Session = tuple[str, int, TlsProfile]  # address, port, and the client to be
IpAddress = IPv4Address | IPv6Address
Place = tuple[str, IpAddress, int, str]  # vantage, address, port, key of the TLS profile
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tying:
    """Where one nexthop is to be probed. keep_others: nothing that is tied is let go.

    providers: of each address that an MX host led to, who runs it. asked_at: since when somebody waits; what was spoken
    to since then is not spoken to again, for another nexthop may have led there. is_unseen: a pin is in play, and which
    second look to make is known only after the first.
    """

    nexthop: int
    places: Mapping[Place, TlsProfile]
    providers: Mapping[IpAddress, str] = field(default_factory=dict)
    keep_others: bool = False
    asked_at: datetime | None = None
    is_unseen: bool = False


def tying_of(
    nexthop: Nexthop,
    facts: NexthopFacts,
    maps: Sequence[InForce],
    second_looks: SecondLooks,
    *,
    keep_others: bool,
    asked_at: datetime | None,
) -> Tying:
    """Return where, and as which client, judging *nexthop* needs a session, or a pin a second look; bounded."""
    providers = {
        ip_address(address): provider_of(host.name)
        for host in facts.hosts
        if not _is_literal(host.name)
        for address in host.addresses
    }
    places: dict[Place, TlsProfile] = {}
    for vantage in sorted({one.map.group.vantage for one in maps} or {HERE}):
        seen_there = [one for one in maps if one.map.group.vantage == vantage]
        second = second_looks.sessions(nexthop, facts, seen_there, vantage)
        places |= _places(_wanted(nexthop, facts, seen_there, second), vantage)
    is_unseen = second_looks.is_unseen(nexthop, facts)
    return Tying(nexthop.pk, places, providers, keep_others, asked_at, is_unseen)


def tie_endpoints(wanted: Iterable[Session], *, asked: bool, now: datetime) -> list[Endpoint]:
    """Return the endpoints of *wanted*, made where they are new; those are due now, and all of them if somebody waits.

    The caller holds the transaction.
    """
    places = _places(wanted, _main_vantage())
    tied = _made(places, {}, now=now) if places else []
    asked_at = now if asked else None
    _make_due({one.address_id for one in tied if _is_due(one, asked_at)}, asked=asked, now=now)
    return tied


def tie_nexthops(ties: Sequence[Tying], *, now: datetime) -> set[int]:
    """Tie nexthops to the endpoints of their places, and return those that were tied to others before.

    New endpoints are due now, and all of a nexthop that somebody waits for. The caller holds the transaction.
    """
    through = Endpoint.nexthops.through
    before: dict[int, dict[Place, Any]] = {one.nexthop: {} for one in ties}
    for tie in through.objects.filter(nexthop__in=before).select_related("endpoint__address"):
        before[tie.nexthop_id][_place(tie.endpoint)] = tie
    new = {place: profile for one in ties for place, profile in one.places.items() if place not in before[one.nexthop]}
    providers = {address: name for one in ties for address, name in one.providers.items()}
    made = {_place(one): one for one in _made(new, providers, now=now)} if new else {}
    gone = [
        tie.pk
        for one in ties
        if not one.keep_others
        for place, tie in before[one.nexthop].items()
        if place not in one.places
    ]
    if gone:
        through.objects.filter(pk__in=gone).delete()
    added = [(one, made[place]) for one in ties for place in one.places if place not in before[one.nexthop]]
    if added:
        rows = [through(nexthop_id=one.nexthop, endpoint_id=endpoint.pk) for one, endpoint in added]
        through.objects.bulk_create(rows, ignore_conflicts=True)
    _make_all_due(ties, before, added, now=now)
    left = set(gone)
    moved = {one.nexthop for one in ties for tie in before[one.nexthop].values() if tie.pk in left}
    return moved | {one.nexthop for one, _endpoint in added}


def _make_all_due(
    ties: Sequence[Tying],
    before: Mapping[int, Mapping[Place, Any]],
    added: Sequence[tuple[Tying, Endpoint]],
    *,
    now: datetime,
) -> None:
    """Make the addresses due that were never spoken to, and those that somebody waits for."""
    kept = [(one, tie.endpoint) for one in ties for place, tie in before[one.nexthop].items() if place in one.places]
    for asked in (False, True):
        tied = [(one, endpoint) for one, endpoint in [*kept, *added] if (one.asked_at is not None) is asked]
        due = {endpoint.address_id for one, endpoint in tied if _is_due(endpoint, one.asked_at)}
        _make_due(due, asked=asked, now=now)


def _made(places: Mapping[Place, TlsProfile], providers: Mapping[IpAddress, str], *, now: datetime) -> list[Endpoint]:
    """Return the endpoints of *places*; those that are new to the portal are made, in one order whoever makes them."""
    named = {str(address): providers.get(address, "") for _vantage, address, _port, _key in places}
    wanted_there = {(vantage, address) for vantage, address, _port, _key in places}
    known = _known(named)
    new = sorted((str(address), vantage) for vantage, address in wanted_there - known.keys())
    if new:
        rows = [Address(address=text, vantage=vantage, provider=named[text], due_at=now) for text, vantage in new]
        Address.objects.bulk_create(rows, ignore_conflicts=True)
        known |= _known({text for text, _vantage in new})
    _name_providers([row for row in known.values() if not row.provider], named)
    wanted = [
        Endpoint(address=known[vantage, address], port=port, profile=profile_to_json(profile), profile_key=key)
        for (vantage, address, port, key), profile in sorted(places.items(), key=lambda one: _order(one[0]))
    ]
    Endpoint.objects.bulk_create(wanted, ignore_conflicts=True)
    found = Endpoint.objects.filter(address__in=[row.pk for row in known.values()]).select_related("address")
    return [one for one in found.order_by("pk") if _place(one) in places]


def _known(addresses: Collection[str]) -> dict[tuple[str, IpAddress], Address]:
    """Return the rows of *addresses*, of all vantages."""
    rows = Address.objects.filter(address__in=addresses)
    return {(row.vantage, ip_address(str(row.address))): row for row in rows}


def _order(place: Place) -> tuple[str, int, str, str]:
    vantage, address, port, key = place
    return str(address), port, key, vantage


def _main_vantage() -> str:
    """Return from where is looked before it is known for which relays: from here, if any relay group does so."""
    names = list(RelayGroup.objects.order_by("name").values_list("vantage", flat=True))
    return HERE if HERE in names or not names else names[0]


def _name_providers(rows: Sequence[Address], named: Mapping[str, str]) -> None:
    """Write on *rows* who runs them, where it became known only now."""
    found = [row for row in rows if named.get(str(row.address))]
    for row in found:
        row.provider = named[str(row.address)]
    update_rows(sorted(found, key=lambda row: row.pk), ["provider"])


def _is_due(endpoint: Endpoint, asked_at: datetime | None) -> bool:
    """Whether *endpoint* is to be spoken to now: somebody waits since *asked_at*, or nobody ever spoke to it."""
    is_late = asked_at is not None and endpoint.tried_at is not None and endpoint.tried_at < asked_at
    return is_late or endpoint.tried_at is None or endpoint.address.due_at is None


def _make_due(addresses: Collection[int], *, asked: bool, now: datetime) -> None:
    """Make *addresses* due now; locked in the order in which results lock them."""
    if addresses:
        locked = Address.objects.select_for_update(no_key=True).filter(pk__in=addresses).order_by("pk")
        mine = Address.objects.filter(pk__in=list(locked.values_list("pk", flat=True)))
        mine.update(**{"due_at": now, **({"asked_at": now} if asked else {})})


def _is_literal(name: str) -> bool:
    """Whether *name* is an address, as in a key like [192.0.2.1]."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _places(wanted: Iterable[Session], vantage: str) -> dict[Place, TlsProfile]:
    return {(vantage, ip_address(address), port, profile_key(profile)): profile for address, port, profile in wanted}


def _place(endpoint: Endpoint) -> Place:
    row = endpoint.address
    return row.vantage, ip_address(str(row.address)), endpoint.port, endpoint.profile_key


def _wanted(
    nexthop: Nexthop, facts: NexthopFacts, maps: Sequence[InForce], second_looks: Iterable[Session]
) -> Iterator[Session]:
    """Yield address, port and profile of each session that judging this nexthop needs, then the *second_looks*."""
    named = list(dict.fromkeys(address for host in facts.hosts for address in host.addresses))
    if len(named) > _ADDRESSES_MAX:
        log.warning("probe.too-many-addresses", nexthop=nexthop.key, count=len(named), kept=_ADDRESSES_MAX)
    usable = named[:_ADDRESSES_MAX]
    yield from ((address, nexthop_port(nexthop.key), PERMISSIVE) for address in usable)
    for address, port, profile in profiles_asked(nexthop, facts, maps):
        # A permissive handshake stands for one that restricts nothing (verdict.py): it is not made twice.
        if address in usable and replace(profile, strict=False, anonymous=False) != PERMISSIVE:
            yield address, port, profile
    yield from (session for session in second_looks if session[0] in usable)
