"""Where a server is asked for its second certificate too: a pin is in play, and the kind of its first leaf is known."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.db.models import Exists, OuterRef, QuerySet

from partners.actions.inforce import InForce, profiles_asked
from partners.core.facts_json import profile_key
from partners.core.levels import SecurityLevel
from partners.core.observation import PERMISSIVE, NexthopFacts, TlsProfile
from partners.core.second_look import kind_of_key, second_look
from partners.core.verdict import PeerKey
from partners.models import ChainLink, Nexthop, Pin

__all__ = ["SecondLooks", "second_looks_of", "with_announced"]

_IpAddress = IPv4Address | IPv6Address
_ANNOUNCED = (Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE)
_PLAIN = profile_key(PERMISSIVE)
_SEEN = "observation__sightings"
_AT = f"{_SEEN}__endpoint"


@dataclass(frozen=True, slots=True)
class SecondLooks:
    """What is known of the first leaves. pinned: the nexthops with a pin in play.

    kinds: nexthop, vantage, address and key of the TLS profile -> the kind of key of the leaf that is shown.
    """

    pinned: frozenset[int] = frozenset()
    kinds: Mapping[tuple[int, str, _IpAddress, str], str] = field(default_factory=dict)

    def sessions(
        self, nexthop: Nexthop, facts: NexthopFacts, maps: Sequence[InForce], vantage: str
    ) -> Iterator[PeerKey]:
        """Yield the second looks at *nexthop*: one beside each session of Postfix's whose leaf is known.

        Where one asks for a peer that matches, the others, of an entry to come or to go, count no more.
        """
        if nexthop.pk not in self.pinned:
            return
        asked = list(profiles_asked(nexthop, facts, maps))
        for address, port, profile in [one for one in asked if one[2].strict] or asked:
            wanted = second_look(profile, self._shown(nexthop.pk, vantage, address, profile))
            if wanted is not None:
                yield address, port, wanted

    def is_unseen(self, nexthop: Nexthop, facts: NexthopFacts) -> bool:
        """Whether a pin is in play and no leaf of *nexthop* is known as yet, as before its first session."""
        named = any(host.addresses for host in facts.hosts)
        return named and nexthop.pk in self.pinned and not any(key[0] == nexthop.pk for key in self.kinds)

    def _shown(self, nexthop: int, vantage: str, address: str, profile: TlsProfile) -> str:
        """Return the kind of key that *address* shows to *profile*, or to the plain one, which may stand for it."""
        place = ip_address(address)
        exact = self.kinds.get((nexthop, vantage, place, profile_key(profile)))
        return exact or self.kinds.get((nexthop, vantage, place, _PLAIN), "")


def with_announced(nexthops: "QuerySet[Nexthop]") -> dict[Nexthop, bool]:
    """Return *nexthops* with their channels, each with whether a pin of its channel was announced; one query."""
    announced = Pin.objects.filter(channel=OuterRef("channel"), state__in=_ANNOUNCED)
    rows = nexthops.select_related("channel").annotate(has_announced=Exists(announced))
    return {row: row.has_announced for row in rows}


def second_looks_of(nexthops: Mapping[Nexthop, bool], maps: Sequence[InForce]) -> SecondLooks:
    """Return what is known of the first leaves of those of *nexthops* that have a pin in play.

    In play: a pin was announced, or a draft or a map in force compares fingerprints. One query, none without such pins.
    """
    pinned = frozenset(row.pk for row, is_announced in nexthops.items() if is_announced or _compares(row, maps))
    return SecondLooks(pinned, _kinds(pinned)) if pinned else SecondLooks()


def _compares(nexthop: Nexthop, maps: Sequence[InForce]) -> bool:
    """Whether the draft of *nexthop*, or a map in force, compares its fingerprint."""
    if nexthop.channel.level == SecurityLevel.FINGERPRINT.value:
        return True
    policies = (one.policy(nexthop.key)[1] for one in maps)
    return any(policy is not None and policy.level is SecurityLevel.FINGERPRINT for policy in policies)


def _kinds(pinned: Collection[int]) -> Mapping[tuple[int, str, _IpAddress, str], str]:
    """Return the kind of key of each leaf that *pinned* show now."""
    links = ChainLink.objects.filter(
        position=0, **{f"{_SEEN}__current": True, f"{_AT}__nexthops__in": pinned}
    ).values_list(
        f"{_AT}__nexthops",
        f"{_AT}__address__vantage",
        f"{_AT}__address__address",
        f"{_AT}__profile_key",
        "certificate__key_type",
    )
    return {
        (nexthop, vantage, ip_address(address), key): kind
        for nexthop, vantage, address, key, key_type in links
        if (kind := kind_of_key(key_type))
    }
