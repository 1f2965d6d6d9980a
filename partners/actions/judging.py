"""From facts to opinion to state: verdicts per nexthop and relay group, and the compliance of their channels.

Judged is against the entry active on the relays: what they last reported, until then the published release. A draft is
never judged here; the guard does that. A verdict says what Postfix does by whatever key it finds; the state of a
channel counts only verdicts that rest on a key of its own, for any other entry is another partner's.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from partners.actions.maps import GroupMap
from partners.actions.relay_groups import settings_of
from partners.actions.stored import Stored, stored_facts
from partners.core.certificates import cert_fingerprint, pkey_fingerprint
from partners.core.compliance import Compliance, Move, State, assess
from partners.core.errors import CertificateRefused, MapRefused
from partners.core.grammar import ParsedPolicy
from partners.core.levels import Protection, SecurityLevel
from partners.core.names import table_key
from partners.core.observation import NexthopFacts, NotMeasuredCause, PeerFacts
from partners.core.outcome import JudgedPolicy
from partners.core.relay import RelaySettings
from partners.core.verdict import Delivery, HostOutcome, PeerKey, TlsStatus, Verdict, judge, profiles_needed
from partners.models import (
    Artefact,
    Channel,
    ComplianceInterval,
    DnsSighting,
    Endpoint,
    Head,
    Nexthop,
    Pin,
    RelayGroup,
    VerdictRow,
)

__all__ = ["JUDGED_MAX_AGE", "judge_due", "judge_nexthops", "map_on_relays", "profiles_asked"]

_ATTEMPTS = 3
_READ_MAX = 32
JUDGED_MAX_AGE = timedelta(minutes=10)  # a certificate ends without a new fact; a worker may die before it judged

_ACCEPTED = (Pin.State.STAGED, Pin.State.ACTIVE)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _InForce:
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
        peers = {(peer.address, peer.port, peer.profile): peer for peer in stored.peers}
        return judge(policy, stored.dns, peers, self.relay, now, key=key)


_read: dict[tuple[str, str], _InForce] = {}  # by the bytes of the map and the row of the group: never stale


def judge_nexthops(pks: Collection[int], *, now: datetime) -> list[Move]:
    """Judge the channels of the nexthops *pks* and return how their states moved."""
    if not pks:
        return []
    maps = _maps_in_force()
    channels = Channel.objects.filter(nexthops__in=pks).distinct().prefetch_related("nexthops")
    return [move for channel in channels if (move := _judge_channel(channel, maps, now=now)) is not None]


def judge_due(limit: int, *, now: datetime) -> int:
    """Judge up to *limit* nexthops that were not judged since the last release, or lately; return how many."""
    head = Head.objects.select_related("release").filter(pk=1).first()
    since = now - JUDGED_MAX_AGE
    if head and head.release and head.release.published_at <= now:
        since = max(since, head.release.published_at)
    fresh = VerdictRow.objects.filter(nexthop=OuterRef("pk"), judged_at__gt=since)
    looked = Exists(DnsSighting.objects.filter(nexthop=OuterRef("pk")))
    due = Nexthop.objects.filter(looked, ~Exists(fresh)).order_by("pk")
    pks = list(due.values_list("pk", flat=True)[:limit])
    judge_nexthops(pks, now=now)
    return len(pks)


def map_on_relays(group: RelayGroup) -> GroupMap:
    """Return the map that is active on the relays of *group*: the oldest one they report, else the published one."""
    artefact = _artefact_on_relays(group).first()
    if artefact is None:
        return GroupMap(group, "")
    one = GroupMap(group, artefact.text, dict(artefact.tafiles))
    if one.sha256 != artefact.sha256:
        raise MapRefused(
            f"relay group {group.name}", f"the map of release {artefact.release_id} is not what was released"
        )
    return one


def profiles_asked(nexthop: Nexthop, facts: NexthopFacts) -> Iterator[PeerKey]:
    """Yield the sessions that judging *nexthop* needs: under the maps in force, and under the channel's draft."""
    channel = nexthop.channel
    draft = ParsedPolicy(
        SecurityLevel(channel.level),
        protocols=channel.protocols or None,
        ciphers=channel.ciphers or None,
        exclude=channel.exclude or None,
        servername=channel.servername or None,
    )
    for in_force in _maps_in_force():
        yield from profiles_needed(in_force.policy(nexthop.key)[1], facts, in_force.relay)
        yield from profiles_needed(draft, facts, in_force.relay)


def _maps_in_force() -> list[_InForce]:
    """Return the map in force of each relay group; thousands of lines are read once a process, not once a result."""
    maps = []
    for group in RelayGroup.objects.all():
        row = {field.attname: getattr(group, field.attname) for field in group._meta.concrete_fields}  # noqa: SLF001  Django's documented model API
        key = _sha256_on_relays(group), json.dumps(row, sort_keys=True)
        in_force = _read.get(key)
        if in_force is None:
            one = map_on_relays(group)
            in_force = _InForce(one, settings_of(one.group, one.tafiles))
            if one.sha256 == key[0]:  # else a release came in between
                if len(_read) >= _READ_MAX:
                    _read.clear()
                _read[key] = in_force
        maps.append(in_force)
    return maps


def _sha256_on_relays(group: RelayGroup) -> str:
    """Return the hash of what map_on_relays() returns, "" before the first release, without reading the text."""
    artefact = _artefact_on_relays(group)
    return artefact.values_list("sha256", flat=True).first() or ""


def _artefact_on_relays(group: RelayGroup) -> "QuerySet[Artefact]":
    """Return the artefact in force on *group*: of the oldest release that its relays report, else the published one."""
    of_group = Artefact.objects.filter(group=group)
    reported = [number for number in group.relays.values_list("active_release", flat=True) if number is not None]
    oldest = of_group.filter(release__number=min(reported, default=0))
    return oldest if oldest.exists() else of_group.filter(release__in=Head.objects.filter(pk=1).values("release"))


def _judge_channel(channel: Channel, maps: Sequence[_InForce], *, now: datetime) -> Move | None:
    """Judge each key of *channel* on each relay group, write the verdicts and the state.

    Judged is before the transaction; where newer facts came in meanwhile, they are judged instead.
    """
    own = frozenset(row.table_key for row in channel.nexthops.all())
    nexthops = [row for row in channel.nexthops.all() if not row.key.startswith(".")]
    for _ in range(_ATTEMPTS):
        stamp = _stamp(channel)
        facts = {row.pk: stored_facts(row) for row in nexthops}
        verdicts = [(row, one, one.verdict(row.key, facts[row.pk], now=now)) for row in nexthops for one in maps]
        with transaction.atomic():
            Channel.objects.select_for_update().get(pk=channel.pk)
            if _stamp(channel) != stamp:
                continue
            for row, one, verdict in verdicts:
                if facts[row.pk].dns is not None:
                    _write_verdict(row, one.map.group, verdict, is_own=_is_own(verdict, own), now=now)
            _note_pins(channel, list(facts.values()), now=now)
            released = [verdict for _row, _one, verdict in verdicts if _is_own(verdict, own)]
            move = _write_state(channel, released, now=now)
        if move is not None:
            before = move.before.value if move.before else ""
            log.info("compliance.moved", channel=channel.pk, before=before, after=move.after.value, cause=move.cause)
        return move
    log.warning("compliance.busy", channel=channel.pk)  # judge_due comes by
    return None


def _stamp(channel: Channel) -> tuple[tuple[object, ...], ...]:
    """Return what moves whenever a new fact about *channel* was recorded."""
    dns = DnsSighting.objects.filter(nexthop__channel=channel, current=True).order_by("pk")
    peers = Endpoint.objects.filter(nexthops__channel=channel).distinct().order_by("pk")
    return (*dns.values_list("pk", "last_seen"), *peers.values_list("pk", "tried_at"))


def _is_own(verdict: Verdict, own: frozenset[str]) -> bool:
    """Whether *verdict* rests on one of the folded keys *own*, not on another channel's parent or on the default."""
    return verdict.key is not None and table_key(verdict.key) in own


def _write_verdict(nexthop: Nexthop, group: RelayGroup, verdict: Verdict, *, is_own: bool, now: datetime) -> None:
    VerdictRow.objects.update_or_create(
        nexthop=nexthop,
        group=group,
        defaults={
            "key": verdict.key or "",
            "is_own": is_own,
            "delivery": verdict.delivery.value,
            "tls_status": verdict.tls_status.value,
            "dsn": verdict.dsn,
            "reasons": [str(reason) for reason in verdict.reasons] or [verdict.unknown] * bool(verdict.unknown),
            "hosts": [_host_json(row) for row in verdict.hosts],
            "judged_at": now,
        },
    )


def _host_json(row: HostOutcome) -> dict[str, Any]:
    """Return *row* as the pages read it."""
    return {
        "mx_host": row.mx_host,
        "preference": row.preference,
        "address": row.address,
        "port": row.port,
        "delivery": row.delivery.value,
        "tls_status": row.tls_status.value,
        "effective": row.effective.value,
        "dsn": row.dsn,
        "text": row.text,
        "reasons": [str(reason) for reason in row.reasons],
        "plaintext": row.plaintext,
        "pin_seen": row.pin_seen,
        "seen_at": row.seen_at.isoformat() if row.seen_at else None,
    }


def _write_state(channel: Channel, verdicts: Sequence[Verdict], *, now: datetime) -> Move | None:
    """Prolong the open interval of *channel*, or close it and open the next one where the state moved.

    No verdict means that no map holds an entry of the channel: that is a fact, and ends whatever state there was.
    """
    row = ComplianceInterval.objects.filter(channel=channel, valid_to__isnull=True).first()
    if channel.removed_at is not None and not verdicts:
        ComplianceInterval.objects.filter(channel=channel, valid_to__isnull=True).update(valid_to=now)
        return None
    current = _compliance(row) if row else None
    if current is not None and not verdicts:
        current = replace(current, last_known=None)
    now = max(now, row.valid_from) if row else now  # of two who judge at once, the later clock may come first
    after, move = assess(Protection(channel.agreed), verdicts, current, now, is_rolling=_is_rolling(channel))
    fields = {
        "cause": after.cause[:300],
        "where": after.where[:300],
        "unknown_since": after.unknown_since,
        "known_at": after.known_at,
    }
    if row is not None and move is None:
        ComplianceInterval.objects.filter(pk=row.pk).update(**fields)
        return None
    ComplianceInterval.objects.filter(channel=channel, valid_to__isnull=True).update(valid_to=now)
    ComplianceInterval.objects.create(
        channel=channel, state=after.state.value, valid_from=after.since, recorded_at=now, **fields
    )
    return move


def _is_rolling(channel: Channel) -> bool:
    """Whether an approved pin of *channel* stands beside an old one, or was seen everywhere while another is to leave.

    Two pins of which each is seen on some addresses are two certificates for good, not a rollover.
    """
    if channel.level != SecurityLevel.FINGERPRINT.value:
        return False
    pins = list(channel.pins.filter(state__in=_ACCEPTED))
    own = {digest for pin in pins for digest in pin.digests.values()}
    others = {line.upper() for line in channel.match.split()} - own
    return len(pins) + len(others) > 1 and any(pin.state == Pin.State.STAGED or pin.seen_everywhere_at for pin in pins)


def _compliance(row: ComplianceInterval) -> Compliance:
    """Return the open interval as core knows it."""
    state = State(row.state)
    return Compliance(
        state,
        row.valid_from,
        row.cause,
        row.where,
        unknown_since=row.unknown_since,
        last_known=state if row.known_at else None,
        known_at=row.known_at,
    )


def _note_pins(channel: Channel, facts: Sequence[Stored], *, now: datetime) -> None:
    """Note which accepted pins are seen on every address of every MX of the channel."""
    if channel.level != SecurityLevel.FINGERPRINT.value or not facts:
        return
    peers = [peer for stored in facts for peer in stored.peers]
    leaves = [peer.tls.chain[0] for peer in peers if isinstance(peer, PeerFacts) and peer.tls and peer.tls.chain]
    complete = bool(leaves) and len(leaves) == len(peers) and all(stored.dns is not None for stored in facts)
    for pin in channel.pins.filter(state__in=_ACCEPTED):
        everywhere = complete and all(_is_of(pin, leaf) for leaf in leaves)
        seen = (pin.seen_everywhere_at or now) if everywhere else None
        if seen != pin.seen_everywhere_at:
            Pin.objects.filter(pk=pin.pk).update(seen_everywhere_at=seen)


def _is_of(pin: Pin, leaf: bytes) -> bool:
    """Whether *leaf* is the certificate, or has the key, that *pin* names."""
    algorithm, digest = next(iter(pin.digests.items()), ("", ""))
    try:
        seen = (pkey_fingerprint if pin.of_key else cert_fingerprint)(leaf, algorithm)
    except (CertificateRefused, ValueError):
        return False
    return bool(digest) and seen == digest
