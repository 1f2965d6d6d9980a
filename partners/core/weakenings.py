"""What a candidate map asks less of the peer than the active one: denied by default, a strengthening must be proven.

Proven: every peer accepted after was accepted before, and no session is weaker. The order of levels proves nothing:
fingerprint and secure accept different peers. Compared is the policy in force at each key, found as Postfix finds it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from partners.core.demands import Demands, default_policy, demands_of
from partners.core.grammar import parse_value
from partners.core.levels import SecurityLevel
from partners.core.names import lookup_keys, table_key
from partners.core.policymap import PolicyTable
from partners.core.relay import RelaySettings

__all__ = ["Weakening", "weakenings"]

_LEVEL = SecurityLevel
_ANY_NAME = "any-name-below"  # stands for the names below a dotted key that have no key of their own
_ELSEWHERE = "[any-other-nexthop]"  # stands for the nexthops that no key covers
# What accepts no more than the level on the left, whatever the attributes; equal levels are compared by attributes.
_STRICTER = {
    _LEVEL.NONE: frozenset(SecurityLevel),
    _LEVEL.MAY: frozenset(SecurityLevel) - {_LEVEL.NONE},
    _LEVEL.ENCRYPT: frozenset({_LEVEL.ENCRYPT, _LEVEL.FINGERPRINT, _LEVEL.DANE_ONLY, _LEVEL.VERIFY, _LEVEL.SECURE}),
    _LEVEL.FINGERPRINT: frozenset({_LEVEL.FINGERPRINT}),
    _LEVEL.DANE: frozenset({_LEVEL.DANE, _LEVEL.DANE_ONLY}),
    _LEVEL.DANE_ONLY: frozenset({_LEVEL.DANE_ONLY}),
    _LEVEL.VERIFY: frozenset({_LEVEL.VERIFY, _LEVEL.SECURE}),
    _LEVEL.SECURE: frozenset({_LEVEL.VERIFY, _LEVEL.SECURE}),
}


@dataclass(frozen=True, slots=True)
class Weakening:
    """One thing asked less of the peer. key: of the map, "" for main.cf's default; what: the attribute or "level".

    before, after: as written; sentence: for people, names the key.
    """

    key: str
    what: str
    before: str
    after: str
    sentence: str


def weakenings(
    old: PolicyTable | Mapping[str, str],
    new: PolicyTable | Mapping[str, str],
    settings_old: RelaySettings,
    settings_new: RelaySettings,
) -> tuple[Weakening, ...]:
    """Return each weakening from *old* to *new*, by key; none means that each difference is a proven strengthening.

    Shape: tables as parsed, or key -> value as written.
    """
    before, after = _values(old), _values(new)
    same_settings = settings_old == settings_new
    found: list[Weakening] = []
    for key in ["", *sorted({*before, *after})]:
        nexthop = _representative(key)
        was, now = _applying(before, nexthop), _applying(after, nexthop)
        if not (same_settings and was[1] == now[1]):
            found += _compared(key, was, now, (settings_old, settings_new))
    return tuple(found)


def _values(table: PolicyTable | Mapping[str, str]) -> dict[str, str]:
    if isinstance(table, PolicyTable):
        return table.values
    return {table_key(key): value for key, value in table.items()}


def _representative(key: str) -> str:
    if not key:
        return _ELSEWHERE
    return f"{_ANY_NAME}{key}" if key.startswith(".") else key


def _applying(values: Mapping[str, str], nexthop: str) -> tuple[str, str | None]:
    """Return key and value that apply; "" and None for main.cf's default."""
    key = next((key for key in lookup_keys(nexthop) if key in values), None)
    return ("", None) if key is None else (key, values[key])


def _demands(applying: tuple[str, str | None], nexthop: str, settings: RelaySettings) -> Demands:
    value = applying[1]
    policy = default_policy(settings) if value is None else parse_value(value, settings.postfix, settings)
    return demands_of(policy, nexthop, settings)


def _written(applying: tuple[str, str | None], key: str, settings: RelaySettings) -> str:
    """Return the policy as people find it: the value, and where it stands if not at *key*."""
    if applying[1] is None:
        return f"{settings.smtp_tls_security_level.value} (main.cf)"
    value = " ".join(applying[1].split())
    return value if applying[0] == key else f"{value} (key {applying[0]})"


def _compared(
    key: str, was: tuple[str, str | None], now: tuple[str, str | None], settings: tuple[RelaySettings, RelaySettings]
) -> Iterator[Weakening]:
    nexthop = _representative(key)
    before, after = _written(was, key, settings[0]), _written(now, key, settings[1])
    subject = key or "every nexthop without an entry"
    for what, cause in _causes(_demands(was, nexthop, settings[0]), _demands(now, nexthop, settings[1])):
        yield Weakening(key, what, before, after, f"{subject}: {cause}{_how(key, was, now)}")


def _how(key: str, was: tuple[str, str | None], now: tuple[str, str | None]) -> str:
    """Return how another entry came to apply, where the entry itself was not edited."""
    if was[0] == now[0]:
        return ""
    if now[0] == key:
        return f"; the new key hides {was[0] or 'main.cf'}"
    return f"; without its entry, {now[0] or 'main.cf'} applies"


def _causes(old: Demands, new: Demands) -> Iterator[tuple[str, str]]:
    """Yield what is weaker in *new*; nothing where it accepts no peer, or *old* and *new* are the same."""
    if new.senders_may_waive and not old.senders_may_waive:
        yield "tls_required_enable", "a sender can now switch the policy off with the header TLS-Required: no"
    if new.refused:
        return
    if old.refused:
        yield "level", f"mail was stopped ({old.refused}) and now flows at level {new.level.value}"
    elif new.level not in _STRICTER[old.level]:
        yield "level", f"level {new.level.value} accepts peers that level {old.level.value} does not"
    elif old.level is not _LEVEL.NONE:
        yield from _peer_causes(old, new)
        yield from _session_causes(old, new)


def _peer_causes(old: Demands, new: Demands) -> Iterator[tuple[str, str]]:
    """Yield whom *new* accepts in addition; the level of *new* is the same or stricter."""
    if old.level is _LEVEL.FINGERPRINT:
        if old.algorithm != new.algorithm:
            yield "match", f"fingerprints are compared as {new.algorithm} instead of {old.algorithm}"
        elif further := new.digests - old.digests:
            yield "match", f"{len(further)} further fingerprint(s) accepted: {', '.join(sorted(further))}"
    if old.level.takes_tafile:
        if further_names := _further_names(old, new):
            yield "match", f"further names are accepted: {', '.join(further_names)}"
        if not old.anchors.covers(new.anchors):
            what = "tafile" if new.anchors.of_tafile or old.anchors.of_tafile else "CA set"
            yield what, "further trust anchors are accepted, or others than before"
        if new.depth > old.depth:
            yield "smtp_tls_scert_verifydepth", f"chains may be longer: {new.depth} instead of {old.depth}"
    if old.dane and new.dane != old.dane:
        changed = sorted(set(new.dane) - set(old.dane))
        yield "dane", f"other rules for TLSA records: {', '.join(changed)}"
    if new.sts != old.sts:
        yield "mx_host_pattern", "policy_* or mx_host_pattern changed: other MX hosts may be used"


def _further_names(old: Demands, new: Demands) -> list[str]:
    """Return the names of *new* that no name of *old* covers; checks of addresses and names are joined by "and"."""
    if any(name.address for name in old.names | new.names):
        return [] if old.names == new.names else sorted(str(name) for name in new.names)
    return sorted(str(name) for name in new.names if not any(one.covers(name) for one in old.names))


def _session_causes(old: Demands, new: Demands) -> Iterator[tuple[str, str]]:
    """Yield what weaker sessions *new* allows."""
    if old.protocols is None or new.protocols is None:
        if old.protocols_text != new.protocols_text:
            yield "protocols", f"{new.protocols_text} instead of {old.protocols_text} cannot be compared"
    elif further := new.protocols - old.protocols:
        yield "protocols", f"further TLS versions are allowed: {', '.join(sorted(further))}"
    if old.grade is None or new.grade is None:
        if old.ciphers_text != new.ciphers_text:
            yield "ciphers", f"grade {new.ciphers_text} instead of {old.ciphers_text} cannot be compared"
    elif new.grade < old.grade:
        yield "ciphers", f"grade {new.ciphers_text} allows ciphers that {old.ciphers_text} does not"
    if dropped := old.exclude - new.exclude:
        yield "exclude", f"ciphers are no longer excluded: {', '.join(sorted(dropped))}"
    if new.servername != old.servername:
        yield "servername", f"servername {new.servername or '(none)'} instead of {old.servername or '(none)'}"
    if new.rpk and not old.rpk:
        yield "enable_rpk", "raw public keys are asked for, without a certificate"
    if old.wrappermode and not new.wrappermode:
        yield "smtp_tls_wrappermode", "TLS no longer stands before the first line"
