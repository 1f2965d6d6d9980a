"""Looks at the servers of many partners, asked for at once."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions.access import demand_editor
from partners.actions.leases import PROBE_ASKED, make_due, nudge
from partners.actions.many import Plan, Planned, demand_count, keep_act, split_seen
from partners.models import BulkAct, Channel, Nexthop, User

__all__ = ["ask_many", "plan_probes"]


def plan_probes(channels: Collection[int]) -> Plan:
    """Return which of *channels* would be looked at, and which have nothing to look at."""
    keys: dict[int, list[str]] = {}
    looked_at = Nexthop.objects.filter(channel__in=channels).exclude(key__startswith=".").order_by("key")
    for pk, key in looked_at.values_list("channel_id", "key"):
        keys.setdefault(pk, []).append(key)
    living = Channel.objects.filter(pk__in=channels, removed_at__isnull=True).select_related("partner")
    rows = []
    for channel in living.order_by("standing__folded", "pk"):
        own = keys.get(channel.pk, [])
        refusal = "" if own else _("a key that begins with a dot is judged by others, and never looked at")
        rows.append(
            Planned(
                channel.pk, channel.partner_id, channel.version, channel.partner.name, ", ".join(own[:1]), "",
                ", ".join(own), refusal,
            )
        )  # fmt: skip
    return Plan(tuple(rows))


def ask_many(*, seen: Mapping[int, int], still: Collection[int], by: User, now: datetime) -> BulkAct:
    """Make the nexthops of *seen* due now, as ask_now() does one; an address that asked for rest keeps it."""
    demand_editor(by)
    demand_count(BulkAct.Kind.PROBE, len(seen))
    with transaction.atomic():
        kept, left = split_seen(plan_probes(seen), seen, still)
        asked = Nexthop.objects.filter(channel__in=[row.channel for row in kept]).order_by("pk")
        make_due(list(asked.values_list("pk", flat=True)), origin="person", now=now)
        rows = [{"channel": row.channel, "name": row.name, "before": "", "after": row.after} for row in kept]
        act = keep_act(BulkAct.Kind.PROBE, {}, rows, left, by=by, now=now)
        nudge(PROBE_ASKED)
    return act
