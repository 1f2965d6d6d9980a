"""What is told of a channel's mail domains beside their MX: name servers, and the MTA-STS policy of each."""

from dataclasses import dataclass
from datetime import datetime

from partners.core.domain import domain_from_json
from partners.models import Channel, DomainWatch

__all__ = ["DomainRow", "domain_rows"]


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One domain. name_servers: "" where none is known; policy: "" where there is none, None where it is not known."""

    key: str
    name_servers: str
    policy: str | None
    looked_at: datetime


def domain_rows(channel: Channel) -> tuple[DomainRow, ...]:
    """Return the domains of *channel* that were looked at, in one query."""
    rows = DomainWatch.objects.filter(nexthop__channel=channel, looked_at__isnull=False).select_related("nexthop")
    found = []
    for row in rows.order_by("nexthop__key"):
        facts = domain_from_json(row.facts)
        if row.looked_at is not None:
            servers = ", ".join(facts.name_servers or ())
            found.append(DomainRow(row.nexthop.key, servers, facts.policy, row.looked_at))
    return tuple(found)
