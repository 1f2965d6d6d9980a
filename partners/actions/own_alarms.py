"""Alarms that no verdict tells: a relaxation that is over and still in force, a row that ended our worker too often."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from partners.actions.judging import judge_nexthops
from partners.models import AlertPartner, Nexthop
from partners.models.troubles import CAUSES, own_troubles

__all__ = ["tell_own_troubles"]


def tell_own_troubles(*, now: datetime) -> int:
    """Judge the channels that have such a trouble and no alert of it yet; return how many nexthops were judged.

    The judgement opens the alert, and the one after the trouble is gone lets it end.
    """
    troubled: Mapping[int, Collection[str]] = own_troubles()
    told: dict[int, set[str]] = defaultdict(set)
    parts = AlertPartner.objects.filter(cause__in=CAUSES, closed_at__isnull=True, calm_since__isnull=True)
    for channel, cause in parts.values_list("channels", "cause"):
        told[channel].add(cause)
    channels = {pk for pk, causes in troubled.items() if set(causes) - told[pk]}
    channels |= {pk for pk, causes in told.items() if pk is not None and causes - set(troubled.get(pk, ()))}
    rows = list(Nexthop.objects.filter(channel__in=channels).values_list("pk", flat=True))
    judge_nexthops(rows, now=now)
    return len(rows)
