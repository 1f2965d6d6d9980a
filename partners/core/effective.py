"""What an entry and the relay's main.cf make together: the policy that smtp(8) enforces at one MX host.

Source: tls_policy_lookup_one(), set_cert_match(), load_tas() in src/smtp/smtp_tls_policy.c.
"""

import re
from dataclasses import dataclass, replace

from partners.core.chain import NO_ANCHORS, Anchors
from partners.core.dane import DaneKind, DanePlan, is_dane_possible, plan_for
from partners.core.engine import DIGEST_SIZES, engine_failure
from partners.core.grammar import digest_of
from partners.core.levels import SecurityLevel
from partners.core.names import is_hostname, nexthop_domain, nexthop_port
from partners.core.observation import HostFacts, NexthopFacts, TlsProfile
from partners.core.offers import Unusable, allowed_versions, canonical_versions, exclusions, grade_rank
from partners.core.outcome import JudgedPolicy
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.sts import StsPolicy, sts_policy

__all__ = ["EffectivePolicy", "nexthop_port", "profile_for", "resolve", "resolve_at"]

_BOUNDS_SINCE = PostfixRelease(3, 6)
_NEW_DEFAULT, _OLD_DEFAULT = ">=TLSv1", "!SSLv2:!SSLv3"  # of smtp_tls_protocols, since and before 3.6
_LIST = re.compile(r"[:,\s]+")
_DANE = {SecurityLevel.DANE, SecurityLevel.DANE_ONLY}


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The policy in force. invalid: Postfix makes no connection; unknown: the portal lacks a setting to say.

    names: fields of match= (verify, secure); digests: usable fingerprints; algorithm: of the fingerprints.
    fault: why no handshake can succeed, whoever the peer is; engine: why smtp(8) has no TLS at all.
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
    sts: StsPolicy | None = None
    fault: str = ""
    engine: str = ""
    wrapper: bool = False

    @property
    def is_without_wrapper(self) -> bool:
        """Whether the host is skipped: TLS from the first byte needs a level that demands TLS."""
        return self.wrapper and not self.level.requires_tls


def resolve(
    policy: JudgedPolicy | None, relay: RelaySettings, *, becomes: SecurityLevel | None = None
) -> EffectivePolicy:
    """Return the policy in force; without an entry main.cf's level is the policy.

    becomes: the level that a dane level falls to at one host.
    """
    level = becomes or (policy.level if policy else relay.smtp_tls_security_level)
    if policy and policy.invalid:
        return EffectivePolicy(level, invalid=policy.invalid)
    bare = EffectivePolicy(level, engine=engine_failure(relay), wrapper=relay.smtp_tls_wrappermode)
    if level is SecurityLevel.NONE:
        return bare
    anchored = replace(bare, anchors=Anchors.from_ca_file(relay.ca_pem), sts=sts_policy(policy, relay))
    effective = _with_tls_settings(anchored, policy, relay)
    match = policy.match if policy else ()
    if level is SecurityLevel.FINGERPRINT:
        return _with_digests(effective, match, relay)
    if level in {SecurityLevel.VERIFY, SecurityLevel.SECURE}:
        return _with_anchors(replace(effective, names=_names(match, effective, relay)), policy, relay)
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
    """Return the client side that Postfix shows to *mx_host* under this policy.

    Where no handshake is made or can succeed, the session up to it is all that counts.
    """
    if effective.fault or effective.engine or effective.level is SecurityLevel.NONE:
        return TlsProfile(wrapper=effective.wrapper)
    words = {"nexthop": nexthop_domain(nexthop), "hostname": mx_host}
    return TlsProfile(
        servername=words.get(effective.servername, effective.servername),
        protocols=effective.protocols,
        ciphers=effective.ciphers,
        exclude=effective.exclude,
        strict=effective.level.must_match,
        anonymous=effective.level in {SecurityLevel.MAY, SecurityLevel.ENCRYPT},
        wrapper=effective.wrapper,
    )


def _with_tls_settings(
    effective: EffectivePolicy, policy: JudgedPolicy | None, relay: RelaySettings
) -> EffectivePolicy:
    mandatory = effective.level is not SecurityLevel.MAY
    protocols = relay.smtp_tls_mandatory_protocols if mandatory else relay.smtp_tls_protocols
    if relay.postfix < _BOUNDS_SINCE and protocols == _NEW_DEFAULT:
        protocols = _OLD_DEFAULT
    ciphers = relay.smtp_tls_mandatory_ciphers if mandatory else relay.smtp_tls_ciphers
    excludes = (relay.smtp_tls_exclude_ciphers, relay.smtp_tls_mandatory_exclude_ciphers if mandatory else "")
    exclude, servername = " ".join(text for text in excludes if text), policy.servername if policy else None
    if policy:
        protocols = protocols if policy.protocols is None else policy.protocols
        ciphers = ciphers if policy.ciphers is None else policy.ciphers
        exclude = exclude if policy.exclude is None else policy.exclude
    if servername is None:
        servername = relay.smtp_tls_servername
        if servername and not (servername.isascii() and is_hostname(servername)):
            return replace(effective, invalid="smtp_tls_servername is no host name")
    try:
        return replace(
            effective,
            protocols=canonical_versions(allowed_versions(protocols, relay.postfix)),
            ciphers=_grade(ciphers, effective.level),
            exclude=":".join(exclusions(exclude)),
            servername=servername,
        )
    except Unusable as cause:
        return replace(effective, servername=servername, fault=str(cause))


def _grade(grade: str, level: SecurityLevel) -> str:
    """Return the grade as a profile has it; "null" leaves no cipher where eNULL is excluded."""
    if grade.lower() == "null" and level is not SecurityLevel.ENCRYPT:
        return "null"
    return "high" if grade_rank(grade) else ""


def _names(match: tuple[str, ...], effective: EffectivePolicy, relay: RelaySettings) -> tuple[str, ...]:
    if effective.sts is not None and effective.sts.patterns:
        return ("hostname",)
    of_verify = effective.level is SecurityLevel.VERIFY
    default = relay.smtp_tls_verify_cert_match if of_verify else relay.smtp_tls_secure_cert_match
    if match:
        return tuple(name for value in match for name in value.split(":") if name)
    return tuple(name for value in default for name in _LIST.split(value) if name)


def _with_digests(effective: EffectivePolicy, match: tuple[str, ...], relay: RelaySettings) -> EffectivePolicy:
    algorithm = relay.fingerprint_digest.lower()
    if effective.engine:
        return effective
    if effective.sts is not None and effective.sts.patterns:
        return replace(effective, invalid="mx_host_pattern replaces match=, so that no fingerprint is left")
    given = _digests(match)
    # Up to release 3.8 an entry whose values are all malformed uses main.cf's list; from 3.9 on it is invalid.
    if not match or (not given and relay.postfix < PostfixRelease(3, 9)):
        given = _digests(relay.smtp_tls_fingerprint_cert_match)
    if not given:
        return replace(effective, invalid="no usable fingerprint")
    usable = frozenset(digest for digest in given if len(digest) == DIGEST_SIZES[algorithm])
    return replace(effective, digests=usable, algorithm=algorithm)


def _digests(values: tuple[str, ...]) -> set[bytes]:
    parts = (digest_of(part.strip()) for value in values for part in value.split("|"))
    return {digest for digest in parts if digest is not None}


def _with_anchors(effective: EffectivePolicy, policy: JudgedPolicy | None, relay: RelaySettings) -> EffectivePolicy:
    known = dict(relay.ta_files)
    for paths in (policy.tafile if policy else (), relay.smtp_tls_trust_anchor_file):
        missing = [path for path in paths if path not in known]
        if missing:
            return replace(effective, unknown=f"the contents of trust anchor file {missing[0]} are not known here")
        anchors = Anchors.from_ta_files(tuple(known[path] for path in paths))
        if anchors is None:
            return replace(effective, invalid="a trust anchor file cannot be loaded")
        if anchors.certificates or anchors.keys:
            return replace(effective, anchors=anchors)
    if (relay.smtp_tls_CAfile or relay.smtp_tls_CApath) and not relay.ca_pem and not effective.engine:
        return replace(effective, unknown="the contents of the relay's CA file are not known here")
    return effective
