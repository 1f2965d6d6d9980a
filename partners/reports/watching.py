"""What a look at a channel's servers has given so far: one row per address, in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from partners.core.certificates import CertificateFacts, certificate_facts
from partners.core.effective import nexthop_port
from partners.core.errors import CertificateRefused
from partners.core.facts_json import facts_from_json, profile_key
from partners.core.observation import PERMISSIVE, LookupStatus, NexthopFacts, PeerFacts, Stage
from partners.models import Channel, DnsSighting, Endpoint, Look, Nexthop, Sighting, User

__all__ = ["LookRow", "LookState", "look_state", "own_look", "state_of_look"]

STALLED_AFTER: Final = timedelta(minutes=5)  # due for so long without a worker: nobody is going to come
_NAMES_SHOWN: Final = 3
_BARS: Final = 5  # connect, greeting, STARTTLS, handshake, chain
_PASSED: Final = {Stage.CONNECT: 0, Stage.GREETING: 1, Stage.EHLO: 2, Stage.STARTTLS: 2, Stage.HANDSHAKE: 3}


@dataclass(frozen=True, slots=True)
class LookRow:
    """One address. state: ok, bad, unk, roll while a worker is there, wait before; stages: done, now, broken or ""."""

    mx_host: str
    address: str
    state: str
    text: str
    stages: tuple[str, ...]
    seen_at: datetime | None = None
    age: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nobody has to speak to this address now."""
        return self.state not in {"roll", "wait"}


@dataclass(frozen=True, slots=True)
class LookState:
    """All addresses of a channel. running: somebody is there or will be; stalled: due for long, and nobody comes.

    dns: a sentence per nexthop on what the DNS said. was_answered: whether it ever said something.
    """

    dns: tuple[str, ...]
    rows: tuple[LookRow, ...]
    running: bool
    stalled: bool
    was_answered: bool = False

    @property
    def hosts(self) -> int:
        """How many MX hosts there are."""
        return len({row.mx_host for row in self.rows})

    @property
    def percent(self) -> int:
        """How much is done, of 100; a little from the start, so that the bar is seen."""
        return 100 * self.done // len(self.rows) if self.rows else 4 if self.running else 100

    @property
    def done(self) -> int:
        """How many addresses are done."""
        return sum(row.is_done for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Work:
    """Whether a row is due or leased at *now*."""

    due: bool
    leased: bool
    since: datetime | None

    @classmethod
    def of(cls, row: "Nexthop | Look | Endpoint", now: datetime) -> "_Work":
        holder = row.address if isinstance(row, Endpoint) else row
        rests = isinstance(row, Endpoint) and (row.address.backed_off_until or now) > now
        due = holder.set_aside_at is None and not rests and holder.due_at is not None and holder.due_at <= now
        leased = bool(holder.lease_token) and holder.lease_until is not None and holder.lease_until > now
        return cls(due, leased, holder.due_at if due else None)


def look_state(channel: Channel, *, now: datetime) -> LookState:
    """Return how far the look at the servers of *channel* is; four queries, however many addresses there are."""
    nexthops = [row for row in channel.nexthops.all() if not row.key.startswith(".")]
    answers = {
        one.nexthop_id: facts
        for one in DnsSighting.objects.filter(nexthop__in=nexthops, current=True).select_related("observation")
        if isinstance(facts := facts_from_json(one.observation.facts), NexthopFacts)
    }
    endpoints = list(Endpoint.objects.filter(nexthops__in=nexthops).select_related("address").distinct())
    return _state([(row, answers.get(row.pk)) for row in nexthops], endpoints, now=now)


def own_look(user: User, pk: int, *, now: datetime) -> Look | None:
    """Return the look *pk* where *user* asked for it and it is not over; else None, whoever else did."""
    return Look.objects.select_related("dns").filter(pk=pk, owner=user, expires_at__gt=now).first()


def state_of_look(look: Look, *, now: datetime) -> LookState:
    """Return how far *look* is; two queries."""
    facts = facts_from_json(look.dns.facts) if look.dns else None
    answer = facts if isinstance(facts, NexthopFacts) else None
    return _state([(look, answer)], list(look.endpoints.select_related("address")), now=now)


def _state(
    nexthops: Sequence[tuple[Nexthop | Look, NexthopFacts | None]], endpoints: Sequence[Endpoint], *, now: datetime
) -> LookState:
    """Return how far *nexthops*, each with what the DNS said, and their *endpoints* are."""
    seen = {
        one.endpoint_id: one
        for one in Sighting.objects.filter(endpoint__in=endpoints, current=True).select_related("observation")
    }
    lookups = [_Work.of(nexthop, now) for nexthop, _answer in nexthops]
    work = [*lookups, *(_Work.of(endpoint, now) for endpoint in endpoints)]
    waits = any(one.due or one.leased for one in lookups)
    rows = tuple(
        row
        for _nexthop, answer in nexthops
        if answer is not None
        for row in _rows(answer, endpoints, seen, now=now, waits=waits)
    )
    active = any(one.due or one.leased for one in work)
    oldest = min((one.since for one in work if one.since is not None), default=now)
    stalled = active and not any(one.leased for one in work) and oldest < now - STALLED_AFTER
    return LookState(
        tuple(_dns_text(nexthop.key, answer) for nexthop, answer in nexthops),
        tuple(dict.fromkeys(rows)),
        running=active and not stalled,
        stalled=stalled,
        was_answered=any(answer is not None for _nexthop, answer in nexthops),
    )


def _rows(
    facts: NexthopFacts,
    endpoints: Sequence[Endpoint],
    seen: Mapping[int, Sighting],
    *,
    now: datetime,
    waits: bool,
) -> list[LookRow]:
    """Return the addresses that the DNS names, in Postfix's order."""
    plain = profile_key(PERMISSIVE)
    port = nexthop_port(facts.nexthop)
    mine = [one for one in endpoints if one.profile_key == plain and one.port == port]
    by_address = {str(one.address.address): one for one in mine}
    found = []
    for host in sorted(facts.hosts, key=lambda one: one.preference):
        for address in host.addresses:
            endpoint = by_address.get(address)
            sighting = seen.get(endpoint.pk) if endpoint else None
            found.append(_row(host.name, address, endpoint, sighting, now=now, waits=waits))
    return found


def _row(
    mx_host: str, address: str, endpoint: Endpoint | None, sighting: Sighting | None, *, now: datetime, waits: bool
) -> LookRow:
    """Return what is known of one address; work that lies ahead comes before what was seen earlier."""
    work = _Work.of(endpoint, now) if endpoint else _Work(due=False, leased=False, since=None)
    if work.leased:
        return LookRow(mx_host, address, "roll", _("being looked at"), ("now", *[""] * (_BARS - 1)))
    if work.due or waits:
        return LookRow(mx_host, address, "wait", _("waits for its turn"), ("",) * _BARS)
    if endpoint is None or endpoint.tried_at is None:
        return LookRow(mx_host, address, "unk", _("not looked at yet"), ("",) * _BARS)
    if endpoint.not_measured and (sighting is None or endpoint.tried_at > sighting.last_seen):
        cause = endpoint.not_measured_detail or endpoint.not_measured
        text = _("not measured: %s") % cause
        bars = ("broken", *[""] * (_BARS - 1))
        return LookRow(mx_host, address, "unk", text, bars, endpoint.tried_at, _age(endpoint.tried_at, now))
    facts = facts_from_json(sighting.observation.facts) if sighting else None
    if sighting is None or not isinstance(facts, PeerFacts):
        return LookRow(mx_host, address, "unk", _("not looked at yet"), ("",) * _BARS)
    return LookRow(
        mx_host,
        address,
        "ok" if facts.tls and facts.tls.chain else "bad",
        _peer_text(facts, now),
        _bars(facts),
        sighting.last_seen,
        _age(sighting.last_seen, now),
    )


def _age(at: datetime, now: datetime) -> str:
    """Say how long ago *at* was."""
    return _("just now") if now - at < timedelta(minutes=1) else _("%s ago") % timesince(at, now, depth=1)


def _bars(facts: PeerFacts) -> tuple[str, ...]:
    """Return the five bars of a session that came to its end."""
    if facts.tls:
        return ("done",) * (_BARS if facts.tls.chain else _BARS - 1) + (() if facts.tls.chain else ("broken",))
    passed = _PASSED.get(facts.ended, 2)  # a session that went on without TLS stopped short of STARTTLS
    return (*["done"] * passed, "broken", *[""] * (_BARS - 1 - passed))


def _peer_text(facts: PeerFacts, now: datetime) -> str:
    """Say what an address answered, in one line."""
    if facts.tls is None:
        return _without_tls(facts)
    if not facts.tls.chain:
        return _("%s, no certificate is shown") % facts.tls.version
    try:
        leaf = certificate_facts(facts.tls.chain[0])
    except CertificateRefused:
        return _("%s, its certificate cannot be read") % facts.tls.version
    return _("%(version)s, chain of %(count)s, %(names)s, %(end)s") % {
        "version": facts.tls.version,
        "count": len(facts.tls.chain),
        "names": _names(leaf),
        "end": _end(leaf, now),
    }


def _without_tls(facts: PeerFacts) -> str:
    """Say where a session without TLS stopped."""
    if facts.ended is Stage.CONNECT:
        return _("no connection: %s") % (facts.stop or _("unreachable"))
    if facts.ended is Stage.GREETING:
        return _("greeting: %s") % (f"{facts.greeting_code} {facts.greeting_text}".strip("0 ") or facts.stop)
    if not facts.starttls_offered:
        return _("STARTTLS is not offered")
    if facts.tls_error:
        return _("TLS handshake failed: %s") % facts.tls_error
    return _("STARTTLS: %s") % (f"{facts.starttls_code} {facts.starttls_text}".strip("0 ") or facts.stop)


def _names(leaf: CertificateFacts) -> str:
    """Return the names of *leaf*, the first few of many."""
    names = leaf.dns_ids or leaf.common_names
    if not names:
        return _("no name")
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return _("%(names)s and %(more)s more") % {"names": shown, "more": more} if more > 0 else shown


def _end(leaf: CertificateFacts, now: datetime) -> str:
    if leaf.not_after is None:
        return _("without a readable end")
    day = date_format(leaf.not_after, "j M Y")
    return _("ran out on %s") % day if leaf.not_after < now else _("valid to %s") % day


def _dns_text(key: str, facts: NexthopFacts | None) -> str:
    """Say what the DNS said of one nexthop."""
    if facts is None:
        return _("%s: not looked up yet") % key
    if facts.null_mx:
        return _("%s: takes no mail (null MX)") % key
    if facts.mx_status is LookupStatus.FAILED:
        return _("%(key)s: the lookup failed: %(text)s") % {"key": key, "text": facts.lookup_text}
    if facts.mx_status is LookupStatus.NXDOMAIN:
        return _("%s: there is no such domain") % key
    count = sum(len(host.addresses) for host in facts.hosts)
    return _("%(key)s: MX hosts %(hosts)s, addresses %(count)s, MX record %(dnssec)s") % {
        "key": key,
        "hosts": len(facts.hosts),
        "count": count,
        "dnssec": _("signed") if facts.mx_dnssec.value == "secure" else _("not signed"),
    }
