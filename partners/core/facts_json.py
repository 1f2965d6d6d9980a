"""Facts as JSON and back, and the key under which equal facts are kept once.

The JSON holds everything, so that a new rule can judge old facts. The key covers what judge() reads and nothing else:
not when or how long, not which address of many, not the order in which a resolver happens to give its records, and not
the words of a reply, which often carry a session number.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from partners.core.observation import (
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    NotMeasured,
    NotMeasuredCause,
    PeerFacts,
    Stage,
    TlsaFacts,
    TlsaRecord,
    TlsFacts,
    TlsProfile,
)

__all__ = [
    "facts_from_json",
    "facts_key",
    "facts_to_json",
    "nexthop_facts_from_json",
    "not_measured_from_json",
    "peer_facts_from_json",
    "profile_from_json",
    "profile_key",
    "profile_to_json",
]

Facts = NexthopFacts | PeerFacts | NotMeasured
Json = dict[str, Any]
T = TypeVar("T")

_KINDS = {NexthopFacts: "nexthop", PeerFacts: "peer", NotMeasured: "not-measured"}
_ENHANCED_STATUS = re.compile(r"(?:\d{3}[ -])?\s*([245]\.\d{1,3}\.\d{1,3})\b", re.ASCII)  # RFC 3463 section 2
_WHEN = frozenset({"looked_up_at", "seen_at", "tried_at", "duration_ms"})
_WORDS = frozenset({"lookup_text", "detail", "written"})
# Fields that came later: left out where they say nothing, so that facts and profiles kept before have the same key.
_ADDED = {"wrapper": False, "ehlo_tls_name": "", "overlong_at": "", "leaf_key": ""}
_REPLIES = ("greeting", "ehlo", "starttls", "ehlo_tls")


def facts_to_json(facts: Facts) -> Json:
    """Return *facts* as a JSON object: bytes in base64, times in ISO 8601, enums by value, "kind" says of what."""
    return {"kind": _KINDS[type(facts)], **_plain(facts)}


def facts_from_json(raw: Mapping[str, Any]) -> Facts:
    """Return the facts that facts_to_json() wrote. Errors: ValueError where *raw* is of no known kind or shape."""
    readers: dict[str, Callable[[Mapping[str, Any]], Facts]] = {
        "nexthop": nexthop_facts_from_json,
        "peer": peer_facts_from_json,
        "not-measured": not_measured_from_json,
    }
    kind = raw.get("kind") if isinstance(raw, Mapping) else None
    if kind not in readers:
        raise ValueError(f"facts of kind {str(kind)[:40]!r} are not known")
    return readers[kind](raw)


def nexthop_facts_from_json(raw: Mapping[str, Any]) -> NexthopFacts:
    """Return the NexthopFacts in *raw*; a field that an older writer did not know takes its default."""
    return _built(
        NexthopFacts,
        raw,
        looked_up_at=datetime.fromisoformat,
        mx_status=LookupStatus,
        mx_dnssec=Dnssec,
        hosts=lambda rows: tuple(_host(row) for row in rows),
        canonical_dnssec=Dnssec,
    )


def peer_facts_from_json(raw: Mapping[str, Any]) -> PeerFacts:
    """Return the PeerFacts in *raw*."""
    return _built(
        PeerFacts,
        raw,
        profile=profile_from_json,
        seen_at=datetime.fromisoformat,
        ended=Stage,
        features=tuple,
        tls=lambda row: None if row is None else _built(TlsFacts, row, chain=_chain),
    )


def not_measured_from_json(raw: Mapping[str, Any]) -> NotMeasured:
    """Return the NotMeasured in *raw*."""
    return _built(
        NotMeasured,
        raw,
        profile=profile_from_json,
        tried_at=datetime.fromisoformat,
        cause=NotMeasuredCause,
        stage=Stage,
    )


def profile_to_json(profile: TlsProfile) -> Json:
    """Return *profile* as a JSON object."""
    return dict(_plain(profile))


def profile_from_json(raw: Mapping[str, Any]) -> TlsProfile:
    """Return the TlsProfile in *raw*; {} is the permissive one."""
    return _built(TlsProfile, raw)


def profile_key(profile: TlsProfile) -> str:
    """Return the SHA-256 of *profile*, under which an endpoint is unique."""
    return _sha256(profile_to_json(profile))


def facts_key(facts: NexthopFacts | PeerFacts) -> str:
    """Return the SHA-256 (hex) over what judge() reads of *facts*; equal keys get equal verdicts at equal times."""
    judged = _judged_of_nexthop(facts) if isinstance(facts, NexthopFacts) else _judged_of_peer(facts)
    return _sha256({"kind": _KINDS[type(facts)], **judged})


def _judged_of_nexthop(facts: NexthopFacts) -> Json:
    """Return *facts* without times and words, each list in an order of its own."""
    judged = {name: value for name, value in _plain(facts).items() if name not in _WHEN | _WORDS}
    hosts = [_judged_of_host(row) for row in judged["hosts"]]
    return {**judged, "hosts": sorted(hosts, key=_canonical)}


def _judged_of_host(row: Json) -> Json:
    tlsa = [{**lookup, "records": sorted(lookup["records"], key=_canonical)} for lookup in row["tlsa"]]
    return {
        **{name: value for name, value in row.items() if name not in _WORDS},
        "addresses": sorted(row["addresses"]),
        "tlsa": sorted(tlsa, key=_canonical),
    }


def _judged_of_peer(facts: PeerFacts) -> Json:
    """Return *facts* without times, without the endpoint, and of each reply the code and the enhanced status alone."""
    left_out = _WHEN | {"address", "port", "features", *(f"{reply}_text" for reply in _REPLIES)}
    judged = {name: value for name, value in _plain(facts).items() if name not in left_out}
    for reply in _REPLIES:
        status = _ENHANCED_STATUS.match(getattr(facts, f"{reply}_text"))
        judged[f"{reply}_status"] = status[1] if status else ""
    return judged


def _host(raw: Mapping[str, Any]) -> HostFacts:
    return _built(
        HostFacts,
        raw,
        status=LookupStatus,
        dnssec=Dnssec,
        addresses=tuple,
        alias_dnssec=Dnssec,
        tlsa=lambda rows: tuple(_tlsa(row) for row in rows),
    )


def _tlsa(raw: Mapping[str, Any]) -> TlsaFacts:
    return _built(
        TlsaFacts,
        raw,
        status=LookupStatus,
        dnssec=Dnssec,
        records=lambda rows: tuple(_built(TlsaRecord, row, data=_octets) for row in rows),
    )


def _chain(rows: list[str]) -> tuple[bytes, ...]:
    return tuple(_octets(row) for row in rows)


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _built(kind: Callable[..., T], raw: Mapping[str, Any], **readers: Callable[[Any], Any]) -> T:
    """Return a *kind* from the fields that *raw* holds. Errors: ValueError names the kind and what is wrong."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    try:
        given = {name: readers[name](raw[name]) if name in readers else raw[name] for name in names & raw.keys()}
        return kind(**given)
    except (TypeError, ValueError, AttributeError) as cause:
        raise ValueError(f"{getattr(kind, '__name__', kind)} cannot be read from its JSON: {cause}") from cause


def _plain(value: Any) -> Any:
    """Return *value* as what json.dumps() takes."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {name: plain for name, plain in found.items() if name not in _ADDED or plain != _ADDED[name]}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _sha256(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode("ascii")).hexdigest()
