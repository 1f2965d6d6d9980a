"""What is kept no longer: history beyond the days that the settings name, in small transactions.

What is true now is never taken away, however old: a current sighting, an open state, a certificate that a pin or a
chain still names.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, ForeignObjectRel, Model, OuterRef, Q, QuerySet

from partners.models import (
    Address,
    Alert,
    AlertDelivery,
    Certificate,
    ChainLink,
    ComplianceInterval,
    DnsSighting,
    DomainChange,
    Endpoint,
    Look,
    Observation,
    Sighting,
)

__all__ = ["Pruned", "prune"]

_AT_ONCE = 1000
_STUCK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went."""

    sightings: int = 0
    observations: int = 0
    certificates: int = 0
    intervals: int = 0
    addresses: int = 0
    alerts: int = 0
    moves: int = 0

    @property
    def is_more_left(self) -> bool:
        """Whether one of the limits was reached."""
        return max(self.sightings, self.intervals, self.addresses, self.alerts, self.moves) >= _AT_ONCE


def prune(*, keep: timedelta, now: datetime) -> Pruned:
    """Take away up to _AT_ONCE rows of each kind that ended longer than *keep* ago; return how many there were."""
    before = now - keep
    _rest_of_nobody(now)
    endpoints = _endpoints_of_nobody(before)
    peers = Sighting.objects.filter(Q(current=False, last_seen__lt=before) | Q(endpoint__in=endpoints))
    names = DnsSighting.objects.filter(current=False, last_seen__lt=before)
    with transaction.atomic():
        freed: set[int] = set()
        sightings = 0
        for rows in (peers, names):
            found = dict(rows.order_by("pk").values_list("pk", "observation")[:_AT_ONCE])
            rows.model._default_manager.filter(pk__in=found).delete()  # noqa: SLF001  Django's documented API
            sightings += len(found)
            freed |= set(found.values())
        left = set(Sighting.objects.filter(endpoint__in=endpoints).values_list("endpoint", flat=True))
        addresses = _drop_endpoints(set(endpoints) - left)
        observations, certificates = _drop_facts(freed)
        old = ComplianceInterval.objects.filter(valid_to__lt=before).order_by("pk").values_list("pk", flat=True)
        intervals = list(old[:_AT_ONCE])
        ComplianceInterval.objects.filter(pk__in=intervals).delete()
    alerts, moves = _drop_alerts(before), _drop_moves(before)
    return Pruned(sightings, observations, certificates, len(intervals), addresses, alerts, moves)


def _drop_alerts(before: datetime) -> int:
    """Drop alerts that were over before, with their messages; one of which a message is still to leave stays."""
    waiting = AlertDelivery.objects.filter(alert=OuterRef("pk"), next_try_at__isnull=False)
    over = Alert.objects.filter(~Exists(waiting), closed_at__lt=before).order_by("pk")
    with transaction.atomic():
        found = list(over.values_list("pk", flat=True)[:_AT_ONCE])
        Alert.objects.filter(pk__in=found).delete()
    return len(found)


def _drop_moves(before: datetime) -> int:
    """Drop what moved of domains before; what is so now stands in the row that is watched."""
    with transaction.atomic():
        found = list(
            DomainChange.objects.filter(seen_at__lt=before).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]
        )
        DomainChange.objects.filter(pk__in=found).delete()
    return len(found)


def _drop_facts(freed: set[int]) -> tuple[int, int]:
    """Drop those of the observations *freed* that nothing names any more, and certificates that were only theirs."""
    gone = list(_unnamed(Observation, besides=(ChainLink,)).filter(pk__in=freed).values_list("pk", flat=True))
    shown = set(ChainLink.objects.filter(observation__in=gone).values_list("certificate", flat=True))
    Observation.objects.filter(pk__in=gone).delete()
    alone = list(_unnamed(Certificate).filter(pk__in=shown).values_list("pk", flat=True))
    Certificate.objects.filter(pk__in=alone).delete()
    return len(gone), len(alone)


def _endpoints_of_nobody(before: datetime) -> list[int]:
    """Return endpoints that no nexthop and no look names, and that nobody spoke to since *before*."""
    rows = Endpoint.objects.filter(~Exists(_ties()), ~Exists(_looks()), tried_at__lt=before)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])


def _drop_endpoints(endpoints: set[int]) -> int:
    """Drop *endpoints*, and the addresses that have no other; return how many addresses that were."""
    addresses = set(Endpoint.objects.filter(pk__in=endpoints).values_list("address", flat=True))
    Endpoint.objects.filter(pk__in=endpoints).delete()
    bare = Address.objects.filter(pk__in=addresses, lease_token="", endpoints__isnull=True)
    found = list(bare.values_list("pk", flat=True))
    Address.objects.filter(pk__in=found).delete()
    return len(found)


def _rest_of_nobody(now: datetime) -> None:
    """Let addresses that nobody names be due no more: each claim would look at them first."""
    named = Endpoint.objects.filter(Exists(_ties()) | Exists(_looks()), address=OuterRef("pk"))
    stuck = Address.objects.filter(~Exists(named), due_at__lt=now - _STUCK, lease_token="")
    stuck.update(due_at=None)


def _ties() -> "QuerySet[Model]":
    return Endpoint.nexthops.through.objects.filter(endpoint=OuterRef("pk"))


def _looks() -> "QuerySet[Model]":
    return Look.endpoints.through.objects.filter(endpoint=OuterRef("pk"))


def _unnamed(model: type[Model], besides: tuple[type[Model], ...] = ()) -> "QuerySet[Model]":
    """Return the rows of *model* that no row of another model points to; what cascades is named in *besides*."""
    rows = model._default_manager.all()  # noqa: SLF001  Django's documented API
    for field in model._meta.get_fields(include_hidden=True):  # noqa: SLF001  Django's documented model API
        if isinstance(field, ForeignObjectRel) and field.related_model not in besides:
            pointing: Any = field.related_model
            rows = rows.filter(~Exists(pointing.objects.filter(**{field.field.name: OuterRef("pk")})))
    return rows
