"""Where channels stand, as it follows from all other rows: the one definition of what standings.py keeps."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import F, FilteredRelation, Q

from partners.core.facts_json import profile_key
from partners.core.observation import PERMISSIVE
from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.models import (
    Channel,
    ComplianceInterval,
    Nexthop,
    Pin,
    Sighting,
    Standing,
    StandingSeen,
    StandingWords,
    VerdictRow,
)
from partners.models.standings import HARM_RANKS, NEVER, RESTS_ON_END

__all__ = ["Computed", "computed"]

_WORDS_MAX: Final = 8_000  # characters; a certificate may hold any number of names
_PLAIN: Final = profile_key(PERMISSIVE)
_LEAF: Final = tuple(
    f"link__certificate__{name}"
    for name in ("sha256", "spki_sha256", "subject", "issuer", "dns_ids", "not_before", "not_after")
)


@dataclass(frozen=True, slots=True)
class Computed:
    """The rows of one channel, unsaved."""

    standing: Standing
    words: StandingWords
    seen: StandingSeen


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A certificate, as far as a list shows or finds it. spans: begin and end, where both can be read."""

    names: tuple[str, ...]
    digests: tuple[str, ...]
    begins: datetime | None
    ends: datetime | None


@dataclass(slots=True)
class _Facts:
    """What there is of one channel beside its row. plain: the leaves that the plain TLS profile sees."""

    keys: list[str] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    leaves: list[_Leaf] = field(default_factory=list)
    plain: list[_Leaf] = field(default_factory=list)
    seen_at: datetime | None = None


def computed(channels: Collection[int]) -> dict[int, Computed]:
    """Return the rows of those of *channels* that are living; five queries."""
    open_one = FilteredRelation("intervals", condition=Q(intervals__valid_to__isnull=True))
    living = Channel.objects.filter(pk__in=channels, removed_at__isnull=True).select_related("partner__owner")
    living = living.annotate(now=open_one).annotate(now_state=F("now__state"), now_cause=F("now__cause"))
    facts: dict[int, _Facts] = defaultdict(_Facts)
    for pk, key in Nexthop.objects.filter(channel__in=channels).order_by("key").values_list("channel_id", "key"):
        facts[pk].keys.append(key)
    own = VerdictRow.objects.own().filter(nexthop__channel__in=channels).select_related("nexthop").worst_first()
    for verdict in own.only("delivery", "tls_status", "hosts", "nexthop__channel_id"):
        facts[verdict.nexthop.channel_id].verdicts.append(verdict)
    pins = Pin.objects.filter(channel__in=channels).select_related("certificate").order_by("pk")
    for pin in pins.only("channel_id", "digests", "certificate__subject", "certificate__issuer"):
        facts[pin.channel_id].pins.append(pin)
    _add_seen(facts, channels)
    return {channel.pk: _computed(channel, facts[channel.pk]) for channel in living}


def _add_seen(facts: Mapping[int, _Facts], channels: Collection[int]) -> None:
    """Add what the servers of *channels* show now."""
    leaf_link = FilteredRelation("observation__chain_links", condition=Q(observation__chain_links__position=0))
    current = Sighting.objects.filter(current=True, endpoint__nexthops__channel__in=channels).annotate(link=leaf_link)
    rows = current.values_list("endpoint__nexthops__channel_id", "endpoint__profile_key", "last_seen", *_LEAF)
    for pk, profile, last_seen, *texts in rows:
        one = facts[pk]
        one.seen_at = max(one.seen_at, last_seen) if one.seen_at else last_seen
        if texts[0] is None:
            continue
        leaf = _leaf(*texts)
        one.leaves.append(leaf)
        one.plain += [leaf] if profile == _PLAIN else []


def _leaf(sha256: str, spki: str, subject: str, issuer: str, dns_ids: Iterable[Any], *life: datetime | None) -> _Leaf:
    begins, ends = life
    return _Leaf((subject, issuer, *map(str, dns_ids)), (sha256, spki), begins, ends)


def _computed(channel: Channel, facts: _Facts) -> Computed:
    standing = _standing(channel, facts)
    words, digests = _words(channel, facts)
    searched = StandingWords(pk=channel.pk, words=words, digests=digests)
    return Computed(standing, searched, StandingSeen(pk=channel.pk, seen_at=facts.seen_at or NEVER))


def _standing(channel: Any, facts: _Facts) -> Standing:
    """Return the row that the list shows. channel: with what its open interval says."""
    partner, state = channel.partner, channel.now_state or ComplianceInterval.State.PENDING.value
    worst = facts.verdicts[0] if facts.verdicts else None
    places: dict[tuple[str, str], bool] = {}
    for verdict in facts.verdicts:
        for place in verdict.hosts:
            name = (str(place.get("mx_host")), str(place.get("address")))
            places[name] = places.get(name, True) and place.get("delivery") == Delivery.DELIVER.value
    first = min((leaf for leaf in facts.plain if leaf.ends), key=lambda leaf: str(leaf.ends), default=None)
    ends = first.ends if first else None
    rests = state == ComplianceInterval.State.COMPLIANT.value and channel.level in RESTS_ON_END
    return Standing(
        channel=channel,
        name=partner.name,
        folded=partner.name.casefold()[:400],
        key=facts.keys[0] if facts.keys else "",
        keys=len(facts.keys),
        state=state,
        harm_rank=HARM_RANKS[state],
        cause=channel.now_cause if channel.now_state else Reason.NOT_RELEASED.value,
        agreed=channel.agreed,
        level=channel.level,
        lowered_until=channel.lowered_until,
        owner_id=partner.owner_id,
        owner_mail=partner.owner.email if partner.owner else "",
        delivery=worst.delivery if worst else "",
        tls_status=worst.tls_status if worst else "",
        taking=sum(places.values()),
        hosts=len(places),
        leaf_begins=first.begins if first else None,
        leaf_ends=ends,
        breaks_at=ends if rests else None,
    )


def _words(channel: Channel, facts: _Facts) -> tuple[str, str]:
    """Return the words and the digests by which *channel* is found; what its people gave comes first."""
    tags = (f"#{tag}" for tag in channel.partner.tags.replace(",", " ").split())
    given = [channel.partner.name, *tags, *facts.keys, *channel.match.splitlines()]
    strange = {name for leaf in facts.leaves for name in leaf.names}
    strange |= {str(place.get("mx_host", "")) for verdict in facts.verdicts for place in verdict.hosts}
    announced = [pin.certificate for pin in facts.pins if pin.certificate]
    strange |= {text for one in announced for text in (one.subject, one.issuer)}
    lines = dict.fromkeys(text.casefold() for text in (*given, *sorted(strange)) if text)
    digests = {digest for leaf in facts.leaves for digest in leaf.digests}
    digests |= {str(text) for pin in facts.pins for text in pin.digests.values()}
    digests |= {line for line in channel.match.splitlines() if ":" in line}
    bare = sorted(dict.fromkeys(text.replace(":", "").lower() for text in digests))
    return "\n".join(lines)[:_WORDS_MAX], "\n".join(bare)[:_WORDS_MAX]
