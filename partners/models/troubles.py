"""What keeps a channel from being watched or put back, though no verdict says so."""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import CharField, Value

from partners.core.alarms import RELAXATION_OVER, SET_ASIDE
from partners.models.estate import Nexthop
from partners.models.releases import Change

__all__ = ["CAUSES", "own_troubles"]

CAUSES = (RELAXATION_OVER, SET_ASIDE)


def own_troubles(channels: Collection[int] | None = None) -> dict[int, list[str]]:
    """Return the causes by channel, of *channels* or of all, in one query."""
    rows = Nexthop.objects.all() if channels is None else Nexthop.objects.filter(channel__in=channels)
    over = Change.objects.ending_relaxations()
    over = over if channels is None else over.filter(channel__in=channels)
    first = over.order_by().values_list("channel", Value(RELAXATION_OVER, CharField()))
    others = (
        rows.filter(**{f"{where}set_aside_at__isnull": False})
        .order_by()
        .values_list("channel", Value(SET_ASIDE, CharField()))
        for where in ("", "endpoints__address__")
    )
    found: dict[int, list[str]] = defaultdict(list)
    for pk, cause in first.union(*others):
        found[pk].append(cause)
    return dict(found)
