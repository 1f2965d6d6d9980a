"""judge(): what smtp(8) would do with a message to a nexthop, from stored facts."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from partners.core.dane import DaneKind
from partners.core.effective import EffectivePolicy, profile_for, resolve, resolve_at
from partners.core.levels import SecurityLevel
from partners.core.names import SMTP_PORT, nexthop_port
from partners.core.observation import PERMISSIVE, HostFacts, NexthopFacts, NotMeasured, PeerFacts, Stage, TlsProfile
from partners.core.outcome import Delivery, HostOutcome, JudgedPolicy, TlsStatus, Verdict
from partners.core.reasons import Reason
from partners.core.relay import RelaySettings
from partners.core.route import DeadEnd, Hop, family_of, family_rank, route_of
from partners.core.session import Place, SessionOutcome, judge_session
from partners.core.tls_required import is_waived, waived_settings
from partners.core.walk import Row, walk

__all__ = ["Delivery", "HostOutcome", "JudgedPolicy", "PeerKey", "TlsStatus", "Verdict", "judge", "profiles_needed"]

PeerKey = tuple[str, int, TlsProfile]

_BEFORE_TLS = {Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS}
_INVALID = "client TLS configuration problem"
_NEVER = "never-probed"


@dataclass(frozen=True, slots=True)
class _Case:
    """What is the same for every host of one judgement."""

    effective: EffectivePolicy
    policy: JudgedPolicy | None
    facts: NexthopFacts
    peers: Mapping[PeerKey, PeerFacts | NotMeasured]
    relay: RelaySettings
    now: datetime
    port: int
    credentialed: Collection[str] = ()


def judge(
    policy: JudgedPolicy | None,
    facts: NexthopFacts,
    peers: Mapping[PeerKey, PeerFacts | NotMeasured],
    relay: RelaySettings,
    now: datetime,
    *,
    message_age: int = 0,
    key: str | None = None,
    headers: Iterable[str] = (),
    momentary: bool = False,
    credentialed: Collection[str] = (),
) -> Verdict:
    """Say what happens to a message of *message_age* seconds with *headers* to the nexthop of *facts*.

    policy: the entry that the lookup found under *key*; None for main.cf's level.
    credentialed: MX hosts for which the relay has SASL credentials, which it does not send in plaintext.
    momentary: the facts are of this moment, so that a lookup that failed defers the message; otherwise it says nothing.
    Errors: none for facts about the world; ValueError where the nexthop names a port that does not exist.
    """
    if is_waived(headers, relay):
        policy, key, relay = None, None, waived_settings(relay)
    effective = resolve(policy, relay)
    case = _Case(effective, policy, facts, peers, relay, now, nexthop_port(facts.nexthop), credentialed)
    blank = Verdict(
        facts.nexthop, key, effective.level, Delivery.UNKNOWN, TlsStatus.NONE, None, "", "", (), (), None
    )  # fmt: skip
    route = route_of(facts, relay, case.port, momentary=momentary)
    if isinstance(route, DeadEnd):
        return _ended(blank, route, relay)
    return walk(blank, tuple(_rows(case, route)), relay, message_age)


def profiles_needed(
    policy: JudgedPolicy | None, facts: NexthopFacts, relay: RelaySettings, *, headers: Iterable[str] = ()
) -> frozenset[PeerKey]:
    """Return what must have been probed for judge() to know: address, port and client side of each session."""
    if is_waived(headers, relay):
        policy, relay = None, waived_settings(relay)
    effective, port = resolve(policy, relay), nexthop_port(facts.nexthop)
    route = route_of(facts, relay, port, momentary=True)
    if isinstance(route, DeadEnd):
        return frozenset()
    return frozenset(
        (hop.address, port, profile_for(here, facts.nexthop, _name_in_force(hop.host, relay)))
        for hop in route
        for here in (resolve_at(effective, policy, facts, hop.host, relay),)
        if (_barred(here, _name_in_force(hop.host, relay)) or _without_source(hop.address, relay)) is None
    )


def _ended(blank: Verdict, end: DeadEnd, relay: RelaySettings) -> Verdict:
    """Return the verdict without any host; a relayhost that cannot be found is taken for a mistake of one's own."""
    delivery, dsn = end.delivery, end.dsn
    if delivery is Delivery.BOUNCE and blank.nexthop == relay.relayhost:
        delivery, dsn = Delivery.DEFER, "4.3.5"
    elif delivery is Delivery.BOUNCE and relay.soft_bounce:
        delivery, dsn = Delivery.DEFER, "4" + dsn[1:]
    plaintext = None if delivery is Delivery.UNKNOWN else False
    return replace(
        blank,
        delivery=delivery,
        plaintext=plaintext,
        dsn=dsn,
        text=end.text,
        reasons=(end.reason,),
        unknown=end.unknown,
    )


def _rows(case: _Case, route: tuple[Hop, ...]) -> Iterator[Row]:
    """Yield one row per address in the order in which Postfix tries them.

    Hosts of one preference come in any order, save what smtp_address_preference sets: the one that would bounce the
    message is put first, which is the worst.
    """
    for _place, hops in groupby(route, lambda hop: (hop.host.preference, family_rank(hop, case.relay))):
        rows = [_address_row(case, hop) for hop in hops]
        yield from sorted(rows, key=lambda row: row.outcome.delivery is not Delivery.BOUNCE)


def _address_row(case: _Case, hop: Hop) -> Row:
    if not hop.address:
        session = SessionOutcome(Delivery.UNKNOWN, "", hop.host.lookup_text, reasons=(Reason.LOOKUP_FAILED,))
        return _row(case, hop, session, None, effective=case.effective, unknown=Reason.LOOKUP_FAILED.value)
    effective = resolve_at(case.effective, case.policy, case.facts, hop.host, case.relay)
    mx_host = _name_in_force(hop.host, case.relay)
    if (barred := _barred(effective, mx_host) or _without_source(hop.address, case.relay)) is not None:
        unknown = barred.text if barred.delivery is Delivery.UNKNOWN else ""
        return _row(case, hop, barred, None, effective=effective, unknown=unknown)
    seen = _seen(case, hop.address, profile_for(effective, case.facts.nexthop, mx_host))
    if not isinstance(seen, PeerFacts):
        cause = seen.cause.value if seen else _NEVER
        session = SessionOutcome(Delivery.UNKNOWN, "", seen.detail if seen else "", reasons=(Reason.NOT_MEASURED,))
        return _row(case, hop, session, seen.tried_at if seen else None, effective=effective, unknown=cause)
    logged = _written(hop.host, case.relay) or mx_host
    place = Place(case.facts.nexthop, mx_host, f"{logged}[{hop.address}]", hop.is_best, case.port == SMTP_PORT)
    session = judge_session(seen, effective, place, case.relay, case.now)
    if mx_host in case.credentialed:
        session = replace(session, fallback=False)
    unknown = ""
    if effective.unknown and session.tls_status is not TlsStatus.NONE:
        session = SessionOutcome(Delivery.UNKNOWN, "", effective.unknown, reasons=(Reason.NOT_MEASURED,))
        unknown = effective.unknown
    reached = seen.ended is not Stage.CONNECT
    return _row(case, hop, session, seen.seen_at, effective=effective, unknown=unknown, reached=reached)


def _barred(effective: EffectivePolicy, mx_host: str) -> SessionOutcome | None:
    """Return the outcome where Postfix makes no connection, or where it is not known whether it does.

    Without a code of its own, the host is skipped and leaves the reason of the one before.
    """
    if effective.invalid:
        return SessionOutcome(Delivery.DEFER, "4.7.5", _INVALID, reasons=(Reason.POLICY_INVALID,))
    plan = effective.dane
    if plan is not None and plan.kind is DaneKind.SKIP:
        return SessionOutcome(Delivery.DEFER, "4.7.5", plan.text, reasons=(plan.reason,))
    if plan is not None and plan.kind is DaneKind.UNKNOWN:
        return SessionOutcome(Delivery.UNKNOWN, "", plan.text, reasons=(plan.reason,))
    if effective.sts is not None and not effective.sts.takes(mx_host):
        return SessionOutcome(Delivery.DEFER, "", "", reasons=(Reason.STS_MX_NOT_LISTED,))
    if effective.is_without_wrapper:
        return SessionOutcome(Delivery.DEFER, "", "", reasons=(Reason.WRAPPERMODE_NEEDS_TLS,))
    return None


def _without_source(address: str, relay: RelaySettings) -> SessionOutcome | None:
    """smtp_bind_address_enforce: no connection is made from another address than smtp_bind_address."""
    if family_of(address) not in relay.foreign_sources:
        return None
    return SessionOutcome(Delivery.DEFER, "4.4.0", "server configuration error", reasons=(Reason.CONNECT_FAILED,))


def _seen(case: _Case, address: str, wanted: TlsProfile) -> PeerFacts | NotMeasured | None:
    """Return the session with the *wanted* client side, or what the permissive one lets conclude.

    What happens before the handshake does not depend on the client side. A permissive handshake stands for a wanted one
    that restricts nothing: a peer that took TLS 1.2 or 1.3 with a certificate takes it at security level 1 too.
    """
    exact = case.peers.get((address, case.port, wanted))
    if isinstance(exact, PeerFacts):
        return exact
    permissive = None if wanted.wrapper else case.peers.get((address, case.port, PERMISSIVE))
    if isinstance(permissive, PeerFacts):
        plain = not (wanted.servername or wanted.protocols or wanted.ciphers or wanted.exclude)
        early = permissive.ended in _BEFORE_TLS or not permissive.starttls_offered
        if plain or early or case.effective.level is SecurityLevel.NONE:
            return permissive
    return exact or (permissive if isinstance(permissive, NotMeasured) else None)


def _row(
    case: _Case,
    hop: Hop,
    session: SessionOutcome,
    seen_at: datetime | None,
    *,
    effective: EffectivePolicy,
    unknown: str = "",
    reached: bool = False,
) -> Row:
    outcome = HostOutcome(
        mx_host=_name_in_force(hop.host, case.relay),
        preference=hop.host.preference,
        address=hop.address,
        port=case.port,
        delivery=session.delivery,
        tls_status=session.tls_status,
        effective=effective.level,
        dsn=session.dsn,
        text=session.text,
        reasons=tuple(session.reasons),
        plaintext=session.plaintext,
        pin_seen=session.pin_seen,
        seen_at=seen_at,
        reached=reached,
        written=_written(hop.host, case.relay),
    )
    return Row(outcome, session.fallback, unknown, session.in_transfer)


def _written(host: HostFacts, relay: RelaySettings) -> str:
    return host.written if _name_in_force(host, relay) == host.name else ""


def _name_in_force(host: HostFacts, relay: RelaySettings) -> str:
    return host.canonical if relay.smtp_cname_overrides_servername and host.canonical else host.name
