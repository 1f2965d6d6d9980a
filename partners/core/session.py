"""What smtp(8) makes of one session: from the greeting to the certificate, one outcome per address.

Source: smtp_helo(), smtp_start_tls() in src/smtp/smtp_proto.c; texts and status codes as smtp(8) logs them.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from partners.core import chain as chains
from partners.core.certificates import clean_text, spki_of
from partners.core.dane import match_tlsa
from partners.core.effective import EffectivePolicy
from partners.core.errors import CertificateRefused
from partners.core.grammar import written_digest
from partners.core.levels import SecurityLevel
from partners.core.matching import match_names
from partners.core.observation import PeerFacts, Stage, TlsFacts
from partners.core.outcome import Delivery, TlsStatus
from partners.core.reasons import Reason
from partners.core.relay import OpensslRelease, PostfixRelease, RelaySettings

__all__ = ["Place", "SessionOutcome", "judge_session"]

_ENHANCED = re.compile(r"(?:\d{3}[ -])?\s*([245]\.\d{1,3}\.\d{1,3})\b")
_OLD_VERSIONS = {"SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"}
_LINES_BOUND_SINCE = PostfixRelease(3, 10)  # 3.7 skips the rest of such a line, 3.10 gives the connection up
_NOT_VERIFIED = "Server certificate not verified"
_HANDSHAKE = "Cannot start TLS: handshake failure"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session took place: the nexthop as written, the MX host, and "H[ip]" as it is logged.

    is_best: of the best preference. finds_loops: on port 25 alone Postfix looks for its own name.
    """

    nexthop: str
    mx_host: str
    peer: str
    is_best: bool = True
    finds_loops: bool = True


@dataclass(frozen=True, slots=True)
class SessionOutcome:
    """What happens at one address.

    fallback: an aged message would be sent again without TLS (level may). in_transfer: the session got past its
    handshakes, so that it counts against smtp_mx_session_limit.
    """

    delivery: Delivery
    dsn: str
    text: str
    tls_status: TlsStatus = TlsStatus.NONE
    reasons: tuple[str, ...] = ()
    plaintext: bool = False
    fallback: bool = False
    pin_seen: str = ""
    in_transfer: bool = False


def judge_session(
    peer: PeerFacts, effective: EffectivePolicy, place: Place, relay: RelaySettings, now: datetime
) -> SessionOutcome:
    """Say what smtp(8) does at this address with a message that has just arrived."""
    if (outcome := _connect(peer, place)) is not None:
        return outcome
    if effective.wrapper:
        return _wrapped(peer, effective, place, relay, now)
    for step in (_greeting, _ehlo):
        if (outcome := step(peer, place, relay)) is not None:
            return outcome
    if effective.level is SecurityLevel.NONE:
        return _plaintext()
    if (outcome := _starttls(peer, effective, place, relay)) is not None:
        return outcome
    judged = _certificate(peer, effective, place, relay, now)
    return _after_tls(peer, effective, place, relay, judged)


def _wrapped(
    peer: PeerFacts, effective: EffectivePolicy, place: Place, relay: RelaySettings, now: datetime
) -> SessionOutcome:
    """TLS from the first byte: the greeting comes after it."""
    if effective.engine:
        return _engine_off()
    if peer.tls is None or effective.fault or _is_too_old(peer, effective, relay):
        return _handshake_failed(effective)
    judged = _certificate(peer, effective, place, relay, now)
    if judged.delivery is not Delivery.DELIVER:
        return judged
    for step in (_greeting, _ehlo):
        if (outcome := step(peer, place, relay)) is not None:
            return replace(outcome, tls_status=judged.tls_status)
    return judged


def _connect(peer: PeerFacts, place: Place) -> SessionOutcome | None:
    if peer.ended is not Stage.CONNECT:
        return None
    words = {"refused": "Connection refused", "timeout": "Connection timed out"}
    text = f"connect to {place.peer}:{peer.port}: {words.get(peer.stop, 'Host is unreachable')}"
    return SessionOutcome(Delivery.DEFER, "4.4.1", text, reasons=(Reason.CONNECT_FAILED,))


def _greeting(peer: PeerFacts, place: Place, relay: RelaySettings) -> SessionOutcome | None:
    doing = "receiving the initial server greeting"
    if _is_overlong(peer, Stage.GREETING, relay):
        return _lost(peer, place, doing)
    if peer.ended is not Stage.GREETING:
        return None
    if not peer.greeting_code:
        return _lost(peer, place, doing)
    outcome = _refused_to_talk(peer.greeting_code, peer.greeting_text, place)
    if peer.greeting_code // 100 == 5 and relay.smtp_skip_5xx_greeting:
        return replace(outcome, delivery=Delivery.DEFER, dsn="4" + outcome.dsn[1:])
    return outcome


def _ehlo(peer: PeerFacts, place: Place, relay: RelaySettings) -> SessionOutcome | None:
    if _is_overlong(peer, Stage.EHLO, relay):
        return _lost(peer, place, "performing the EHLO handshake")
    if _uses_ehlo(peer, relay) and (looped := _loops(peer.ehlo_name, place, relay)) is not None:
        return looped
    if peer.ended is not Stage.EHLO or not peer.stop:
        return None
    if not peer.ehlo_code:
        return _lost(peer, place, "performing the EHLO handshake")
    return _refused_to_talk(peer.ehlo_code, peer.ehlo_text, place)


def _loops(name: str, place: Place, relay: RelaySettings) -> SessionOutcome | None:
    """A peer that answers EHLO with the relay's own name: a loop, which is final at the best MX host."""
    if not (place.finds_loops and relay.myhostname and name.lower() == relay.myhostname.lower()):
        return None
    text = f"mail for {place.nexthop} loops back to myself"
    if place.is_best:
        return SessionOutcome(Delivery.BOUNCE, "5.4.6", text, reasons=(Reason.MAIL_LOOP,))
    return SessionOutcome(Delivery.DEFER, "4.4.6", text, reasons=(Reason.MAIL_LOOP,))


def _uses_ehlo(peer: PeerFacts, relay: RelaySettings) -> bool:
    """Whether the relay speaks ESMTP with this peer (SMTP_FEATURE_ESMTP)."""
    greets = relay.smtp_always_send_ehlo or "ESMTP" in peer.greeting_text.upper().split()
    return peer.esmtp and greets and not relay.smtp_never_send_ehlo


def _is_overlong(peer: PeerFacts, stage: Stage, relay: RelaySettings) -> bool:
    return peer.overlong_at == stage.value and relay.postfix >= _LINES_BOUND_SINCE


def _starttls(peer: PeerFacts, effective: EffectivePolicy, place: Place, relay: RelaySettings) -> SessionOutcome | None:
    discards = any(word.lower() == "starttls" for word in relay.smtp_discard_ehlo_keywords)
    if not (peer.starttls_offered and _uses_ehlo(peer, relay)) or discards:
        return _starttls_missing(effective, place)
    if effective.engine:
        return _engine_off() if effective.level.requires_tls else _plaintext(Reason.TLS_ENGINE_OFF)
    if peer.ended is Stage.STARTTLS and peer.stop:
        return _starttls_refused(peer, effective, place)
    if effective.fault or _is_overlong(peer, Stage.STARTTLS, relay):
        return _handshake_failed(effective)
    if peer.tls is None or peer.ended is Stage.HANDSHAKE or _is_too_old(peer, effective, relay):
        return _handshake_failed(effective)
    return None


def _engine_off() -> SessionOutcome:
    text = "TLS is required, but our TLS engine is unavailable"
    return SessionOutcome(Delivery.DEFER, "4.7.5", text, reasons=(Reason.TLS_ENGINE_OFF,))


def _starttls_missing(effective: EffectivePolicy, place: Place) -> SessionOutcome:
    if not effective.level.requires_tls:
        return _plaintext(Reason.STARTTLS_NOT_SUPPORTED)
    text = f"TLS is required, but was not offered by host {place.peer}"
    return SessionOutcome(Delivery.DEFER, "4.7.4", text, reasons=(Reason.STARTTLS_NOT_SUPPORTED,))


def _starttls_refused(peer: PeerFacts, effective: EffectivePolicy, place: Place) -> SessionOutcome:
    """Silence or a closed connection is never answered with plaintext; a refusal at may is, on the same connection."""
    if not peer.starttls_code:
        return _lost(peer, place, "performing the STARTTLS handshake")
    is_temporary = peer.starttls_code // 100 == 4
    reason = Reason.STARTTLS_TEMPORARY if is_temporary else Reason.STARTTLS_REJECTED
    if not effective.level.requires_tls:
        if peer.stop == "closed":
            return replace(_lost(peer, place, "sending MAIL FROM"), in_transfer=True)
        return _plaintext(reason)
    reply = _reply(peer.starttls_code, peer.starttls_text)
    text = f"TLS is required, but host {place.peer} refused to start TLS: {reply}"
    delivery = Delivery.DEFER if is_temporary else Delivery.BOUNCE
    return SessionOutcome(delivery, _dsn(peer.starttls_code, peer.starttls_text), text, reasons=(reason,))


def _handshake_failed(effective: EffectivePolicy) -> SessionOutcome:
    fallback = effective.level is SecurityLevel.MAY
    reason = Reason.TLS_SETTINGS_UNUSABLE if effective.fault else Reason.HANDSHAKE_FAILED
    return SessionOutcome(Delivery.DEFER, "4.7.5", _HANDSHAKE, reasons=(reason,), fallback=fallback)


def _is_too_old(peer: PeerFacts, effective: EffectivePolicy, relay: RelaySettings) -> bool:
    """Whether the permissive probe got on with a TLS version that security level 1 of OpenSSL 3 refuses."""
    strict = effective.level.must_match and not peer.profile.strict and relay.openssl >= OpensslRelease(3, 0)
    return strict and peer.tls is not None and peer.tls.version in _OLD_VERSIONS


def _certificate(
    peer: PeerFacts, effective: EffectivePolicy, place: Place, relay: RelaySettings, now: datetime
) -> SessionOutcome:
    if peer.tls is None:
        return _handshake_failed(effective)
    judged = _JUDGES[effective.level](peer.tls, effective, place, relay, now)
    if effective.sts is None or not effective.sts.failure or judged.tls_status is TlsStatus.ANONYMOUS:
        return judged
    if effective.level.must_match:
        return _not_verified(TlsStatus.UNTRUSTED, Reason.STS_POLICY_FAILED)
    return replace(judged, tls_status=TlsStatus.UNTRUSTED)


def _opportunistic(
    tls: TlsFacts, effective: EffectivePolicy, _place: Place, relay: RelaySettings, now: datetime
) -> SessionOutcome:
    """Levels may and encrypt: the certificate decides over a word in the log alone."""
    if not tls.chain:
        return _delivered(TlsStatus.ANONYMOUS)
    depth = relay.smtp_tls_scert_verifydepth
    result = chains.verify(tls.chain, effective.anchors, now, depth=depth, strict=False)
    named = not effective.names or match_names(effective.names, "", "", tls.chain[0]).matched
    return _delivered(TlsStatus.TRUSTED if result.trusted and named else TlsStatus.UNTRUSTED)


def _by_ca_and_name(
    tls: TlsFacts, effective: EffectivePolicy, place: Place, relay: RelaySettings, now: datetime
) -> SessionOutcome:
    if not tls.chain:
        return _not_verified(TlsStatus.ANONYMOUS, Reason.CERTIFICATE_NOT_SENT)
    depth = relay.smtp_tls_scert_verifydepth
    result = chains.verify(tls.chain, effective.anchors, now, depth=depth, strict=True)
    names = match_names(effective.names, place.nexthop, place.mx_host, tls.chain[0])
    if result.trusted and names.matched:
        return _delivered(TlsStatus.VERIFIED)
    reasons = [] if result.trusted else [result.reason]
    reasons += [] if names.matched else [Reason.CERTIFICATE_HOST_MISMATCH]
    is_mild = result.trusted and names.is_mismatch
    return _not_verified(_status_of_mismatch(relay) if is_mild else TlsStatus.UNTRUSTED, *reasons)


def _by_fingerprint(
    tls: TlsFacts, effective: EffectivePolicy, _place: Place, _relay: RelaySettings, _now: datetime
) -> SessionOutcome:
    """Digest of the leaf or of its key, and nothing else: no name, no date, no chain."""
    if not tls.chain:
        return _not_verified(TlsStatus.ANONYMOUS, Reason.CERTIFICATE_NOT_SENT)
    if not effective.digests:
        return _not_verified(TlsStatus.UNTRUSTED, Reason.FINGERPRINT_UNUSABLE)
    for digest in _digests(tls.chain[0], effective.algorithm):
        if digest in effective.digests:
            return _delivered(TlsStatus.VERIFIED, written_digest(digest))
    return _not_verified(TlsStatus.UNTRUSTED, Reason.FINGERPRINT_MISMATCH)


def _by_tlsa(
    tls: TlsFacts, effective: EffectivePolicy, _place: Place, relay: RelaySettings, now: datetime
) -> SessionOutcome:
    if effective.dane is None:
        raise ValueError("a dane level is judged by resolve_at()'s policy")
    result = match_tlsa(tls.chain, effective.dane, now, relay.smtp_tls_scert_verifydepth)
    if result.matched:
        return _delivered(TlsStatus.TRUSTED if effective.dane.half else TlsStatus.VERIFIED)
    if not tls.chain:
        return _not_verified(TlsStatus.ANONYMOUS, result.reason)
    return _not_verified(_status_of_mismatch(relay) if result.has_chain else TlsStatus.UNTRUSTED, result.reason)


_Judge = Callable[[TlsFacts, EffectivePolicy, Place, RelaySettings, datetime], SessionOutcome]
_JUDGES: dict[SecurityLevel, _Judge] = {
    SecurityLevel.MAY: _opportunistic,
    SecurityLevel.ENCRYPT: _opportunistic,
    SecurityLevel.VERIFY: _by_ca_and_name,
    SecurityLevel.SECURE: _by_ca_and_name,
    SecurityLevel.FINGERPRINT: _by_fingerprint,
    SecurityLevel.DANE: _by_tlsa,
    SecurityLevel.DANE_ONLY: _by_tlsa,
}


def _digests(der: bytes, algorithm: str) -> Iterator[bytes]:
    """Yield the digest of the certificate, then that of its key."""
    yield hashlib.new(algorithm, der, usedforsecurity=False).digest()
    with contextlib.suppress(CertificateRefused):
        yield hashlib.new(algorithm, spki_of(der), usedforsecurity=False).digest()


def _status_of_mismatch(relay: RelaySettings) -> TlsStatus:
    """A good chain with a wrong name is logged "Untrusted" from 3.6.0 to 3.10.3 (HISTORY 20250730), else "Trusted"."""
    odd = PostfixRelease(3, 6) <= relay.postfix < PostfixRelease(3, 10, 4)
    return TlsStatus.UNTRUSTED if odd else TlsStatus.TRUSTED


def _after_tls(
    peer: PeerFacts, effective: EffectivePolicy, place: Place, relay: RelaySettings, judged: SessionOutcome
) -> SessionOutcome:
    """EHLO again, under TLS; a connection that is lost here is the one failure that plaintext may follow."""
    if judged.delivery is not Delivery.DELIVER:
        return judged
    if (looped := _loops(peer.ehlo_tls_name, place, relay)) is not None:
        return replace(looped, tls_status=judged.tls_status)
    if peer.ended is not Stage.EHLO_TLS or not peer.stop:
        return judged
    if peer.ehlo_tls_code:
        return replace(_refused_to_talk(peer.ehlo_tls_code, peer.ehlo_tls_text, place), tls_status=judged.tls_status)
    lost = _lost(peer, place, "performing the EHLO handshake")
    fallback = effective.level is SecurityLevel.MAY
    return replace(lost, tls_status=judged.tls_status, fallback=fallback, pin_seen=judged.pin_seen)


def _delivered(status: TlsStatus, pin: str = "") -> SessionOutcome:
    return SessionOutcome(Delivery.DELIVER, "2.0.0", "", status, pin_seen=pin)


def _plaintext(*reasons: Reason) -> SessionOutcome:
    return SessionOutcome(Delivery.DELIVER, "2.0.0", "", reasons=(*reasons, Reason.PLAINTEXT), plaintext=True)


def _not_verified(status: TlsStatus, *reasons: str) -> SessionOutcome:
    return SessionOutcome(Delivery.DEFER, "4.7.5", _NOT_VERIFIED, status, tuple(reasons))


def _refused_to_talk(code: int, text: str, place: Place) -> SessionOutcome:
    delivery = Delivery.DEFER if code // 100 == 4 else Delivery.BOUNCE
    reason = Reason.GREETING_TEMPORARY if delivery is Delivery.DEFER else Reason.GREETING_REJECTED
    words = f"host {place.peer} refused to talk to me: {_reply(code, text)}"
    return SessionOutcome(delivery, _dsn(code, text), words, reasons=(reason,))


def _lost(peer: PeerFacts, place: Place, doing: str) -> SessionOutcome:
    late = peer.stop == "timeout"
    text = f"conversation with {place.peer} timed out" if late else f"lost connection with {place.peer}"
    return SessionOutcome(Delivery.DEFER, "4.4.2", f"{text} while {doing}", reasons=(Reason.CONNECTION_LOST,))


def _reply(code: int, text: str) -> str:
    words = clean_text(text, 512)
    return words if words.startswith(str(code)) else f"{code} {words}".rstrip()


def _dsn(code: int, text: str) -> str:
    """Return the peer's enhanced status code if it fits its reply code, else x.0.0; 5.5.0 for a reply out of place."""
    found = _ENHANCED.match(text)
    if found and found[1][0] == str(code)[0]:
        return found[1]
    return f"{code // 100}.0.0" if code // 100 in {4, 5} else "5.5.0"
