"""What Postfix would meet if it tried now: a refused connection or a failed lookup decides there, unlike in the portal.

The portal keeps "not measured" apart from facts, as it may have been its own network. predict --jsonl asks what becomes
of a message at this moment, sent from this machine: what the probe met, smtp(8) meets as well.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from partners.core.levels import SecurityLevel
from partners.core.names import Nexthop
from partners.core.observation import (
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    NotMeasuredCause,
    PeerFacts,
    Stage,
    TlsProfile,
)
from partners.core.outcome import Delivery, TlsStatus, Verdict
from partners.core.reasons import Reason
from partners.core.route import is_dns_disabled, is_own_mx
from partners.core.several import Element
from partners.core.verdict import judge, profiles_needed
from partners.management.jsonl.destinations import Destination, is_address
from partners.management.jsonl.relay_manner import has_credentials
from partners.management.jsonl.request import Request
from partners.probe.session import Target

__all__ = ["asked_nexthop", "forecast", "is_asked_again", "targets_of"]

PeerKey = tuple[str, int, TlsProfile]

_STOPS = {
    NotMeasuredCause.CONNECT_REFUSED: "refused",
    NotMeasuredCause.CONNECT_TIMEOUT: "timeout",
    NotMeasuredCause.UNREACHABLE: "unreachable",
    NotMeasuredCause.TIMEOUT: "timeout",
    NotMeasuredCause.CLOSED: "closed",
    NotMeasuredCause.TEMPORARY_REPLY: "reply",
}


def asked_nexthop(destination: Destination) -> Nexthop:
    """Return what the relay looks up for the next-hop: its own default port, no MX records where it has no DNS.

    Nor has an address any, which smtp(8) takes without brackets too.
    """
    asked = destination.nexthop
    if asked.asks_mx and is_address(asked.host):
        asked = Nexthop.parse(f"[{asked.host}]{asked.text.removeprefix(asked.host)}")
    asked = asked.with_port(destination.relay.smtp_tcp_port)
    return asked.as_host() if is_dns_disabled(destination.relay) else asked


def is_asked_again(destination: Destination, facts: NexthopFacts) -> bool:
    """Whether the relay takes the domain for a host after a failed MX lookup (ignore_mx_lookup_error)."""
    return facts.mx_asked and facts.mx_status is LookupStatus.FAILED and destination.relay.ignore_mx_lookup_error


def targets_of(destination: Destination, facts: NexthopFacts, request: Request) -> list[Target]:
    """Return the sessions without which the outcome is not known, and no other: none where the entry is not known."""
    if destination.unknown:
        return []
    needed = profiles_needed(destination.policy, facts, destination.relay, headers=request.headers)
    return [Target(address, port, profile, destination.manner) for address, port, profile in needed]


def forecast(
    destination: Destination,
    facts: NexthopFacts,
    peers: Mapping[PeerKey, PeerFacts | NotMeasured],
    request: Request,
    now: datetime,
) -> Element:
    """Say what becomes of the message at one of its next-hops, at this moment."""
    own = is_own_mx(facts, destination.relay)
    if destination.unknown:
        return Element(_unknown(destination, facts), is_fallback=destination.is_fallback, is_own_mx=own)
    names = {name for host in facts.hosts for name in (host.name, host.canonical) if name}
    known = {name: has_credentials(destination.passwords, name, facts.nexthop) for name in names}
    verdict = judge(
        destination.policy,
        facts,
        {key: _as_met(outcome) for key, outcome in peers.items()},
        destination.relay,
        now,
        message_age=request.message_age,
        key=destination.key,
        headers=request.headers,
        momentary=True,
        credentialed=frozenset(host for host, has in known.items() if has),
    )
    if None in known.values() and _depends_on_credentials(verdict, request):
        cause = "whether there are credentials: a table of smtp_sasl_password_maps cannot be read here"
        return Element(_unknown(replace(destination, unknown=cause), facts), destination.is_fallback, own)
    return Element(verdict, is_fallback=destination.is_fallback, is_own_mx=own)


def _depends_on_credentials(verdict: Verdict, request: Request) -> bool:
    """Whether the message would be sent in plaintext after TLS failed, which credentials prevent."""
    return bool(request.message_age) and any(
        (row.effective is SecurityLevel.MAY and row.delivery is not Delivery.DELIVER) or row.plaintext
        for row in verdict.hosts
    )


def _as_met(outcome: PeerFacts | NotMeasured) -> PeerFacts | NotMeasured:
    """Return what did not come to a fact as smtp(8) would meet it; a refusal of our own guard stays unknown."""
    if not isinstance(outcome, NotMeasured) or outcome.cause not in _STOPS:
        return outcome
    code, text = 0, ""
    if outcome.cause is NotMeasuredCause.TEMPORARY_REPLY:
        code, text = int(outcome.detail[:3]), outcome.detail[4:]
    met = PeerFacts(
        address=outcome.address,
        port=outcome.port,
        profile=outcome.profile,
        seen_at=outcome.tried_at,
        ended=outcome.stage,
        stop=_STOPS[outcome.cause],
        duration_ms=outcome.duration_ms,
    )
    if outcome.stage is Stage.GREETING:
        return replace(met, greeting_code=code, greeting_text=text)
    passed = replace(met, greeting_code=220, ehlo_code=code, ehlo_text=text)
    if outcome.stage in {Stage.STARTTLS, Stage.HANDSHAKE}:
        return replace(passed, ehlo_code=250, starttls_offered=True)
    return passed if outcome.stage is Stage.EHLO else met


def _unknown(destination: Destination, facts: NexthopFacts) -> Verdict:
    policy, relay = destination.policy, destination.relay
    return Verdict(
        nexthop=facts.nexthop,
        key=destination.key,
        level=policy.level if policy else relay.smtp_tls_security_level,
        delivery=Delivery.UNKNOWN,
        tls_status=TlsStatus.NONE,
        plaintext=None,
        dsn="",
        text="",
        reasons=(Reason.NOT_MEASURED,),
        hosts=(),
        host=None,
        unknown=destination.unknown,
    )
