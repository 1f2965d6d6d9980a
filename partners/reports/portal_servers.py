"""How a partner's own servers are seen: one row per address that the DNS names, and which certificate it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from partners.core.certificates import (
    DIGESTS,
    CertificateFacts,
    cert_fingerprint,
    certificate_facts,
    pkey_fingerprint,
    spki_of,
)
from partners.core.errors import CertificateRefused
from partners.core.facts_json import facts_from_json
from partners.core.observation import NexthopFacts, PeerFacts
from partners.core.outcome import Delivery
from partners.core.reasons import Reason, command_by_hand
from partners.models import Channel, DnsSighting, Endpoint, Pin, Sighting, VerdictRow
from partners.reports.second_leaves import SEEN_TWICE, SecondLeaf, note_second, own_second_leaves, pinned_digests
from partners.reports.sentences import partner_sentence, reason_of

__all__ = ["Leaf", "Seen", "ServerRow", "pin_of", "second_of", "seen_of", "server_rows"]

_MARKS: Final = {Delivery.DEFER.value: "bad", Delivery.BOUNCE.value: "bad", Delivery.UNKNOWN.value: "unk"}
_ACCEPTED: Final = frozenset({Pin.State.ACTIVE, Pin.State.STAGED})
_ANSWERS: Final = 50  # of the DNS; an address that was named before those counts as named since the oldest of them
_HARM: Final = (Delivery.BOUNCE.value, Delivery.DEFER.value, Delivery.UNKNOWN.value, Delivery.DELIVER.value)


@dataclass(frozen=True, slots=True)
class Leaf:
    """The certificate that one address shows; its public key can be read."""

    der: bytes
    facts: CertificateFacts


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one address. leaf: None without TLS, or where the certificate cannot be read.

    seen_at: lies within the time in which the channel's own names led there. The same address may be looked at for
    somebody else, earlier or more often, and no moment may tell of that. second: DER of the certificate that a second
    look saw there, None where there is no other.
    """

    mx_host: str
    address: str
    port: int
    tls_version: str = ""
    leaf: Leaf | None = None
    seen_at: datetime | None = None
    second: bytes | None = None


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One address as the partner reads it. state: of the style sheet; cause, command: where something is to do."""

    mx_host: str
    address: str
    state: str
    text: str
    cause: str
    command: str
    seen_at: datetime | None


def seen_of(channel: Channel) -> tuple[Seen, ...]:
    """Return each address that the DNS names for the keys of *channel*, in Postfix's order; two queries.

    Read are the sightings of this channel's own nexthops alone.
    """
    of_channel = DnsSighting.objects.filter(nexthop__channel=channel).select_related("observation")
    answers = of_channel.order_by("-current", "-first_seen")[:_ANSWERS]
    sightings = Sighting.objects.filter(SEEN_TWICE, current=True, endpoint__nexthops__channel=channel)
    at: dict[str, tuple[Sighting, PeerFacts]] = {}
    second: dict[str, bytes] = {}
    for one in sightings.select_related("observation", "endpoint__address"):
        address, peer = str(one.endpoint.address.address), facts_from_json(one.observation.facts)
        if isinstance(peer, PeerFacts) and not note_second(second, address, peer):
            at[address] = one, peer
    named: dict[str, tuple[datetime, datetime]] = {}
    places: dict[tuple[str, str], None] = {}
    for answer in answers:
        facts = facts_from_json(answer.observation.facts)
        if not isinstance(facts, NexthopFacts):
            continue
        for host in sorted(facts.hosts, key=lambda one: one.preference):
            for address in host.addresses:
                since, until = named.get(address, (answer.first_seen, answer.last_seen))
                named[address] = min(since, answer.first_seen), max(until, answer.last_seen)
                if answer.current:
                    places[host.name, address] = None
    rows = [_seen(name, address, at.get(address), named[address]) for name, address in places]
    first = {row.leaf.der for row in rows if row.leaf}
    others = {address: der for address, der in second.items() if der not in first}
    return tuple(replace(row, second=others.get(row.address)) for row in rows)


def second_of(seen: Sequence[Seen], channel: Channel, pins: Sequence[Pin]) -> tuple[SecondLeaf, ...]:
    """Return the second certificates of the servers *seen*, in the partner's words."""
    others = {f"{row.mx_host} [{row.address}]": row.second for row in seen if row.second}
    return own_second_leaves(others, pinned_digests(channel, pins))


def pin_of(leaf: Leaf | None, pins: Sequence[Pin]) -> Pin | None:
    """Return the pin that *leaf* is, an accepted one before one that only waits; None where it is none of *pins*."""
    if leaf is None:
        return None
    fitting = [pin for pin in pins if _names(pin, leaf)]
    accepted = [pin for pin in fitting if pin.state in _ACCEPTED]
    return next(iter(accepted or fitting), None)


def server_rows(
    seen: Sequence[Seen],
    verdicts: Sequence[VerdictRow],
    pins: Sequence[Pin],
    *,
    fresh: Pin | None,
    key: str,
    digest: str,
) -> tuple[ServerRow, ...]:
    """Return a row per address: what Postfix would do there by the worst of our relays, and what is shown.

    verdicts: those that rest on the channel's own entries. fresh: the pin of a rollover that is under way. key, digest:
    for the command by hand.
    """
    judged = _worst(verdicts)
    return tuple(_row(one, judged.get(one.address), pins, fresh, command=(key, digest)) for one in seen)


def _seen(
    mx_host: str, address: str, found: tuple[Sighting, PeerFacts] | None, named: tuple[datetime, datetime]
) -> Seen:
    if found is None:
        return Seen(mx_host, address, 25)
    sighting, facts = found
    endpoint: Endpoint = sighting.endpoint
    chain = facts.tls.chain if facts.tls else ()
    version = facts.tls.version if facts.tls else ""
    since, until = named
    return Seen(mx_host, address, endpoint.port, version, _leaf(chain), max(since, min(sighting.last_seen, until)))


def _leaf(chain: Sequence[bytes]) -> Leaf | None:
    if not chain:
        return None
    try:
        spki_of(chain[0])
        return Leaf(chain[0], certificate_facts(chain[0]))
    except CertificateRefused:
        return None


def _names(pin: Pin, leaf: Leaf) -> bool:
    """Whether *pin* names *leaf*; a bare fingerprint knows one algorithm, whichever its sender used."""
    algorithm, digest = next(iter(pin.digests.items()), ("", ""))
    if not digest or algorithm not in DIGESTS:
        return False
    return bool(digest == (pkey_fingerprint if pin.of_key else cert_fingerprint)(leaf.der, algorithm))


def _worst(verdicts: Sequence[VerdictRow]) -> Mapping[str, Mapping[str, Any]]:
    """Return the outcome at each address on the relay group where it is worst."""
    found: dict[str, Mapping[str, Any]] = {}
    for verdict in verdicts:
        for row in verdict.hosts:
            before = found.get(row["address"])
            if before is None or _HARM.index(row["delivery"]) < _HARM.index(before["delivery"]):
                found[row["address"]] = row
    return found


def _row(
    seen: Seen,
    judged: Mapping[str, Any] | None,
    pins: Sequence[Pin],
    fresh: Pin | None,
    *,
    command: tuple[str, str],
) -> ServerRow:
    reasons = [reason for code in (judged or {}).get("reasons", ()) if (reason := reason_of(code))]
    flows = judged is not None and judged["delivery"] == Delivery.DELIVER.value
    state = _MARKS.get(judged["delivery"], "ok") if judged else "unk"
    if flows and fresh is not None and pin_of(seen.leaf, pins) not in {None, fresh}:
        state = "roll"
    told = not flows and bool(reasons)
    return ServerRow(
        mx_host=seen.mx_host,
        address=seen.address,
        state=state,
        text=_text(seen, pins, fresh),
        cause=partner_sentence(reasons[0].value) if told else "",
        command=_command(reasons[0], seen, *command) if told else "",
        seen_at=seen.seen_at,
    )


def _text(seen: Seen, pins: Sequence[Pin], fresh: Pin | None) -> str:
    """Say which certificate the address shows, until when, and by which protocol."""
    if seen.seen_at is None:
        return _("not seen yet")
    if not seen.tls_version:
        return _("no TLS")
    if seen.leaf is None:
        return _("no certificate that can be read; %s") % _protocol(seen.tls_version)
    words = {"which": _which(seen.leaf, pins, fresh), "tls": _protocol(seen.tls_version), "end": _end(seen.leaf)}
    return _("%(which)s, to %(end)s; %(tls)s") % words


def _which(leaf: Leaf, pins: Sequence[Pin], fresh: Pin | None) -> str:
    pin = pin_of(leaf, pins)
    accepted = [one for one in pins if one.state in _ACCEPTED]
    if pin is None:
        return _("a certificate that nobody announced to us") if accepted else _("certificate")
    if pin.state == Pin.State.PROPOSED:
        return _("the certificate you sent, which we have not checked yet")
    if pin.state not in _ACCEPTED:
        return _("a certificate that we do not accept any more")
    if fresh is None or fresh.state not in _ACCEPTED:
        return _("current certificate")
    return _("new certificate") if pin == fresh else _("old certificate")


def _protocol(version: str) -> str:
    """Return "TLS 1.3" for OpenSSL's "TLSv1.3"."""
    return version.replace("TLSv", "TLS ")


def _end(leaf: Leaf) -> str:
    return date_format(leaf.facts.not_after, "j M Y") if leaf.facts.not_after else _("an unknown day")


def _command(reason: Reason, seen: Seen, key: str, digest: str) -> str:
    return command_by_hand(
        reason, nexthop=key, mx_host=seen.mx_host, address=seen.address, port=seen.port, digest=digest
    )
