"""What moved at a partner's servers and in its DNS, from one sighting to the next; a fixed number of queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from partners.core.facts_json import facts_from_json
from partners.core.moved import Changed, What, dns_changes, peer_changes
from partners.core.observation import NexthopFacts, PeerFacts
from partners.models import Channel, DnsSighting, DomainChange, Sighting
from partners.reports.second_leaves import SEEN_TWICE

__all__ = ["Seen", "seen_changes"]

SIGHTINGS_MAX: Final = 60  # of each kind, the newest; what lies further back is in the database
_TEXT_MAX: Final = 60
_FINGERPRINTS: Final = frozenset({What.LEAF, What.KEY, What.SECOND_LEAF})
_FINGERPRINT_SHOWN: Final = 23  # eight octets tell two of them apart

WORDS: dict[What, Promise] = {
    What.ANSWER: gettext_lazy("answer"),
    What.STARTTLS_LOST: gettext_lazy("STARTTLS"),
    What.STARTTLS_GAINED: gettext_lazy("STARTTLS"),
    What.TLS_VERSION: gettext_lazy("TLS version"),
    What.LEAF: gettext_lazy("certificate"),
    What.KEY: gettext_lazy("key"),
    What.ISSUER: gettext_lazy("issuer"),
    What.NAMES: gettext_lazy("names"),
    What.CHAIN: gettext_lazy("intermediates"),
    What.SECOND_LEAF: gettext_lazy("second certificate"),
    What.MX_SET: gettext_lazy("MX records"),
    What.ADDRESSES: gettext_lazy("addresses"),
    What.DNSSEC: gettext_lazy("DNSSEC"),
    What.TLSA: gettext_lazy("TLSA records"),
    What.NAME_SERVERS: gettext_lazy("name servers"),
    What.MTA_STS: gettext_lazy("MTA-STS policy"),
}


@dataclass(slots=True)
class Seen:
    """What moved at one moment: at one address, or alike at several, or in the DNS of a nexthop.

    moved: (what, before, after) as they are shown. times: how often the same moved, certificates that alternate do.
    kinds: of what moved. newest: the places at which nothing of the same sort moved since.
    """

    moment: datetime
    is_dns: bool
    moved: tuple[tuple[str, str, str], ...]
    places: set[str] = field(default_factory=set)
    times: int = 1
    kinds: frozenset[What] = frozenset()
    newest: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """Where, and how often."""
        if self.is_dns:
            where = _("In the DNS of %s") % ", ".join(sorted(self.places))
        elif len(self.places) == 1:
            where = _("Seen at %s") % next(iter(self.places))
        else:
            where = ngettext("Seen at %s address", "Seen at %s addresses", len(self.places)) % len(self.places)
        if self.times == 1:
            return where
        return where + ngettext(", %s time by turns", ", %s times by turns", self.times) % self.times


def seen_changes(channel: Channel) -> tuple[Seen, ...]:
    """Return what moved for *channel*, newest first, in three queries.

    What moved alike at several addresses is one entry; so is what moves back and forth.
    """
    found: dict[tuple[bool, tuple[tuple[str, str, str], ...]], Seen] = {}
    for moment, place, is_dns, changes in (*_at_peers(channel), *_in_dns(channel), *_of_domain(channel)):
        moved = tuple(_shown(change) for change in changes)
        if not moved:
            continue
        one = found.get((is_dns, moved))
        if one is None:
            kinds = frozenset(change.what for change in changes)
            found[is_dns, moved] = Seen(moment, is_dns, moved, {place}, kinds=kinds)
        elif place in one.places:
            one.times += 1
            one.moment = max(one.moment, moment)
        else:
            one.places.add(place)
            one.moment = max(one.moment, moment)
    return _with_newest(sorted(found.values(), key=lambda one: one.moment, reverse=True))


def _with_newest(newest_first: Sequence[Seen]) -> tuple[Seen, ...]:
    """Note on each entry the places that no later one is about."""
    later: dict[tuple[str, What], None] = {}
    for one in newest_first:
        over = {place for place in one.places if all((place, kind) in later for kind in one.kinds)}
        one.newest = frozenset(one.places - over)
        later |= dict.fromkeys((place, kind) for place in one.places for kind in one.kinds)
    return tuple(newest_first)


def _at_peers(channel: Channel) -> Iterator[tuple[datetime, str, bool, tuple[Changed, ...]]]:
    """Yield what moved from one session to the next with each address, by the plain TLS profile and by second looks."""
    rows = Sighting.objects.filter(SEEN_TWICE, endpoint__nexthops__channel=channel)
    rows = rows.select_related("observation", "endpoint__address")
    for before, after in _pairs(list(rows.distinct().order_by("-first_seen", "-pk")[:SIGHTINGS_MAX]), "endpoint_id"):
        was, now = _facts(before), _facts(after)
        if isinstance(was, PeerFacts) and isinstance(now, PeerFacts):
            place = f"{after.endpoint.address.address}:{after.endpoint.port}"
            yield after.first_seen, place, False, peer_changes(was, now)


def _in_dns(channel: Channel) -> Iterator[tuple[datetime, str, bool, tuple[Changed, ...]]]:
    rows = DnsSighting.objects.filter(nexthop__channel=channel).select_related("observation", "nexthop")
    for before, after in _pairs(list(rows.order_by("-first_seen", "-pk")[:SIGHTINGS_MAX]), "nexthop_id"):
        was, now = _facts(before), _facts(after)
        if isinstance(was, NexthopFacts) and isinstance(now, NexthopFacts):
            yield after.first_seen, after.nexthop.key, True, dns_changes(was, now)


def _of_domain(channel: Channel) -> Iterator[tuple[datetime, str, bool, tuple[Changed, ...]]]:
    rows = DomainChange.objects.filter(nexthop__channel=channel).select_related("nexthop").order_by("-seen_at", "-pk")
    for row in rows[:SIGHTINGS_MAX]:
        yield row.seen_at, row.nexthop.key, True, (Changed(What(row.what), row.before, row.after),)


def _pairs(newest_first: Sequence[Any], by: str) -> Iterator[tuple[Any, Any]]:
    """Yield each sighting with the one before it at the same place."""
    later: dict[int, Any] = {}
    for row in newest_first:
        place = getattr(row, by)
        if place in later:
            yield row, later[place]
        later[place] = row


def _facts(sighting: Any) -> object:
    """Return the facts of *sighting*, None where they cannot be read: then nothing is said about it."""
    try:
        return facts_from_json(sighting.observation.facts)
    except ValueError:
        return None


def _shown(change: Changed) -> tuple[str, str, str]:
    word = str(WORDS[change.what])
    if change.what in {What.STARTTLS_LOST, What.STARTTLS_GAINED}:
        sides = (_("offered"), _("not offered"))
        before, after = sides if change.what is What.STARTTLS_LOST else sides[::-1]
    else:
        before, after = (_short(change.what, text) for text in (change.before, change.after))
    return f"{word} {change.where}".strip(), before, after


def _short(what: What, text: str) -> str:
    if what in _FINGERPRINTS and len(text) > _FINGERPRINT_SHOWN:
        return f"{text[:_FINGERPRINT_SHOWN]}…"
    text = text or (_("the session went to its end") if what is What.ANSWER else _("none"))
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
