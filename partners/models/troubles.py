"""What keeps a channel from being watched, put back or trusted, though no verdict says so."""

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now

from partners.core.alarms import NAME_SERVERS_MOVED, RELAXATION_OVER, SET_ASIDE
from partners.core.moved import What
from partners.models.alerts import AlertPartner
from partners.models.domains import DomainChange
from partners.models.estate import Nexthop
from partners.models.releases import Candidate, Change

__all__ = ["CAUSES", "WAITS", "doubted_owners", "own_troubles"]

CAUSES = (RELAXATION_OVER, SET_ASIDE, NAME_SERVERS_MOVED)
# A relaxation whose return waits for fresh facts alone is let wait so long: the ticks that bring it back come by twice.
WAITS = timedelta(minutes=12)


def own_troubles(channels: Collection[int] | None = None) -> dict[int, list[str]]:
    """Return the causes by channel, of *channels* or of all, in one query."""
    rows = Nexthop.objects.all() if channels is None else Nexthop.objects.filter(channel__in=channels)
    asks = Candidate.objects.filter(state=Candidate.State.OPEN, needs_second=True, changes=OuterRef("pk"))
    over = Change.objects.ending_relaxations().filter(Q(made_at__lte=Now() - WAITS) | Exists(asks))
    over = over if channels is None else over.filter(channel__in=channels)
    first = over.order_by().values_list("channel", Value(RELAXATION_OVER, CharField()))
    others = (
        rows.filter(**{f"{where}set_aside_at__isnull": False})
        .order_by()
        .values_list("channel", Value(SET_ASIDE, CharField()))
        for where in ("", "endpoints__address__")
    )
    moved = doubted_owners() if channels is None else doubted_owners().filter(nexthop__channel__in=channels)
    doubted = moved.order_by().values_list("nexthop__channel", Value(NAME_SERVERS_MOVED, CharField()))
    found: dict[int, list[str]] = defaultdict(list)
    for pk, cause in first.union(*others, doubted):
        found[pk].append(cause)
    return dict(found)


def doubted_owners() -> "QuerySet[DomainChange]":
    """Return the moves of name servers that nobody answered for; an alert acknowledged since then does."""
    answered = AlertPartner.objects.filter(
        cause=NAME_SERVERS_MOVED,
        partner=OuterRef("nexthop__channel__partner"),
        alert__acknowledged_at__gte=OuterRef("seen_at"),
    )
    moved = DomainChange.objects.filter(what=What.NAME_SERVERS.value, nexthop__channel__removed_at__isnull=True)
    return moved.filter(~Exists(answered))
