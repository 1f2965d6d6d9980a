"""Mail domains are looked at twice a day: claimed as a row, leased, recorded with what moved."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Q

from partners.actions.pace import dice
from partners.core.alarms import NAME_SERVERS_MOVED
from partners.core.domain import DomainFacts, domain_changes, domain_from_json, domain_to_json
from partners.core.moved import What
from partners.models import Alert, AlertPartner, DomainChange, DomainWatch, Nexthop

__all__ = ["DOMAIN_INTERVAL", "DomainClaim", "claim_domains", "record_domain"]

DOMAIN_INTERVAL: Final = timedelta(hours=12)
_RETRY: Final = timedelta(hours=1)
_LEASE: Final = timedelta(minutes=5)  # far longer than all questions about a few domains may take
_NEW_MAX: Final = 500  # rows that are made at a time

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DomainClaim:
    """A domain that this worker looks at. policy_id: of the record that the policy in *before* was fetched for."""

    pk: int
    mail_domain: str
    token: str
    policy_id: str
    before: DomainFacts


def claim_domains(limit: int, *, now: datetime) -> list[DomainClaim]:
    """Claim up to *limit* domains that are due; a nexthop in brackets or below a dot is no mail domain."""
    _make_missing(now=now)
    token = secrets.token_hex(16)
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    with transaction.atomic():
        due = DomainWatch.objects.filter(free, due_at__lte=now).order_by("due_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        rows = list(due.select_related("nexthop")[:limit])
        DomainWatch.objects.filter(pk__in=[row.pk for row in rows]).update(lease_token=token, lease_until=now + _LEASE)
    return [
        DomainClaim(row.pk, row.nexthop.key.partition(":")[0], token, row.policy_id, domain_from_json(row.facts))
        for row in rows
    ]


def record_domain(claim: DomainClaim, found: DomainFacts, *, policy_id: str, now: datetime) -> bool:
    """Keep what was *found* and what moved; what could not be found out stays as it was. False without the lease."""
    facts = found.after(claim.before)
    is_whole = None not in (found.name_servers, found.policy)
    wait = (DOMAIN_INTERVAL if is_whole else _RETRY) * (0.9 + 0.2 * dice.random())
    fields = {"facts": domain_to_json(facts), "looked_at": now, "due_at": now + wait, "policy_id": policy_id}
    with transaction.atomic():
        mine = DomainWatch.objects.filter(pk=claim.pk, lease_token=claim.token)
        if not mine.update(**fields, lease_token="", lease_until=None):
            log.warning("domain.dropped", nexthop=claim.mail_domain, cause="lease lost")
            return False
        nexthop = DomainWatch.objects.values_list("nexthop_id", flat=True).get(pk=claim.pk)
        moved = domain_changes(claim.before, facts)
        DomainChange.objects.bulk_create(
            DomainChange(nexthop_id=nexthop, what=one.what.value, before=one.before, after=one.after, seen_at=now)
            for one in moved
        )
        if any(one.what is What.NAME_SERVERS for one in moved):
            _ask_again(nexthop)
    for one in moved:
        log.warning("domain.moved", nexthop=claim.mail_domain, what=one.what.value)
    return True


def _ask_again(nexthop: int) -> None:
    """Let an open alert about the owner be acknowledged anew: what somebody answered for was the move before."""
    parts = AlertPartner.objects.filter(
        cause=NAME_SERVERS_MOVED, closed_at__isnull=True, partner__channels__nexthops=nexthop
    )
    again = {"acknowledged_at": None, "acknowledged_by": None, "escalated_at": None}
    Alert.objects.filter(pk__in=parts.values("alert")).update(**again)


def _make_missing(*, now: datetime) -> None:
    """Make the rows of nexthops that have none yet, a bounded number."""
    new = (
        Nexthop.objects.filter(domain_watch__isnull=True)
        .exclude(Q(key__startswith=".") | Q(key__startswith="["))
        .values_list("pk", flat=True)[:_NEW_MAX]
    )
    rows = [DomainWatch(nexthop_id=pk, due_at=now) for pk in new]
    DomainWatch.objects.bulk_create(rows, ignore_conflicts=True)
