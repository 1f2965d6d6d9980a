"""Numbers for Prometheus: states, alerts, messages and the age of the last cycles; nothing names a partner."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Min, Q, QuerySet

from partners.core.alarms import Severity
from partners.models import Address, Alert, AlertDelivery, ComplianceInterval, Nexthop
from partners.reports.watch import watch_state

__all__ = ["metrics_text"]

_STATES: Final = [state.value for state in ComplianceInterval.State]


def metrics_text(*, now: datetime) -> str:
    """Return the page in the text format of Prometheus, in eight queries."""
    return "".join(f"{line}\n" for line in _lines(now))


def _lines(now: datetime) -> Iterator[str]:
    watch = watch_state()
    yield from _gauge("tlsportal_watch_late", "1 if a cycle did not end in time", [("", int(bool(watch.late)))])
    ages = [(f'cycle="{name}"', (now - at).total_seconds()) for name, at in watch.ended_at.items() if at]
    yield from _gauge("tlsportal_cycle_age_seconds", "Time since a cycle came to its end", ages)
    living = ComplianceInterval.objects.filter(valid_to__isnull=True, channel__removed_at__isnull=True)
    states = dict(living.values_list("state").annotate(count=Count("pk")).order_by())
    yield from _gauge(
        "tlsportal_agreements", "Agreements by state", [(f'state="{one}"', states.get(one, 0)) for one in _STATES]
    )
    found = dict(
        Alert.objects.filter(closed_at__isnull=True).values_list("severity").annotate(count=Count("pk")).order_by()
    )
    alerts = [(f'severity="{one.name.lower()}"', found.get(one.value, 0)) for one in Severity]
    yield from _gauge("tlsportal_alerts_open", "Open alerts by severity", alerts)
    messages = AlertDelivery.objects.aggregate(
        late=Count("pk", filter=Q(next_try_at__lt=now)), failed=Count("pk", filter=Q(failed_at__isnull=False))
    )
    yield from _gauge("tlsportal_notices_due", "Messages that are due", [("", messages["late"])])
    yield from _gauge("tlsportal_notices_given_up", "Messages that were given up", [("", messages["failed"])])
    due = []
    lanes = {"address": _lane(is_slow=False), "slow-address": _lane(is_slow=True)}
    rows: dict[str, QuerySet[Any]] = {"nexthop": Nexthop.objects.all(), **lanes}
    for kind, found_there in rows.items():
        oldest = found_there.filter(due_at__lt=now, set_aside_at__isnull=True)
        first = oldest.aggregate(first=Min("due_at"))["first"]
        due.append((f'kind="{kind}"', (now - first).total_seconds() if first else 0))
    yield from _gauge("tlsportal_oldest_due_seconds", "How long the oldest row is due", due)
    slow = _lane(is_slow=True).filter(set_aside_at__isnull=True)
    silent = slow.aggregate(silent=Count("pk", filter=Q(failing_since__isnull=False)), count=Count("pk"))
    lane = [('answers="no"', silent["silent"]), ('answers="late"', silent["count"] - silent["silent"])]
    yield from _gauge("tlsportal_slow_addresses", "Addresses that are left to the slow lane", lane)


def _lane(*, is_slow: bool) -> "QuerySet[Address]":
    return Address.objects.filter(is_slow=is_slow)


def _gauge(name: str, text: str, rows: list[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {text}."
    yield f"# TYPE {name} gauge"
    for labels, value in rows:
        yield f"{name}{{{labels}}} {value:g}" if labels else f"{name} {value:g}"
