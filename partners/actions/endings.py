"""Which certificate ends near at hand will stop mail: told by the judge itself, asked about the moment after."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from partners.actions.inforce import InForce
from partners.actions.stored import Stored
from partners.core.alarms import WARN_SHARE, End, breaking_end, ends_near, flows
from partners.core.certificates import CertificateFacts, certificate_facts
from partners.core.errors import CertificateRefused
from partners.core.levels import SecurityLevel
from partners.core.observation import PeerFacts
from partners.core.verdict import Verdict
from partners.models import Channel, Nexthop, PartnerNotices, Pin

__all__ = ["Endings", "endings_of", "ends_shown", "warning_shares"]

Judged = tuple[Nexthop, InForce, Verdict]


@dataclass(frozen=True, slots=True)
class Endings:
    """What ends near at hand. breaks: mail stops after it. pin: the leaf is pinned, and no successor is announced."""

    breaks: End | None = None
    pin: End | None = None


def warning_shares(partners: Collection[int]) -> Mapping[int, float]:
    """Return the warning time of each of *partners* as a share of a lifetime; one query."""
    rows = PartnerNotices.objects.filter(partner__in=partners).values_list("partner_id", "warn_percent")
    found = {pk: percent / 100 for pk, percent in rows if percent is not None}
    return {pk: found.get(pk, WARN_SHARE) for pk in partners}


def endings_of(
    channel: Channel,
    own: Sequence[Judged],
    facts: Mapping[int, Stored],
    pins: Sequence[Pin],
    *,
    share: float,
    now: datetime,
) -> Endings:
    """Return what ends near at hand for *channel*. own: what was judged by its own entries. share: of a lifetime."""
    seen = [one for row in dict.fromkeys(row.pk for row, _map, _verdict in own) for one in _ends(facts[row])]
    near = ends_near((end for end, _is_leaf in seen), now, share=share)
    if not near:
        return Endings()
    breaks = breaking_end(near, lambda moment: _flow(own, facts, moment))
    pinned = any(verdict.level is SecurityLevel.FINGERPRINT for _row, _map, verdict in own)
    if breaks is not None or not pinned:
        return Endings(breaks)
    leaves = {end for end, is_leaf in seen if is_leaf}
    first = next((end for end in near if end in leaves), None)
    return Endings(pin=None if first is None or _has_successor(channel, pins) else first)


def ends_shown(stored: Stored) -> Iterator[End]:
    """Yield the ends of the certificates seen now that may stop mail."""
    return (end for end, _is_leaf in _ends(stored))


def _flow(own: Iterable[Judged], facts: Mapping[int, Stored], moment: datetime) -> bool:
    return flows(one.verdict(row.key, facts[row.pk], now=moment) for row, one, _verdict in own)


def _ends(stored: Stored) -> Iterator[tuple[End, bool]]:
    """Yield the ends of the certificates seen now, each with whether it is a leaf's.

    A CA that signs itself at the top of a chain is left out: nobody looks at its end there.
    """
    hosts = {address: host.name for host in (stored.dns.hosts if stored.dns else ()) for address in host.addresses}
    for peer in stored.peers:
        if not isinstance(peer, PeerFacts) or peer.tls is None:
            continue
        chain = [found for der in peer.tls.chain if (found := _read(der)) is not None]
        leaf = chain[0] if chain else None
        if leaf is None or leaf.not_before is None or leaf.not_after is None:
            continue
        place = f"{peer.address}:{peer.port}"
        where = f"{hosts.get(peer.address, '')}[{peer.address}]:{peer.port}"
        for position, one in enumerate(chain):
            if one.not_after is not None and not (position and one.subject == one.issuer):
                yield End(one.not_after, leaf.not_after - leaf.not_before, where, place), position == 0


def _read(der: bytes) -> CertificateFacts | None:
    try:
        return certificate_facts(der)
    except CertificateRefused:
        return None


def _has_successor(channel: Channel, pins: Sequence[Pin]) -> bool:
    """Whether a key is pinned, which outlives its certificate, or another pin was announced or is unseen as yet."""
    if any(pin.of_key or not pin.seen_on for pin in pins):
        return True
    return Pin.objects.filter(channel=channel, state=Pin.State.PROPOSED).exists()
