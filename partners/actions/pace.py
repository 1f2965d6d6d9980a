"""How often each row wants to be looked at: as its partners have it, and sooner while a new key is announced."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet

from partners.core.schedule import INTERVAL
from partners.models import Nexthop, Pin

__all__ = ["Pace", "dice", "pace_of_addresses", "pace_of_nexthops"]

dice = random.SystemRandom()
_ANNOUNCED = (Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE)


@dataclass(frozen=True, slots=True)
class Pace:
    """interval: the shortest that a partner asks for. is_soon: a key was announced that is not seen everywhere yet."""

    interval: timedelta = INTERVAL
    is_soon: bool = False


def pace_of_nexthops(nexthops: Collection[int]) -> dict[int, Pace]:
    """Return the pace of each of *nexthops*."""
    return _fastest(Nexthop.objects.filter(pk__in=nexthops), "pk")


def pace_of_addresses(addresses: Collection[int]) -> dict[int, Pace]:
    """Return the pace of each of *addresses*: of all partners behind it, the fastest one counts."""
    return _fastest(Nexthop.objects.filter(endpoints__address__in=addresses), "endpoints__address")


def _fastest(nexthops: "QuerySet[Nexthop]", key: str) -> dict[int, Pace]:
    """Return by *key* the shortest interval among *nexthops*, and whether one of them has a key announced."""
    unseen = Pin.objects.filter(
        channel=OuterRef("channel"), state__in=_ANNOUNCED, is_backup=False, seen_everywhere_at__isnull=True
    )
    rows = nexthops.order_by().values_list(key, "channel__partner__probe_minutes", Exists(unseen)).distinct()
    found: dict[int, Pace] = {}
    for pk, minutes, is_announced in rows:
        before = found.get(pk, Pace(timedelta.max))
        found[pk] = Pace(min(before.interval, timedelta(minutes=minutes)), before.is_soon or is_announced)
    return found
