"""Which entry fits what a partner's servers show: one proposal per level, judged as Postfix would, nothing written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from partners.actions.partners import draft_with
from partners.actions.relay_groups import settings_of
from partners.actions.stored import Stored
from partners.actions.whatif import Ground, GroupPreview, ground_of, previews
from partners.core.certificates import pkey_fingerprint
from partners.core.errors import RefusedInput
from partners.core.levels import Protection, SecurityLevel
from partners.core.observation import Dnssec, LookupStatus, PeerFacts
from partners.core.outcome import Delivery, HostOutcome
from partners.models import Channel

__all__ = ["HostTally", "Proposal", "proposals", "proposals_from"]

_KEYS_MAX: Final = 8  # more different keys than that are no pin that anybody keeps true


@dataclass(frozen=True, slots=True)
class HostTally:
    """What Postfix would do at one MX host, over its addresses and all relay groups.

    delivered of total addresses take the mail on every group; text: the first reason where one does not.
    """

    mx_host: str
    delivered: int
    total: int
    delivery: str
    tls_status: str
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """One level with the fields that go with it. possible: every address on every relay group would take the mail.

    lines: as they would stand in the map, each once; refusal: why there is none. recommended: of all that are
    possible the one that asks the most of the peer and the least of people. seen: what match= rests on, where that is a
    sighting alone: SHA-256 fingerprints of keys, which add_partner and edit_channel take to mark the pins.
    """

    level: str
    agreed: str
    match: str
    hosts: tuple[HostTally, ...]
    lines: tuple[str, ...]
    possible: bool
    refusal: str = ""
    recommended: bool = False
    seen: tuple[str, ...] = ()

    @property
    def unknown(self) -> bool:
        """Whether the outcome rests on a session that was not had yet, such as one with the name dane asks for."""
        return any(host.delivery == Delivery.UNKNOWN.value for host in self.hosts)


# from the one that is recommended first to the last
_RANKED: Final = (
    (SecurityLevel.DANE_ONLY, Protection.DANE),
    (SecurityLevel.SECURE, Protection.CA_NAME),
    (SecurityLevel.FINGERPRINT, Protection.PIN),
    (SecurityLevel.ENCRYPT, Protection.ENCRYPTED),
)


def proposals(channel: Channel, *, now: datetime, ground: Ground | None = None) -> tuple[Proposal, ...]:
    """Return what could be agreed with the partner of *channel*, best first; nothing before the first look.

    A key that was seen is no proof that it is theirs: a pin is to be compared with the partner by another way.
    ground: of *channel*, where it is read already.
    """
    return _proposals(ground or ground_of(channel), now=now)


def proposals_from(facts: Mapping[str, Stored], *, now: datetime) -> tuple[Proposal, ...]:
    """Return the same for a channel that is not there yet and would have the keys of *facts*."""
    return _proposals(ground_of(None, facts), now=now)


def _proposals(ground: Ground, *, now: datetime) -> tuple[Proposal, ...]:
    facts = ground.facts
    if not any(isinstance(peer, PeerFacts) for stored in facts.values() for peer in stored.peers):
        return ()
    match = {SecurityLevel.SECURE: _mx_names(facts), SecurityLevel.FINGERPRINT: _key_digests(ground)}
    found: list[Proposal] = []
    for level, agreed in _RANKED:
        needed = match.get(level)
        if needed == "" or (level is SecurityLevel.DANE_ONLY and not _has_tlsa(facts)):
            continue
        one = _proposal(ground, level, agreed, needed or "", now=now)
        best = one.possible and not any(before.possible for before in found)
        seen = _keys_seen(facts) if level is SecurityLevel.FINGERPRINT else ()
        found.append(replace(one, recommended=best, seen=seen))
    return tuple(found)


def _proposal(ground: Ground, level: SecurityLevel, agreed: Protection, match: str, *, now: datetime) -> Proposal:
    fields = {"level": level, "agreed": agreed, "match": match}
    if ground.channel is None:
        fields["nexthops"] = sorted(ground.facts)
    try:
        groups = previews(draft_with(fields, ground.channel, before=ground.before), ground, now=now)
    except RefusedInput as refused:
        return Proposal(level.value, agreed.value, match, (), (), possible=False, refusal=refused.told_in(_))
    refusal = next((one.refusal for one in groups if one.refusal), "")
    verdicts = [verdict for one in groups for verdict in one.verdicts]
    unseen = any(one.unseen for one in groups)
    return Proposal(
        level.value,
        agreed.value,
        match,
        tuple(_tallies(groups)),
        tuple(dict.fromkeys(line for one in groups for line in one.lines)),
        possible=not refusal and not unseen and bool(verdicts) and all(one.all_deliver for one in verdicts),
        refusal=refusal,
    )


def _tallies(groups: Iterable[GroupPreview]) -> Iterator[HostTally]:
    """Yield one row per MX host in Postfix's order."""
    outcomes: dict[str, dict[str, list[HostOutcome]]] = {}
    for one in groups:
        for verdict in one.verdicts:
            for row in verdict.hosts:
                outcomes.setdefault(row.mx_host, {}).setdefault(row.address, []).append(row)
    for mx_host, addresses in outcomes.items():
        short = [row for rows in addresses.values() for row in rows if row.delivery is not Delivery.DELIVER]
        first = short[0] if short else next(iter(addresses.values()))[0]
        good = sum(all(row.delivery is Delivery.DELIVER for row in rows) for rows in addresses.values())
        yield HostTally(
            mx_host, good, len(addresses), first.delivery.value, first.tls_status.value, first.text if short else ""
        )


def _mx_names(facts: Mapping[str, Stored]) -> str:
    """Return the names of all MX hosts, literally: a changed MX record cannot lead the mail elsewhere."""
    names = [host.name for stored in facts.values() if stored.dns for host in stored.dns.hosts]
    return "\n".join(dict.fromkeys(names))


def _has_tlsa(facts: Mapping[str, Stored]) -> bool:
    """Whether a host has TLSA records in a signed zone."""
    return any(
        one.status is LookupStatus.FOUND and one.dnssec is Dnssec.SECURE and bool(one.records)
        for stored in facts.values()
        if stored.dns
        for host in stored.dns.hosts
        for one in host.tlsa
    )


def _key_digests(ground: Ground) -> str:
    """Return the digests of the keys that were seen, by every algorithm that a relay group compares; "" for too many.

    All of one look: whoever shows another key later is deferred.
    """
    leaves = _leaves(ground.facts)
    try:
        algorithms = sorted({settings_of(group).fingerprint_digest for group in ground.groups})
        found = {pkey_fingerprint(leaf, algorithm) for leaf in leaves for algorithm in algorithms}
    except RefusedInput:
        return ""
    return "\n".join(sorted(found)) if len(found) <= _KEYS_MAX * len(algorithms) else ""


def _keys_seen(facts: Mapping[str, Stored]) -> tuple[str, ...]:
    """Return the SHA-256 fingerprints of the keys that were seen."""
    return tuple(sorted({pkey_fingerprint(leaf, "sha256") for leaf in _leaves(facts)}))


def _leaves(facts: Mapping[str, Stored]) -> set[bytes]:
    """Return the certificates that the peers showed as their own."""
    peers = (peer for stored in facts.values() for peer in stored.peers)
    return {peer.tls.chain[0] for peer in peers if isinstance(peer, PeerFacts) and peer.tls and peer.tls.chain}
