"""judge(): what smtp(8) would do with a message to a nexthop, from stored facts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from itertools import groupby

from partners.core.dane import DaneKind
from partners.core.effective import EffectivePolicy, nexthop_port, profile_for, resolve, resolve_at
from partners.core.levels import SecurityLevel
from partners.core.observation import (
    PERMISSIVE,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    PeerFacts,
    Stage,
    TlsProfile,
)
from partners.core.outcome import Delivery, HostOutcome, JudgedPolicy, TlsStatus, Verdict
from partners.core.reasons import Reason
from partners.core.relay import RelaySettings
from partners.core.session import Place, SessionOutcome, judge_session

__all__ = ["Delivery", "HostOutcome", "JudgedPolicy", "PeerKey", "TlsStatus", "Verdict", "judge", "profiles_needed"]

PeerKey = tuple[str, int, TlsProfile]

_BEFORE_TLS = {Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS}
_INVALID = "client TLS configuration problem"
_NEVER = "never-probed"


@dataclass(frozen=True, slots=True)
class _Row:
    """An outcome with what only the message knows of: plaintext for an aged message, and the cause of not knowing."""

    outcome: HostOutcome
    fallback: bool = False
    unknown: str = ""


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


def judge(
    policy: JudgedPolicy | None,
    facts: NexthopFacts,
    peers: Mapping[PeerKey, PeerFacts | NotMeasured],
    relay: RelaySettings,
    now: datetime,
    *,
    message_age: int = 0,
    key: str | None = None,
) -> Verdict:
    """Say what happens to a message of *message_age* seconds to the nexthop of *facts*.

    policy: the entry that the lookup found under *key*; None for main.cf's level.
    Errors: none for facts about the world; ValueError where the nexthop names a port that does not exist.
    """
    effective = resolve(policy, relay)
    case = _Case(effective, policy, facts, peers, relay, now, nexthop_port(facts.nexthop))
    blank = Verdict(
        facts.nexthop, key, effective.level, Delivery.UNKNOWN, TlsStatus.NONE, None, "", "", (), (), None
    )  # fmt: skip
    if (failed := _lookup_failed(blank, facts)) is not None:
        return failed
    rows = tuple(_rows(case))
    if all(not row.outcome.address for row in rows) and not any(row.unknown for row in rows):
        return _no_address(blank, facts)
    return _of_message(blank, rows, relay, message_age)


def profiles_needed(policy: JudgedPolicy | None, facts: NexthopFacts, relay: RelaySettings) -> frozenset[PeerKey]:
    """Return what must have been probed for judge() to know: address, port and client side of each session."""
    effective, port = resolve(policy, relay), nexthop_port(facts.nexthop)
    return frozenset(
        (address, port, profile_for(resolve_at(effective, policy, facts, host, relay), facts.nexthop, mx_host))
        for host in facts.hosts
        for mx_host in (_name_in_force(host, relay),)
        for address in _usable_addresses(host, relay)
    )


def _lookup_failed(blank: Verdict, facts: NexthopFacts) -> Verdict | None:
    """Judge the DNS answers that end a delivery before any host is tried; a failed lookup of ours is no fact."""
    name = facts.nexthop
    if facts.null_mx:
        text = f"Domain {name} does not accept mail (nullMX)"
        return _ended(blank, Delivery.BOUNCE, "5.1.0", text, Reason.NULL_MX)
    if facts.mx_status is LookupStatus.FAILED:
        return replace(
            blank, unknown=Reason.LOOKUP_FAILED.value, reasons=(Reason.LOOKUP_FAILED,), text=facts.lookup_text
        )
    if facts.mx_status is LookupStatus.NXDOMAIN:
        text = f"Host or domain name not found. Name service error for name={name} type=MX: Host not found"
        return _ended(blank, Delivery.BOUNCE, "5.4.4", text, Reason.NO_SUCH_DOMAIN)
    return None


def _no_address(blank: Verdict, facts: NexthopFacts) -> Verdict:
    name = facts.hosts[-1].name if facts.hosts else facts.nexthop
    found = any(host.status is LookupStatus.NOT_FOUND for host in facts.hosts)
    text = f"Host or domain name not found. Name service error for name={name} type=A: Host " + (
        "found but no data record of requested type" if found else "not found"
    )
    return _ended(blank, Delivery.BOUNCE, "5.4.4", text, Reason.NO_ADDRESS)


def _ended(blank: Verdict, delivery: Delivery, dsn: str, text: str, reason: Reason) -> Verdict:
    return replace(blank, delivery=delivery, dsn=dsn, text=text, reasons=(reason,))


def _rows(case: _Case) -> Iterator[_Row]:
    """Yield one row per address in the order in which Postfix tries them.

    Hosts of one preference come in any order: the one that would bounce the message is put first, which is the worst.
    """
    for _preference, hosts in groupby(
        sorted(case.facts.hosts, key=lambda host: host.preference), lambda host: host.preference
    ):
        rows = [row for host in hosts for row in _host_rows(case, host)]
        yield from sorted(rows, key=lambda row: row.outcome.delivery is not Delivery.BOUNCE)


def _host_rows(case: _Case, host: HostFacts) -> Iterator[_Row]:
    if host.status is LookupStatus.FAILED:
        session = SessionOutcome(Delivery.UNKNOWN, "", host.lookup_text, reasons=(Reason.LOOKUP_FAILED,))
        yield _row(case, host, "", session, None, effective=case.effective, unknown=Reason.LOOKUP_FAILED.value)
        return
    for address in _usable_addresses(host, case.relay):
        yield _address_row(case, host, address)


def _address_row(case: _Case, host: HostFacts, address: str) -> _Row:
    effective = resolve_at(case.effective, case.policy, case.facts, host, case.relay)
    if (barred := _barred(effective)) is not None:
        unknown = barred.text if barred.delivery is Delivery.UNKNOWN else ""
        return _row(case, host, address, barred, None, effective=effective, unknown=unknown)
    mx_host = _name_in_force(host, case.relay)
    seen = _seen(case, address, profile_for(effective, case.facts.nexthop, mx_host))
    if not isinstance(seen, PeerFacts):
        cause = seen.cause.value if seen else _NEVER
        session = SessionOutcome(Delivery.UNKNOWN, "", seen.detail if seen else "", reasons=(Reason.NOT_MEASURED,))
        return _row(case, host, address, session, seen.tried_at if seen else None, effective=effective, unknown=cause)
    place = Place(case.facts.nexthop, mx_host, f"{mx_host}[{address}]")
    session = judge_session(seen, effective, place, case.relay, case.now)
    unknown = ""
    if effective.unknown and session.tls_status is not TlsStatus.NONE:
        session = SessionOutcome(Delivery.UNKNOWN, "", effective.unknown, reasons=(Reason.NOT_MEASURED,))
        unknown = effective.unknown
    return _row(case, host, address, session, seen.seen_at, effective=effective, unknown=unknown)


def _barred(effective: EffectivePolicy) -> SessionOutcome | None:
    """Return the outcome where Postfix makes no connection, or where it is not known whether it does."""
    if effective.invalid:
        return SessionOutcome(Delivery.DEFER, "4.7.5", _INVALID, reasons=(Reason.POLICY_INVALID,))
    plan = effective.dane
    if plan is not None and plan.kind is DaneKind.SKIP:
        return SessionOutcome(Delivery.DEFER, "4.7.5", plan.text, reasons=(plan.reason,))
    if plan is not None and plan.kind is DaneKind.UNKNOWN:
        return SessionOutcome(Delivery.UNKNOWN, "", plan.text, reasons=(plan.reason,))
    return None


def _seen(case: _Case, address: str, wanted: TlsProfile) -> PeerFacts | NotMeasured | None:
    """Return the session with the *wanted* client side, or what the permissive one lets conclude.

    What happens before the handshake does not depend on the client side. A permissive handshake stands for a wanted one
    that restricts nothing: a peer that took TLS 1.2 or 1.3 with a certificate takes it at security level 1 too.
    """
    exact = case.peers.get((address, case.port, wanted))
    if isinstance(exact, PeerFacts):
        return exact
    permissive = case.peers.get((address, case.port, PERMISSIVE))
    if isinstance(permissive, PeerFacts):
        plain = replace(wanted, strict=False, anonymous=False) == PERMISSIVE
        early = permissive.ended in _BEFORE_TLS or not permissive.starttls_offered
        if plain or early or case.effective.level is SecurityLevel.NONE:
            return permissive
    return exact or (permissive if isinstance(permissive, NotMeasured) else None)


def _row(
    case: _Case,
    host: HostFacts,
    address: str,
    session: SessionOutcome,
    seen_at: datetime | None,
    *,
    effective: EffectivePolicy,
    unknown: str = "",
) -> _Row:
    outcome = HostOutcome(
        mx_host=host.name,
        preference=host.preference,
        address=address,
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
    )
    return _Row(outcome, session.fallback, unknown)


def _name_in_force(host: HostFacts, relay: RelaySettings) -> str:
    return host.canonical if relay.smtp_cname_overrides_servername and host.canonical else host.name


def _usable_addresses(host: HostFacts, relay: RelaySettings) -> list[str]:
    """Return the addresses of the families that the relay speaks, the preferred family first."""
    families = {address: f"ipv{ip_address(address).version}" for address in host.addresses}
    usable = [address for address, family in families.items() if family in relay.inet_protocols]
    return sorted(usable, key=lambda address: families[address] != relay.smtp_address_preference)


def _of_message(blank: Verdict, rows: tuple[_Row, ...], relay: RelaySettings, message_age: int) -> Verdict:
    """Walk the hosts as smtp(8) does: a soft failure goes on, delivery or a hard reply ends, the last one decides."""
    limit = relay.smtp_mx_address_limit or len(rows)
    tried = rows[:limit]
    ending = {Delivery.DELIVER, Delivery.BOUNCE}
    decided = next((row for row in tried if row.outcome.delivery in ending), None)
    is_aged = message_age >= relay.minimal_backoff_time
    if decided is None and is_aged and (retried := [row for row in tried if row.fallback]):
        decided = _in_plaintext(retried[-1])
        rows = tuple(decided if row is retried[-1] else row for row in rows)
    blank = replace(blank, hosts=tuple(row.outcome for row in rows))
    if decided is None and (missing := [row for row in tried if row.unknown]):
        reasons = _reasons(tried)
        return replace(blank, unknown=missing[0].unknown, reasons=reasons, text=missing[0].outcome.text)
    outcome = (decided or tried[-1]).outcome
    return replace(
        blank,
        delivery=outcome.delivery,
        tls_status=outcome.tls_status,
        plaintext=outcome.plaintext,
        dsn=outcome.dsn,
        text=outcome.text,
        reasons=outcome.reasons if decided else _reasons(tried),
        host=outcome,
    )


def _in_plaintext(row: _Row) -> _Row:
    reasons = (*row.outcome.reasons, Reason.PLAINTEXT)
    outcome = replace(
        row.outcome, delivery=Delivery.DELIVER, dsn="2.0.0", text="", tls_status=TlsStatus.NONE, reasons=reasons
    )
    return replace(row, outcome=replace(outcome, plaintext=True))


def _reasons(rows: tuple[_Row, ...]) -> tuple[str, ...]:
    """Return the reasons of all *rows*, worst first."""
    found = {reason for row in rows for reason in row.outcome.reasons}
    return tuple(reason for reason in Reason if reason in found)
