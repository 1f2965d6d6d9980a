"""Which changed entries are proven to be no weaker: every peer accepted after was accepted before."""

from collections.abc import Iterable, Iterator

from partners.actions.maps import GroupMap
from partners.actions.relay_groups import settings_of
from partners.core.grammar import ParsedPolicy
from partners.core.levels import SecurityLevel

__all__ = ["unproven"]

_BELOW = "any-name-below"  # stands for the names that a dotted key covers
_OPEN = {SecurityLevel.NONE, SecurityLevel.MAY}
_DANE = {SecurityLevel.DANE, SecurityLevel.DANE_ONLY}


def unproven(active: GroupMap, candidate: GroupMap, nexthops: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (key, cause) for each changed entry that is not proven to be a strengthening; deny by default.

    A key is looked up under both maps, so that a removed entry, or a new one that hides its parent, is seen as what it
    does to the nexthop.
    """
    for key in sorted({*nexthops, *active.entries, *candidate.entries}):
        if _applying(active, key) == _applying(candidate, key):
            continue
        before, after = _policy(active, key), _policy(candidate, key)
        if before is None or after is None:
            yield key, "an entry that Postfix refuses is involved"
        elif not _is_stronger(before, after, active, candidate):
            yield key, f"{_told(active, key)} becomes {_told(candidate, key)}"


def _is_stronger(before: ParsedPolicy, after: ParsedPolicy, active: GroupMap, candidate: GroupMap) -> bool:
    """Whether *after* provably accepts no peer that *before* did not."""
    if before.level in _OPEN:
        return after.level.rank >= before.level.rank and after.level is not SecurityLevel.NONE
    if _handshake(before) != _handshake(after):
        return False
    if before.level is SecurityLevel.ENCRYPT:
        return after.level is SecurityLevel.ENCRYPT or (after.level.must_match and after.level not in _DANE)
    if before.level is not after.level or before.level in _DANE:
        return False
    if not before.match or not after.match or not set(after.match) <= set(before.match):
        return False
    return _anchors(before, active) == _anchors(after, candidate)


def _handshake(policy: ParsedPolicy) -> tuple[object, ...]:
    """Return what the handshake is asked for."""
    return policy.protocols, policy.ciphers, policy.exclude, policy.servername, policy.enable_rpk, policy.sts


def _anchors(policy: ParsedPolicy, one: GroupMap) -> set[str | None]:
    """Return the contents of the tafiles of *policy*."""
    return {one.tafiles.get(path) for path in policy.tafile}


def _policy(one: GroupMap, key: str) -> ParsedPolicy | None:
    """Return what applies to *key*: its entry, else main.cf's level; None where Postfix refuses the entry."""
    applies = _key_of(one, key)
    if applies is None:
        return ParsedPolicy(settings_of(one.group).smtp_tls_security_level)
    policy = one.policy_of(applies)
    return policy if isinstance(policy, ParsedPolicy) else None


def _applying(one: GroupMap, key: str) -> object:
    """Return what applies to *key*, comparable."""
    if key.startswith("."):
        return one.applying(_BELOW + key)
    return one.applying(key)


def _key_of(one: GroupMap, key: str) -> str | None:
    """Return the key that applies; a dotted key stands for any name below it."""
    return one.key_of(_BELOW + key if key.startswith(".") else key)


def _told(one: GroupMap, key: str) -> str:
    """Return what applies to *key* for people."""
    applies = _key_of(one, key)
    return f"'{applies} {one.entries[applies]}'" if applies else "the relays' default"
