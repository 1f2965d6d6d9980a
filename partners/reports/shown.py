"""What each address of a channel shows now: the matrix of hosts, the chains, the pins beside the keys seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.utils.formats import date_format
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.certificates import CertificateFacts, cert_fingerprint, certificate_facts, pkey_fingerprint
from partners.core.errors import CertificateRefused
from partners.core.facts_json import facts_from_json
from partners.core.observation import PeerFacts
from partners.models import Channel, Pin, Sighting
from partners.reports.findings import outcome_state, outcome_word
from partners.reports.headline import short_cause
from partners.reports.partners import HostRow
from partners.reports.second_leaves import SEEN_TWICE, SecondLeaf, note_second, pinned_digests, second_leaves

__all__ = [
    "AddressRow",
    "Cell",
    "ChainRow",
    "PinRow",
    "Shown",
    "chain_rows",
    "matrix",
    "pin_rows",
    "second_of",
    "shown_at",
]

_NAMES_SHOWN: Final = 2
_FAR_DAYS: Final = 60  # what ends later is told in months
_ALGORITHMS: Final = ("sha256", "sha512", "sha1", "md5")
_ACCEPTED: Final = {Pin.State.STAGED, Pin.State.ACTIVE}
_AT_END: Final = {"verify", "secure"}  # levels at which Postfix looks at dates, names and CA

Place = tuple[str, int]  # address and port


@dataclass(frozen=True, slots=True)
class Shown:
    """The session with one address: TLS version and the chain, leaf first; digests: of leaf and key.

    second: DER of the certificate that a second look saw there, None where there is no other.
    """

    version: str
    chain: tuple[CertificateFacts, ...]
    digests: frozenset[str]
    key_sha256: str
    certificate_sha256: str
    second: bytes | None = None

    @property
    def leaf(self) -> CertificateFacts | None:
        """The first certificate, None where none was sent or it cannot be read."""
        return self.chain[0] if self.chain else None


@dataclass(frozen=True, slots=True)
class AddressRow:
    """One address as c-hosts shows it."""

    address: str
    tls: str
    pin: str
    shows: str
    shows_note: str
    names: str
    names_note: str
    seen: str
    state: str
    word: str
    note: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One MX host of one nexthop with its addresses."""

    key: str
    mx_host: str
    preference: int
    addresses: tuple[AddressRow, ...]


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One certificate of a chain; used: percent of its life; tone: how near its end is."""

    subject: str
    issuer: str
    key: str
    until: str
    left: str
    used: int
    tone: str
    role: str


@dataclass(frozen=True, slots=True)
class PinRow:
    """A pin with its letter; not_after: of its certificate, where that is known."""

    pin: Pin
    letter: str
    digest: str
    state: str


def shown_at(channel: Channel) -> Mapping[Place, Shown]:
    """Return what each address of *channel* showed last to a client that asks for nothing special; one query."""
    rows = Sighting.objects.filter(SEEN_TWICE, current=True, endpoint__nexthops__channel=channel)
    found: dict[Place, Shown] = {}
    second: dict[Place, bytes] = {}
    for row in rows.select_related("observation", "endpoint__address").distinct():
        facts = facts_from_json(row.observation.facts)
        place = (str(row.endpoint.address.address), row.endpoint.port)
        if isinstance(facts, PeerFacts) and not note_second(second, place, facts) and facts.tls is not None:
            found[place] = _shown(facts.tls.version, facts.tls.chain)
    first = {one.chain[0].der for one in found.values() if one.chain}
    others = {place: der for place, der in second.items() if der not in first}
    return {place: replace(one, second=others.get(place)) for place, one in found.items()}


def second_of(
    channel: Channel, hosts: Sequence[HostRow], shown: Mapping[Place, Shown], pins: Sequence[PinRow]
) -> tuple[SecondLeaf, ...]:
    """Return the second certificates of the servers of *channel*."""
    names = {(row.address, row.port): row.mx_host for row in hosts}
    others = {f"{names.get(place, '')}[{place[0]}]": one.second for place, one in shown.items() if one.second}
    return second_leaves(others, pinned_digests(channel, [row.pin for row in pins]))


def pin_rows(channel: Channel, pins: Iterable[Pin]) -> tuple[PinRow, ...]:
    """Return the pins that count or wait: A is the oldest that is accepted, B the newest beside it."""
    live = [pin for pin in pins if pin.state in {*_ACCEPTED, Pin.State.PROPOSED}]
    accepted = [pin for pin in live if pin.state in _ACCEPTED]
    letters = {pin.pk: "B" for pin in accepted[1:]} | {pin.pk: "A" for pin in accepted[:1]}
    if channel.match and channel.level == "fingerprint":
        letters = dict.fromkeys(letters, "B")  # what the entry names by itself is the older one
    words = {Pin.State.PROPOSED: "pend", Pin.State.STAGED: "roll", Pin.State.ACTIVE: "ok"}
    return tuple(PinRow(pin, letters.get(pin.pk, ""), _digest_of(pin), words[Pin.State(pin.state)]) for pin in live)


def matrix(
    hosts: Sequence[HostRow], shown: Mapping[Place, Shown], channel: Channel, pins: Sequence[PinRow], *, now: datetime
) -> tuple[Cell, ...]:
    """Return the table of hosts and addresses in the order of *hosts*."""
    cells: dict[tuple[str, str], list[AddressRow]] = {}
    preferences: dict[tuple[str, str], int] = {}
    letters = _letters(channel, pins)
    for row in hosts:
        place = (row.key, row.mx_host)
        preferences[place] = row.preference
        seen = shown.get((row.address, row.port))
        cells.setdefault(place, []).append(_address_row(row, seen, channel, letters, now=now))
    return tuple(Cell(key, name, preferences[key, name], tuple(rows)) for (key, name), rows in cells.items())


def chain_rows(shown: Mapping[Place, Shown], *, level: str, now: datetime) -> tuple[ChainRow, ...]:
    """Return the certificates of all chains, each once, those that end first leading within leaf and CA."""
    leaves: dict[bytes, ChainRow] = {}
    others: dict[bytes, ChainRow] = {}
    for one in sorted(shown.values(), key=lambda each: _end(each.leaf)):
        for position, facts in enumerate(one.chain):
            kept = others if position else leaves
            kept.setdefault(facts.der, _chain_row(facts, is_leaf=not position, level=level, now=now))
    return (*leaves.values(), *(row for der, row in others.items() if der not in leaves))


def _shown(version: str, chain: tuple[bytes, ...]) -> Shown:
    facts: list[CertificateFacts] = []
    for der in chain:
        try:
            facts.append(certificate_facts(der))
        except CertificateRefused:
            break
    digests: set[str] = set()
    key = certificate = ""
    if chain:
        try:
            for algorithm in _ALGORITHMS:
                digests |= {cert_fingerprint(chain[0], algorithm), pkey_fingerprint(chain[0], algorithm)}
            key, certificate = pkey_fingerprint(chain[0], "sha256"), cert_fingerprint(chain[0], "sha256")
        except CertificateRefused:
            pass
    return Shown(version, tuple(facts), frozenset(digests), key, certificate)


def _digest_of(pin: Pin) -> str:
    return str(pin.digests.get("sha256") or next(iter(pin.digests.values()), ""))


def _letters(channel: Channel, pins: Sequence[PinRow]) -> Mapping[str, str]:
    """Return digest -> letter, of what the entry names by itself and of each accepted pin in all its algorithms."""
    if channel.level != "fingerprint":
        return {}
    own = {line.upper(): "A" for line in channel.match.split()}
    return own | {digest: one.letter for one in pins if one.letter for digest in one.pin.digests.values()}


def _address_row(
    row: HostRow, seen: Shown | None, channel: Channel, letters: Mapping[str, str], *, now: datetime
) -> AddressRow:
    leaf = seen.leaf if seen else None
    pin, shows = _what_it_shows(channel, seen, letters)
    names = (leaf.dns_ids or leaf.common_names) if leaf else ()
    code = next(iter(row.reasons), "")
    return AddressRow(
        address=row.address,
        tls=_version(seen.version) if seen else "-",
        pin=pin,
        shows=shows,
        shows_note=_end_note(leaf, now) if leaf else "",
        names=", ".join(names[:_NAMES_SHOWN]),
        names_note=_("and %s more") % (len(names) - _NAMES_SHOWN) if len(names) > _NAMES_SHOWN else "",
        seen=_age(row.seen_at, now) if row.seen_at else "-",
        state=outcome_state(row.delivery, row.tls_status),
        word=outcome_word(row.delivery, "" if row.tls_status == "none" else row.tls_status),
        note=short_cause(code) or row.text,
        group=row.group,
    )


def _age(at: datetime, now: datetime) -> str:
    """Return how long ago *at* was, in its largest unit; nobody looked "0 minutes" ago."""
    return _("just now") if now - at < timedelta(minutes=1) else timesince(at, now, depth=1)


def _what_it_shows(channel: Channel, seen: Shown | None, letters: Mapping[str, str]) -> tuple[str, str]:
    """Return the letter of the key that is shown, and a word for it."""
    if seen is None:
        return "", _("nothing seen")
    if not seen.digests:
        return "", _("no certificate")
    if channel.level != "fingerprint":
        leaf = seen.leaf
        return "", (leaf.issuer if leaf and not leaf.self_signed else _("self-signed"))
    letter = next((letters[digest] for digest in sorted(seen.digests) if digest in letters), "")
    words = {"A": _("pinned key"), "B": _("new key"), "": _("unknown key")}
    return letter or "?", words[letter]


def _version(text: str) -> str:
    return text.replace("TLSv", "TLS ")


def _end(leaf: CertificateFacts | None) -> float:
    return leaf.not_after.timestamp() if leaf and leaf.not_after else 0.0


def _end_note(leaf: CertificateFacts, now: datetime) -> str:
    if leaf.not_after is None:
        return _("without a readable end")
    day = date_format(leaf.not_after, "j M Y")
    return (_("ran out on %s") if leaf.not_after < now else _("ends %s")) % day


def _chain_row(facts: CertificateFacts, *, is_leaf: bool, level: str, now: datetime) -> ChainRow:
    end, begin = facts.not_after, facts.not_before
    used = 100
    if begin is not None and end is not None and end > begin:
        used = int(100 * min(max((now - begin) / (end - begin), 0.0), 1.0))
    tone = "bad" if end is None or end < now else "risk" if (end - now).days < 14 else "ok"
    counts = level in _AT_END
    return ChainRow(
        subject=facts.subject or ", ".join(facts.dns_ids[:1]),
        issuer=_("itself") if facts.self_signed else facts.issuer,
        key=f"{facts.key_type} {facts.key_bits or ''}".strip(),
        until=date_format(end, "j M Y") if end else _("without a readable end"),
        left="" if end is None else _("ran out") if end < now else _ahead(end, now),
        used=used,
        tone=tone if counts or tone == "ok" else "weak",
        role=_role(is_leaf=is_leaf, level=level, counts=counts),
    )


def _ahead(end: datetime, now: datetime) -> str:
    """Say how far *end* is, near days as the list of partners counts them: by the calendar."""
    days = (localtime(end).date() - localtime(now).date()).days
    if days > _FAR_DAYS:
        return _("in %s") % timeuntil(end, now, depth=1)
    return ngettext("in %s day", "in %s days", days) % days if days else _("today")


def _role(*, is_leaf: bool, level: str, counts: bool) -> str:
    """Say what Postfix looks at in this certificate at *level*."""
    if level == "fingerprint":
        return _("must be pinned, date and name do not count") if is_leaf else _("not looked at")
    if counts:
        return _("name, dates and CA count") if is_leaf else _("must lead to a CA you trust")
    if level.startswith("dane"):
        return _("must fit the TLSA records")
    return _("not looked at")
