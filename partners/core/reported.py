"""What a probe elsewhere reports, read as an attacker's text: every field of the right kind and size, or refused.

But nothing is refused that a peer can bring about: else a partner's server could have its own look, and those that are
reported with it, thrown away. A report names only what it was given to do. Address, port and TLS profile come from the
claim, and the time from the portal's own clock: none of them is read from the report.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from partners.core.errors import RefusedInput
from partners.core.observation import NotMeasured, NotMeasuredCause, PeerFacts, Stage, TlsFacts, TlsProfile
from partners.core.slow_lane import HELD_LONGEST
from partners.core.wording import _

__all__ = [
    "AGO_SECONDS_MAX",
    "CERTIFICATES_MAX",
    "Place",
    "certificates_of",
    "outcome_of_report",
    "refused",
    "report_of_outcome",
]

AGO_SECONDS_MAX: Final = HELD_LONGEST.total_seconds()  # the first of several sessions that were slow
CERTIFICATES_MAX: Final = 2000  # in one report
_CERTIFICATE_BYTES: Final = 102_400  # OpenSSL's own bound of a chain
_CHAIN_MAX: Final = 32
_TEXT_MAX: Final = 512
_FEATURES_MAX: Final = 200
_MILLISECONDS_MAX: Final = 3_600_000
_KINDS: Final = {"peer", "not-measured"}
_VERSIONS: Final = {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}
_CIPHER = re.compile(r"[A-Za-z0-9_-]{0,64}", re.ASCII)
_STOPS: Final = {"", "refused", "timeout", "closed", "reply", "tls"}
_STAGES: Final = {stage.value for stage in Stage}
_CAUSES: Final = {cause.value for cause in NotMeasuredCause} - {"never-probed", "unreadable", "lookup-failed"}


@dataclass(frozen=True, slots=True)
class Place:
    """What was to be done, as the portal's own rows say, and when it was done by the portal's clock."""

    address: str
    port: int
    profile: TlsProfile
    at: datetime


def refused(what: str) -> RefusedInput:
    """Return the refusal of a report in which *what* is wrong; nothing of the report is repeated."""
    return RefusedInput(_("report"), what, _("let probe and portal be of one release"))


def certificates_of(raw: object) -> tuple[bytes, ...]:
    """Return the certificates that a report's chains point to. Errors: RefusedInput."""
    if not isinstance(raw, list) or len(raw) > CERTIFICATES_MAX:
        raise refused("certificates: no list, or too long a one")
    return tuple(_octets(one) for one in raw)


def outcome_of_report(raw: object, certificates: Sequence[bytes], place: Place) -> PeerFacts | NotMeasured:
    """Return what *raw* says of the session at *place*. Errors: RefusedInput names the field."""
    if not isinstance(raw, dict) or not _is_one_of(_KINDS, raw.get("kind")):
        raise refused("facts: no object of a known kind")
    fields = {name: value for name, value in raw.items() if name != "kind"}
    where: dict[str, Any] = {"address": place.address, "port": place.port, "profile": place.profile}
    if raw["kind"] == "peer":
        tls = _tls(fields.pop("tls", None), certificates)
        given = _checked(fields, _OF_PEER)
        _demand_sequence(given, tls, place.profile)
        return PeerFacts(**where, **{**given, "ended": Stage(given["ended"]), "tls": tls}, seen_at=place.at)
    given = _checked(fields, _OF_NOT_MEASURED)
    given |= {"cause": NotMeasuredCause(given["cause"]), "stage": Stage(given.get("stage", Stage.CONNECT.value))}
    return NotMeasured(**where, **given, tried_at=place.at)


def report_of_outcome(outcome: PeerFacts | NotMeasured, certificates: list[bytes]) -> dict[str, Any]:
    """Return *outcome* as outcome_of_report() reads it; certificates that are new are put at the end of the list."""
    given = asdict(outcome)
    for name in ("address", "port", "profile", "seen_at", "tried_at"):
        given.pop(name, None)
    if isinstance(outcome, NotMeasured):
        return {"kind": "not-measured", **given, "cause": outcome.cause.value, "stage": outcome.stage.value}
    given |= {"kind": "peer", "ended": outcome.ended.value, "features": list(outcome.features)}
    if outcome.tls is not None:
        places = []
        for der in outcome.tls.chain:
            if der not in certificates:
                certificates.append(der)
            places.append(certificates.index(der))
        given["tls"] = {**asdict(outcome.tls), "chain": places}
    return given


def _checked(fields: Mapping[str, Any], wanted: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    """Return *fields*, each of which *wanted* knows and takes, fit for people; lists become tuples."""
    for name, value in fields.items():
        if name not in wanted:
            raise refused("facts: a field that is not known")
        if not wanted[name](value):
            raise refused(f"facts: {name} is of a wrong kind or size")
    needed = {"ended"} if "ended" in wanted else {"cause"}
    if needed - fields.keys():
        raise refused("facts: a field is missing")
    return {
        name: tuple(map(_printable, value)) if isinstance(value, list) else _printable(value)
        for name, value in fields.items()
    }


def _demand_sequence(given: Mapping[str, Any], tls: TlsFacts | None, profile: TlsProfile) -> None:
    """Refuse facts that no session gives: TLS that nobody began, or an end without what comes before it."""
    passed = list(Stage).index(Stage(given["ended"]))
    is_agreed = given.get("starttls_code", 0) // 100 == 2  # any 2xx is a yes, as for Postfix
    if not profile.wrapper:
        if tls is not None and (passed < list(Stage).index(Stage.HANDSHAKE) or not is_agreed):
            raise refused("facts: TLS without STARTTLS")
        if passed > list(Stage).index(Stage.GREETING) and not given.get("greeting_code"):
            raise refused("facts: no greeting before what follows it")
    if given["ended"] == Stage.DONE.value and tls is None and (profile.wrapper or is_agreed):
        raise refused("facts: STARTTLS without TLS at the end")


def _tls(raw: object, certificates: Sequence[bytes]) -> TlsFacts | None:
    """Return the finished handshake in *raw*, None for none."""
    if raw is None:
        return None
    if not isinstance(raw, dict) or raw.keys() - {"version", "cipher", "chain", "client_certificate_asked"}:
        raise refused("tls: no object of that kind")
    version, cipher, chain = raw.get("version"), raw.get("cipher"), raw.get("chain")
    asked = raw.get("client_certificate_asked", False)
    if not _is_one_of(_VERSIONS, version) or not isinstance(cipher, str) or not _CIPHER.fullmatch(cipher):
        raise refused("tls: version or cipher is not known")
    if not isinstance(chain, list) or len(chain) > _CHAIN_MAX or not isinstance(asked, bool):
        raise refused("tls: chain is no short list")
    if any(type(place) is not int or not 0 <= place < len(certificates) for place in chain):
        raise refused("tls: chain points to no certificate")
    found = tuple(certificates[place] for place in chain)
    if sum(map(len, found)) > _CERTIFICATE_BYTES:
        raise refused("tls: the chain is larger than we read")
    return TlsFacts(str(version), cipher, found, asked)


def _octets(raw: object) -> bytes:
    if not isinstance(raw, str) or len(raw) > _CERTIFICATE_BYTES * 4 // 3 + 4:
        raise refused("certificates: one is no text, or too large")
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise refused("certificates: one is no base64") from cause


def _is_one_of(words: Collection[str], value: Any) -> bool:
    return isinstance(value, str) and value in words


def _is_text(value: Any) -> bool:
    """Whether *value* is one line for people. The probe's Python may know letters for which ours has no name yet."""
    if not isinstance(value, str) or len(value) > _TEXT_MAX:
        return False
    return value.isprintable() or all(char.isprintable() or unicodedata.category(char) == "Cn" for char in value)


def _printable(value: Any) -> Any:
    """Return *value*, in which letters that have no name here are blanks if it is a text."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(char if char.isprintable() else " " for char in value)


def _is_code(value: Any) -> bool:
    """Whether *value* is a reply's code: three digits, whichever they are."""
    return type(value) is int and 0 <= value <= 999


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_stage(value: Any) -> bool:
    return _is_one_of(_STAGES, value)


def _is_duration(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MILLISECONDS_MAX


def _are_features(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _FEATURES_MAX and all(map(_is_text, value))


_REPLIES = ("greeting", "ehlo", "starttls", "ehlo_tls")
_OF_PEER: dict[str, Callable[[Any], bool]] = {
    "ended": _is_stage,
    "stop": lambda value: _is_one_of(_STOPS, value),
    "esmtp": _is_flag,
    "features": _are_features,
    "starttls_offered": _is_flag,
    "ehlo_name": _is_text,
    "ehlo_tls_name": _is_text,
    "tls_error": _is_text,
    "overlong_at": lambda value: value == "" or _is_stage(value),
    "duration_ms": _is_duration,
    **{f"{reply}_code": _is_code for reply in _REPLIES},
    **{f"{reply}_text": _is_text for reply in _REPLIES},
}
_OF_NOT_MEASURED: dict[str, Callable[[Any], bool]] = {
    "cause": lambda value: _is_one_of(_CAUSES, value),
    "stage": _is_stage,
    "detail": _is_text,
    "duration_ms": _is_duration,
}
