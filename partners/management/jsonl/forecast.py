"""What Postfix would meet if it tried now: a refused connection or a failed lookup decides there, unlike in the portal.

The portal keeps "not measured" apart from facts, as it may have been its own network. predict --jsonl asks what becomes
of a message at this moment, sent from this machine: what the probe met, smtp(8) meets as well.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from partners.core.observation import (
    HostFacts,
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
from partners.core.verdict import judge, profiles_needed
from partners.management.jsonl.request import Request

__all__ = ["forecast", "profiles_of"]

PeerKey = tuple[str, int, TlsProfile]

_STOPS = {
    NotMeasuredCause.CONNECT_REFUSED: "refused",
    NotMeasuredCause.CONNECT_TIMEOUT: "timeout",
    NotMeasuredCause.UNREACHABLE: "unreachable",
    NotMeasuredCause.TIMEOUT: "timeout",
    NotMeasuredCause.CLOSED: "closed",
    NotMeasuredCause.TEMPORARY_REPLY: "reply",
}


def profiles_of(request: Request, facts: NexthopFacts, host: HostFacts) -> list[TlsProfile]:
    """Return the client sides with which the addresses of *host* must be met."""
    needed = profiles_needed(request.policy, _reachable(facts), request.relay)
    return list(dict.fromkeys(profile for address, _port, profile in needed if address in host.addresses))


def forecast(
    request: Request, facts: NexthopFacts, peers: Mapping[PeerKey, PeerFacts | NotMeasured], now: datetime
) -> Verdict:
    """Say what becomes of the message at this moment."""
    if request.unknown:
        return _unknown(request, facts, request.unknown)
    seen = {key: _as_met(outcome) for key, outcome in peers.items()}
    verdict = judge(
        request.policy,
        _reachable(facts),
        seen,
        request.relay,
        now,
        message_age=request.message_age,
        key=request.key,
    )
    if verdict.unknown == Reason.LOOKUP_FAILED.value:
        return replace(verdict, delivery=Delivery.DEFER, dsn="4.4.3", plaintext=False, unknown="")
    return verdict


def _reachable(facts: NexthopFacts) -> NexthopFacts:
    """Leave out hosts whose lookup failed, if others have addresses: Postfix goes on with those (smtp_addr_list())."""
    found = tuple(host for host in facts.hosts if host.status is not LookupStatus.FAILED)
    return replace(facts, hosts=found) if any(host.addresses for host in found) else facts


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


def _unknown(request: Request, facts: NexthopFacts, cause: str) -> Verdict:
    level = request.policy.level if request.policy else request.relay.smtp_tls_security_level
    return Verdict(
        nexthop=facts.nexthop,
        key=request.key,
        level=level,
        delivery=Delivery.UNKNOWN,
        tls_status=TlsStatus.NONE,
        plaintext=None,
        dsn="",
        text="",
        reasons=(Reason.NOT_MEASURED,),
        hosts=(),
        host=None,
        unknown=cause,
    )
