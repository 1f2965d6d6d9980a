"""The map in force of each relay group: what its relays last reported, until then the published release."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from partners.actions.maps import GroupMap, released_map
from partners.actions.stored import Stored
from partners.core.grammar import ParsedPolicy
from partners.core.levels import SecurityLevel
from partners.core.observation import NexthopFacts, NotMeasuredCause
from partners.core.outcome import JudgedPolicy
from partners.core.relay import RelaySettings
from partners.core.verdict import Delivery, PeerKey, TlsStatus, Verdict, judge, profiles_needed
from partners.models import Artefact, Channel, Head, Nexthop, Relay, RelayGroup

__all__ = ["InForce", "maps_in_force", "profiles_asked"]

_READ_MAX = 32


@dataclass(frozen=True, slots=True)
class InForce:
    """The map of one relay group that is in force, with the settings it is read by."""

    map: GroupMap
    relay: RelaySettings

    def policy(self, nexthop: str) -> tuple[str | None, JudgedPolicy | None]:
        """Return the key and the entry that apply to *nexthop*, None and None for main.cf's default."""
        key = self.map.key_of(nexthop)
        return key, self.map.policy_of(key) if key is not None else None

    def verdict(self, nexthop: str, stored: Stored, *, now: datetime) -> Verdict:
        """Return what smtp(8) on this group's relays does with a message to *nexthop*."""
        key, policy = self.policy(nexthop)
        if stored.dns is None:
            level = policy.level if policy else self.relay.smtp_tls_security_level
            never = NotMeasuredCause.NEVER.value
            return Verdict(
                nexthop, key, level, Delivery.UNKNOWN, TlsStatus.NONE, None, "", "", (), (), None, unknown=never
            )
        return judge(policy, stored.dns, stored.at(self.map.group.vantage).by_key, self.relay, now, key=key)


_read: dict[tuple[str, str], InForce] = {}  # by the bytes of the map and the row of the group: never stale


def maps_in_force() -> list[InForce]:
    """Return the map in force of each relay group; thousands of lines are read once a process, not once a result."""
    maps, groups = [], list(_groups())
    artefacts: dict[int, Artefact] | None = None  # of all groups at once, as soon as one was not read before
    for group in groups:
        row = {field.attname: getattr(group, field.attname) for field in group._meta.concrete_fields}  # noqa: SLF001  Django's documented model API
        key = str(getattr(group, "sha256_in_force", "")), json.dumps(row, sort_keys=True, default=str)
        in_force = _read.get(key)
        if in_force is None:
            if artefacts is None:
                artefacts = Artefact.objects.in_bulk({_artefact_of(one) for one in groups} - {0})
            one = released_map(group, artefacts.get(_artefact_of(group)))
            in_force = InForce(one, one.relay)
            if one.sha256 == key[0] or not (one.text or key[0]):
                if len(_read) >= _READ_MAX:
                    _read.clear()
                _read[key] = in_force
        maps.append(in_force)
    return maps


def profiles_asked(nexthop: Nexthop, facts: NexthopFacts, maps: Iterable[InForce]) -> Iterator[PeerKey]:
    """Yield the sessions that judging *nexthop* needs: under *maps*, those in force, and under the channel's draft."""
    draft = _draft_of(nexthop.channel)
    for in_force in maps:
        yield from profiles_needed(in_force.policy(nexthop.key)[1], facts, in_force.relay)
        yield from profiles_needed(draft, facts, in_force.relay)


def _draft_of(channel: Channel) -> ParsedPolicy:
    """Return what the newest draft asks of a session.

    At fingerprint the client side is that of verify, whichever digests are taken; without one there is no session.
    """
    level = SecurityLevel(channel.level)
    return ParsedPolicy(
        SecurityLevel.VERIFY if level is SecurityLevel.FINGERPRINT else level,
        protocols=channel.protocols or None,
        ciphers=channel.ciphers or None,
        exclude=channel.exclude or None,
        servername=channel.servername or None,
    )


def _groups() -> "QuerySet[RelayGroup]":
    """Return the groups with key and hash of the artefact in force, 0 and "" before the first release; one query.

    It is the oldest that relays of the group report, else the published one.
    """
    numbers = Relay.objects.filter(group=OuterRef("group"), active_release__isnull=False)
    oldest = numbers.order_by("active_release").values("active_release")[:1]
    of_group = Artefact.objects.filter(group=OuterRef("pk"))
    reported, published = of_group.filter(release__number=Subquery(oldest)), of_group.filter(release__in=_published())

    def either(name: str, nothing: object) -> Coalesce:
        return Coalesce(Subquery(reported.values(name)[:1]), Subquery(published.values(name)[:1]), Value(nothing))

    return RelayGroup.objects.annotate(sha256_in_force=either("sha256", ""), artefact_in_force=either("pk", 0))


def _artefact_of(group: RelayGroup) -> int:
    return int(getattr(group, "artefact_in_force", 0))


def _published() -> "QuerySet[Head, Any]":
    return Head.objects.filter(pk=1).values("release")
