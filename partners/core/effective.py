"""What an entry and the relay's main.cf make together: the policy that smtp(8) enforces at one MX host.

Source: tls_policy_lookup_one(), set_cert_match(), load_tas() in src/smtp/smtp_tls_policy.c.
"""

import re
from dataclasses import dataclass, replace

from partners.core.certificates import DIGESTS
from partners.core.chain import NO_ANCHORS, Anchors
from partners.core.dane import DaneKind, DanePlan, is_dane_possible, plan_for
from partners.core.levels import SecurityLevel
from partners.core.matching import nexthop_domain
from partners.core.observation import HostFacts, NexthopFacts, TlsProfile
from partners.core.outcome import JudgedPolicy
from partners.core.relay import PostfixRelease, RelaySettings

__all__ = ["EffectivePolicy", "nexthop_port", "profile_for", "resolve", "resolve_at"]

_DANE = {SecurityLevel.DANE, SecurityLevel.DANE_ONLY}
_SERVICES = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "urd": 465}
_PORT = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*):([A-Za-z0-9-]+)")
_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2})*")
_PERMISSIVE_PROTOCOLS = {"", ">=TLSv1", "!SSLv2,!SSLv3", "!SSLv2:!SSLv3", "!SSLv2, !SSLv3"}
_PERMISSIVE_CIPHERS = {"", "medium", "low", "export"}  # one and the same list since OpenSSL 1.1


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The policy in force. invalid: Postfix makes no connection; unknown: the portal lacks a setting to say.

    names: fields of match= (verify, secure); digests: usable fingerprints; algorithm: of the fingerprints.
    """

    level: SecurityLevel
    names: tuple[str, ...] = ()
    digests: frozenset[bytes] = frozenset()
    algorithm: str = "sha256"
    anchors: Anchors = NO_ANCHORS
    protocols: str = ""
    ciphers: str = ""
    exclude: str = ""
    servername: str = ""
    invalid: str = ""
    unknown: str = ""
    dane: DanePlan | None = None


def resolve(
    policy: JudgedPolicy | None, relay: RelaySettings, *, becomes: SecurityLevel | None = None
) -> EffectivePolicy:
    """Return the policy in force; without an entry main.cf's level is the policy.

    becomes: the level that a dane level falls to at one host.
    """
    level = becomes or (policy.level if policy else relay.smtp_tls_security_level)
    if policy and policy.invalid:
        return EffectivePolicy(level, invalid=policy.invalid)
    if level is SecurityLevel.NONE:
        return EffectivePolicy(level)
    effective = _with_tls_settings(EffectivePolicy(level, anchors=Anchors.from_ca_file(relay.ca_pem)), policy, relay)
    match = policy.match if policy else ()
    if level is SecurityLevel.FINGERPRINT:
        return _with_digests(effective, match, relay)
    if level in {SecurityLevel.VERIFY, SecurityLevel.SECURE}:
        return _with_anchors(replace(effective, names=_names(match, level, relay)), policy, relay)
    return effective


def resolve_at(
    effective: EffectivePolicy,
    policy: JudgedPolicy | None,
    facts: NexthopFacts,
    host: HostFacts,
    relay: RelaySettings,
) -> EffectivePolicy:
    """Return the policy at one MX host, which differs from *effective* at dane and dane-only alone."""
    if effective.level not in _DANE or effective.invalid:
        return effective
    if not is_dane_possible(relay):
        if effective.level is SecurityLevel.DANE:
            return resolve(policy, relay, becomes=SecurityLevel.MAY)
        return replace(effective, invalid="dane-only needs smtp_dns_support_level = dnssec and lookups by dns")
    plan = plan_for(effective.level, facts, host, nexthop_port(facts.nexthop), relay)
    if plan.kind is DaneKind.MAY:
        return resolve(policy, relay, becomes=SecurityLevel.MAY)
    if plan.kind is DaneKind.ENCRYPT:
        return resolve(policy, relay, becomes=SecurityLevel.ENCRYPT)
    return replace(effective, dane=plan, servername=plan.base)  # servername= is ignored here


def profile_for(effective: EffectivePolicy, nexthop: str, mx_host: str) -> TlsProfile:
    """Return the client side that Postfix shows to *mx_host* under this policy."""
    words = {"nexthop": nexthop_domain(nexthop), "hostname": mx_host}
    return TlsProfile(
        servername=words.get(effective.servername, effective.servername),
        protocols=effective.protocols,
        ciphers=effective.ciphers,
        exclude=effective.exclude,
        strict=effective.level.must_match,
        anonymous=effective.level in {SecurityLevel.MAY, SecurityLevel.ENCRYPT},
    )


def nexthop_port(nexthop: str) -> int:
    """Return the port of a nexthop, 25 where it names none. Errors: ValueError for an unknown service."""
    found = _PORT.fullmatch(nexthop)
    if not found:
        return 25
    return _SERVICES[found[1].lower()] if found[1].lower() in _SERVICES else int(found[1])


def _with_tls_settings(
    effective: EffectivePolicy, policy: JudgedPolicy | None, relay: RelaySettings
) -> EffectivePolicy:
    mandatory = effective.level is not SecurityLevel.MAY
    protocols = relay.smtp_tls_mandatory_protocols if mandatory else relay.smtp_tls_protocols
    ciphers = relay.smtp_tls_mandatory_ciphers if mandatory else relay.smtp_tls_ciphers
    excludes = (relay.smtp_tls_exclude_ciphers, relay.smtp_tls_mandatory_exclude_ciphers if mandatory else "")
    exclude, servername = " ".join(text for text in excludes if text), relay.smtp_tls_servername
    if policy:
        protocols = protocols if policy.protocols is None else policy.protocols
        ciphers = ciphers if policy.ciphers is None else policy.ciphers
        exclude = exclude if policy.exclude is None else policy.exclude
        servername = servername if policy.servername is None else policy.servername
    return replace(
        effective,
        protocols="" if protocols in _PERMISSIVE_PROTOCOLS else protocols,
        ciphers="" if ciphers.lower() in _PERMISSIVE_CIPHERS else ciphers,
        exclude=exclude,
        servername=servername,
    )


def _names(match: tuple[str, ...], level: SecurityLevel, relay: RelaySettings) -> tuple[str, ...]:
    default = relay.smtp_tls_verify_cert_match if level is SecurityLevel.VERIFY else relay.smtp_tls_secure_cert_match
    return tuple(name for value in match or default for name in re.split(r"[:,\s]+", value) if name)


def _with_digests(effective: EffectivePolicy, match: tuple[str, ...], relay: RelaySettings) -> EffectivePolicy:
    algorithm = relay.fingerprint_digest.lower()
    if algorithm not in DIGESTS:
        return replace(effective, unknown=f"fingerprint digest {algorithm} is not known here")
    given = _digests(match)
    # Up to release 3.8 an entry whose values are all malformed uses main.cf's list; from 3.9 on it is invalid.
    if not match or (not given and relay.postfix < PostfixRelease(3, 9)):
        given = _digests(relay.smtp_tls_fingerprint_cert_match)
    if not given:
        return replace(effective, invalid="no usable fingerprint")
    usable = frozenset(digest for digest in given if len(digest) == DIGESTS[algorithm])
    return replace(effective, digests=usable, algorithm=algorithm)


def _digests(values: tuple[str, ...]) -> set[bytes]:
    parts = [part.strip() for value in values for part in value.split("|")]
    return {bytes.fromhex(part.replace(":", "")) for part in parts if _HEX_PAIRS.fullmatch(part)}


def _with_anchors(effective: EffectivePolicy, policy: JudgedPolicy | None, relay: RelaySettings) -> EffectivePolicy:
    known = dict(relay.ta_files)
    for paths in (policy.tafile if policy else (), relay.smtp_tls_trust_anchor_file):
        missing = [path for path in paths if path not in known]
        if missing:
            return replace(effective, unknown=f"the contents of trust anchor file {missing[0]} are not known here")
        anchors = Anchors.from_ta_files([known[path] for path in paths])
        if anchors is None:
            return replace(effective, invalid="a trust anchor file cannot be loaded")
        if anchors.certificates or anchors.keys:
            return replace(effective, anchors=anchors)
    if (relay.smtp_tls_CAfile or relay.smtp_tls_CApath) and not relay.ca_pem:
        return replace(effective, unknown="the contents of the relay's CA file are not known here")
    return effective
