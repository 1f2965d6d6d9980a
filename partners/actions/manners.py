"""Politeness towards partners' mail servers, beyond one session at a time: quiet hours, and a pace for each provider.

Asked within the transaction that claims addresses: what is held back is due later, and nobody else's meanwhile.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils.timezone import get_default_timezone

from partners.actions.rows import update_rows
from partners.core.schedule import Quiet, quiet_until
from partners.core.slow_lane import HELD_LONGEST
from partners.models import Address, Endpoint

__all__ = ["PACE_SECONDS", "held_back"]

PACE_SECONDS = 5  # over which a provider's pace is counted, so that a few servers of one are spoken to side by side
LONGEST_VISIT = timedelta(minutes=5)  # that one vantage keeps another one from an address
ELSEWHERE_WAIT = timedelta(seconds=5)
Tie = Endpoint.nexthops.through


def held_back(found: Sequence[Address], *, now: datetime) -> set[int]:
    """Make those of *found*, locked by the caller, due later that are not to be spoken to now; return them."""
    later = _met_elsewhere(found, now=now)
    rows = [row for row in found if row.pk not in later]
    later |= _quiet([row for row in rows if row.asked_at is None], now=now)
    later |= _too_many([row for row in rows if row.pk not in later], now=now)
    moved = [row for row in found if row.pk in later]
    for row in moved:
        row.due_at = later[row.pk]
    update_rows(moved, ["due_at"])
    return set(later)


def _met_elsewhere(rows: Sequence[Address], *, now: datetime) -> dict[int, datetime]:
    """Return when the addresses may be spoken to that a probe of another vantage is with, or is about to claim.

    A lease that was taken long ago holds nobody up: who keeps it for ever must not blind the others.
    """
    others = Address.objects.filter(address__in=[row.address for row in rows]).exclude(vantage=rows[0].vantage)
    known = dict(others.values_list("pk", "address"))
    if not known:
        return {}
    visit = Q(claimed_at__gt=Now() - LONGEST_VISIT) | Q(claimed_at__gt=Now() - HELD_LONGEST, is_slow=True)
    free = others.exclude(visit, lease_until__gt=Now()).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        free = free.select_for_update(skip_locked=True, no_key=True)
    busy = {known[pk] for pk in known.keys() - set(free.values_list("pk", flat=True))}
    return {row.pk: now + ELSEWHERE_WAIT for row in rows if row.address in busy}


def _quiet(rows: Sequence[Address], *, now: datetime) -> dict[int, datetime]:
    """Return when the addresses that only partners in their quiet hours have may be spoken to."""
    partner = "nexthop__channel__partner"
    ties = Tie.objects.filter(endpoint__address__in=rows)
    wishes = ties.filter(**{f"{partner}__quiet_from__isnull": False}) if rows else ties.none()
    hours: dict[int, set[Quiet | None]] = defaultdict(set)
    for address, since, until in wishes.values_list(
        "endpoint__address", f"{partner}__quiet_from", f"{partner}__quiet_until"
    ):
        hours[address].add(Quiet(since, until, get_default_timezone()))
    if not hours:
        return {}
    others = ties.filter(endpoint__address__in=hours, **{f"{partner}__quiet_from__isnull": True})
    for address in others.values_list("endpoint__address", flat=True).distinct():
        hours[address].add(None)
    ends = {address: quiet_until(now, wanted) for address, wanted in hours.items()}
    return {address: end for address, end in ends.items() if end is not None}


def _too_many(rows: Sequence[Address], *, now: datetime) -> dict[int, datetime]:
    """Return when the addresses are due that would go beyond the pace of their provider."""
    rate = settings.PROBE_PROVIDER_RATE
    found = Counter(row.provider for row in rows if row.provider)
    if not rate or not found:
        return {}
    recent = _recent(found, rows[0].vantage)
    later: dict[int, datetime] = {}
    for row in rows:
        if not row.provider:
            continue
        recent[row.provider] += 1
        beyond = recent[row.provider] - rate * PACE_SECONDS
        if beyond > 0:
            later[row.pk] = now + timedelta(seconds=beyond / rate)
    return later


def _recent(providers: Mapping[str, int], vantage: str) -> Counter[str]:
    """Return how many addresses of each provider were claimed a moment ago, at *vantage*."""
    since = Now() - timedelta(seconds=PACE_SECONDS)
    rows = Address.objects.filter(vantage=vantage, provider__in=providers, claimed_at__gt=since)
    return Counter(dict(rows.values_list("provider").annotate(Count("pk")).order_by()))
