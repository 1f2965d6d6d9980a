"""From one pin to the next: how far each accepted pin is seen, whether a rollover goes on, and which pin may leave.

A pin is proposed, then staged by a second person, then active in a release; it is retired once a newer one was seen on
every address of every MX. The digests in match= are the oldest: they stood there before any pin was announced.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.changes import draft_and_row, write_change
from partners.actions.holding import judge_again
from partners.actions.stored import Stored, facts_of
from partners.core.certificates import DIGESTS, cert_fingerprint, pkey_fingerprint
from partners.core.effective import nexthop_port
from partners.core.errors import ActionRefused, CertificateRefused, GuardRefused, StaleRefused
from partners.core.grammar import digest_of
from partners.core.levels import SecurityLevel
from partners.core.observation import NexthopFacts, PeerFacts
from partners.core.pins import Sight, is_rolling, may_retire
from partners.models import Change, Channel, Pin, User

__all__ = ["Leaving", "accepted_pins", "note_sights", "retire_digest", "rolls_over", "set_backup", "to_retire"]

_ACCEPTED = (Pin.State.STAGED, Pin.State.ACTIVE)
_Place = tuple[IPv4Address | IPv6Address, int]
_ALGORITHMS = {size: name for name, size in DIGESTS.items()}


@dataclass(frozen=True, slots=True)
class Leaving:
    """What is proposed for retirement. pins: rows; digests: lines of match=, as they stand there."""

    pins: tuple[Pin, ...] = ()
    digests: tuple[str, ...] = ()


def accepted_pins(channels: Iterable[Channel]) -> dict[int, list[Pin]]:
    """Return the accepted pins of those of *channels* that compare fingerprints, by channel; one query at most."""
    pinned = [one.pk for one in channels if one.level == SecurityLevel.FINGERPRINT.value]
    found: dict[int, list[Pin]] = {pk: [] for pk in pinned}
    for pin in Pin.objects.filter(channel__in=pinned, state__in=_ACCEPTED) if pinned else ():
        found[pin.channel_id].append(pin)
    return found


def note_sights(pins: Sequence[Pin], facts: Sequence[Stored], *, now: datetime) -> list[Pin]:
    """Note on *pins* how many addresses of their channel show them, and return those on which that moved, unsaved."""
    leaves = _leaves(facts)
    is_complete = all(stored.dns is not None for stored in facts)
    moved = []
    for pin in pins:
        sight = _sight(leaves, pin.digests.values(), of_key=pin.of_key)
        since = (pin.seen_everywhere_at or now) if sight.is_everywhere and is_complete else None
        noted = (sight.addresses, sight.of_all, since)
        if noted != (pin.seen_on, pin.seen_of, pin.seen_everywhere_at):
            pin.seen_on, pin.seen_of, pin.seen_everywhere_at = noted
            moved.append(pin)
    return moved


def rolls_over(channel: Channel, pins: Sequence[Pin], facts: Sequence[Stored]) -> bool:
    """Whether *channel* is between an old pin and a new one; a backup pin, unseen on purpose, is no rollover."""
    if channel.level != SecurityLevel.FINGERPRINT.value:
        return False
    leaves = _leaves(facts)
    own = [digest for pin in pins for digest in pin.digests.values()]
    sights = [Sight(pin.seen_on, pin.seen_of) for pin in pins if not pin.is_backup]
    sights += [_sight(leaves, [digest]) for digest in _others(channel.match, own)]
    return is_rolling(sights)


def to_retire(channel: Channel) -> Leaving:
    """Return the old pins that may leave now: no address shows them, and a newer one is seen on every address.

    Only proposed: the change that takes them out, and its release, are people's.
    """
    pins = accepted_pins([channel]).get(channel.pk, [])
    others = _others(channel.match, [digest for pin in pins for digest in pin.digests.values()])
    left = len(pins) + len(others) - 1
    everywhere = [pin for pin in pins if may_retire(Sight(pin.seen_on, pin.seen_of), others_in_map=left)]
    newest = max((_accepted_at(pin) for pin in everywhere), default=None)
    if newest is None:
        return Leaving()
    old = [pin for pin in pins if not pin.is_backup and not pin.seen_on and _accepted_at(pin) < newest]
    leaves = _leaves(facts_of([row for row in channel.nexthops.all() if not row.key.startswith(".")]).values())
    return Leaving(tuple(old), tuple(digest for digest in others if not _sight(leaves, [digest]).addresses))


def retire_digest(channel: Channel, digest: str, *, by: User, now: datetime) -> Change:
    """Return the Change that takes *digest* out of match=, as retire_pin does with a pin.

    Raises GuardRefused until a pin was seen on every address of every MX.
    """
    demand_editor(by)
    fresh, before = draft_and_row(channel.pk)
    lines = before["match"].splitlines()
    kept = [line for line in lines if digest_of(line) != digest_of(digest)]
    if before["level"] != SecurityLevel.FINGERPRINT.value or kept == lines:
        raise StaleRefused(_("channel %s") % channel.pk, _("its match= does not hold this fingerprint"))
    if not Pin.objects.filter(pk__in=before["pins"], seen_everywhere_at__isnull=False).exists():
        raise GuardRefused(
            _("channel %s") % channel.pk,
            _("no pin of this channel was seen on every address yet"),
            _("keep the fingerprint until the new certificate is live everywhere"),
        )
    with transaction.atomic():
        change = write_change(fresh, before, {**before, "match": "\n".join(kept)}, author=by, now=now)
        detail = {"change": change.pk, "digest": digest}
        audit.record("pin.retiring", f"channel {fresh.pk}", by=by, now=now, detail=detail)
    return change


def set_backup(pin: Pin, *, backup: bool, by: User, now: datetime) -> None:
    """Say that *pin* is kept on purpose though no address shows it, or that it is no longer."""
    demand_editor(by)
    if pin.state not in (Pin.State.PROPOSED, *_ACCEPTED):
        raise ActionRefused(_("pin %s") % pin.pk, _("it is in no map and waits for no decision"))
    with transaction.atomic():
        judge_again([pin.channel_id], now=now)
        if not Pin.objects.filter(pk=pin.pk, is_backup=not backup).update(is_backup=backup):
            raise StaleRefused(_("pin %s") % pin.pk, _("it is marked so already"))
        audit.record("pin.backup", f"pin {pin.pk}", by=by, now=now, detail={"backup": backup})
    pin.refresh_from_db()


def _leaves(facts: Iterable[Stored]) -> Mapping[_Place, list[bytes]]:
    """Return what each address shows: its leaves by all TLS profiles; none where a session failed or is still to come.

    A session that takes a peer without a certificate says nothing about pins.
    """
    leaves: dict[_Place, list[bytes]] = {}
    unknown = set()
    for stored in facts:
        for place in _named(stored.dns) if stored.dns else ():
            leaves.setdefault(place, [])
        for peer in stored.peers:
            place = ip_address(peer.address), peer.port
            found = leaves.setdefault(place, [])
            if isinstance(peer, PeerFacts) and peer.tls and peer.tls.chain:
                found.append(peer.tls.chain[0])
            elif not peer.profile.anonymous:
                unknown.add(place)
    return {place: [] if place in unknown else found for place, found in leaves.items()}


def _named(facts: NexthopFacts) -> Iterator[_Place]:
    """Yield the addresses that the DNS names, whether anybody spoke to them yet or not."""
    port = nexthop_port(facts.nexthop)
    yield from ((ip_address(address), port) for host in facts.hosts for address in host.addresses)


def _sight(leaves: Mapping[_Place, list[bytes]], digests: Iterable[str], *, of_key: bool | None = None) -> Sight:
    """Return on how many addresses every leaf has one of *digests*; of_key: None where nobody said what it is of."""
    wanted = {found for text in digests if (found := digest_of(text))}
    shown = [bool(found) and all(_has(leaf, wanted, of_key=of_key) for leaf in found) for found in leaves.values()]
    return Sight(sum(shown), len(shown))


def _has(leaf: bytes, wanted: set[bytes], *, of_key: bool | None) -> bool:
    """Whether *leaf*, or its key, has one of the digests *wanted*."""
    algorithms = {_ALGORITHMS[len(digest)] for digest in wanted if len(digest) in _ALGORITHMS}
    kinds = [kind for kind, name in ((cert_fingerprint, False), (pkey_fingerprint, True)) if of_key in (None, name)]
    try:
        return any(digest_of(kind(leaf, algorithm)) in wanted for kind in kinds for algorithm in algorithms)
    except (CertificateRefused, ValueError):
        return False


def _others(match: str, own: Iterable[str]) -> list[str]:
    """Return the digests in *match* that no pin stands for."""
    known = {digest_of(text) for text in own}
    return [line for line in match.splitlines() if digest_of(line) not in known]


def _accepted_at(pin: Pin) -> datetime:
    return pin.decided_at or pin.proposed_at
