"""What an entry and the relay's main.cf make together: the policy that smtp(8) enforces at one MX host.

Source: tls_policy_lookup_one(), set_cert_match(), load_tas() in src/smtp/smtp_tls_policy.c.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypedDict

from partners.core.chain import NO_ANCHORS, Anchors
from partners.core.dane import DaneKind, DanePlan, is_dane_possible, plan_for
from partners.core.engine import DIGEST_SIZES, engine_failure
from partners.core.grammar import digest_of
from partners.core.levels import SecurityLevel
from partners.core.names import is_hostname, nexthop_domain, nexthop_port
from partners.core.observation import HostFacts, NexthopFacts, TlsProfile
from partners.core.offers import Unusable, allowed_versions, canonical_versions, exclusions, grade_rank
from partners.core.outcome import JudgedPolicy
from partners.core.relay import OpensslRelease, PostfixRelease, RelaySettings
from partners.core.sts import StsPolicy, sts_policy

__all__ = ["EffectivePolicy", "nexthop_port", "profile_for", "resolve", "resolve_at"]

_BOUNDS_SINCE = PostfixRelease(3, 6)
_NEW_DEFAULT, _OLD_DEFAULT = ">=TLSv1", "!SSLv2:!SSLv3"  # of smtp_tls_protocols, since and before 3.6
_LIST = re.compile(r"[:,\s]+")
_USUAL_LISTS = {  # tls_medium_cipherlist and tls_high_cipherlist by default
    "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH",
    "aNULL:-aNULL:HIGH:@STRENGTH",
}
_OLD_GONE_SINCE = OpensslRelease(3, 1)  # gone at security level 1, before one range of versions is sought
_OLD = {"TLSv1", "TLSv1.1"}
_SERVERNAME_WORDS = {"nexthop", "hostname"}
_NO_FALLBACK_SINCE = PostfixRelease(3, 9)
_DANE = {SecurityLevel.DANE, SecurityLevel.DANE_ONLY}


class _OfLevel(TypedDict, total=False):
    """The fields of an EffectivePolicy that its level decides over."""

    names: tuple[str, ...]
    digests: frozenset[bytes]
    algorithm: str
    anchors: Anchors
    invalid: str
    unknown: str


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The policy in force. invalid: Postfix makes no connection; unknown: the portal lacks a setting to say.

    names: fields of match= (verify, secure), and where dane fell to encrypt in the handshake: they then decide over a
    word in the log; digests: usable fingerprints; algorithm: of the fingerprints.
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
    if level is SecurityLevel.NONE:
        return EffectivePolicy(level, engine=engine_failure(relay), wrapper=relay.smtp_tls_wrappermode)
    servername = policy.servername if policy else None
    if servername is None:
        servername = relay.smtp_tls_servername
        if servername and not (servername.isascii() and is_hostname(servername)):
            return EffectivePolicy(level, invalid="smtp_tls_servername is no host name")
    lists = (relay.tls_medium_cipherlist, relay.tls_high_cipherlist)
    protocols, ciphers, exclude, fault = _offer(_offered(level, policy, relay), level, relay.postfix, lists)
    if level.must_match and relay.openssl >= _OLD_GONE_SINCE:
        protocols = ":".join(word for word in protocols.split(":") if word not in _OLD) or protocols
    sts = sts_policy(policy, relay)
    of_level = _OF_LEVEL.get(level, _of_any_peer)(policy, level, sts, relay)
    return EffectivePolicy(
        level,
        protocols=protocols,
        ciphers=ciphers,
        exclude=exclude,
        servername=servername,
        sts=sts,
        fault=fault,
        engine=engine_failure(relay),
        wrapper=relay.smtp_tls_wrappermode,
        **of_level,
    )


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
        return _fallen_to_encrypt(plan, resolve(policy, relay, becomes=SecurityLevel.ENCRYPT), effective)
    return replace(effective, dane=plan, servername=plan.base)  # servername= is ignored here


def _fallen_to_encrypt(plan: DanePlan, encrypt: EffectivePolicy, dane: EffectivePolicy) -> EffectivePolicy:
    """Where the handshake alone shows that no record is sound, its names, SNI, ciphers and exclusions were settled
    before, as those of level dane.
    """
    if not plan.base:
        return encrypt
    exclude = ":".join(filter(None, (dane.exclude, "aNULL")))
    settled = replace(encrypt, ciphers=dane.ciphers, fault=dane.fault)
    return replace(settled, names=plan.names, servername=plan.base, exclude=exclude)


def profile_for(effective: EffectivePolicy, nexthop: str, mx_host: str) -> TlsProfile:
    """Return the client side that Postfix shows to *mx_host* under this policy.

    Where no handshake is made or can succeed, the session up to it is all that counts.
    """
    if effective.fault or effective.engine or effective.level is SecurityLevel.NONE:
        return TlsProfile(wrapper=effective.wrapper)
    servername = effective.servername
    if servername in _SERVERNAME_WORDS:
        servername = mx_host if servername == "hostname" else nexthop_domain(nexthop)
    return TlsProfile(
        servername=servername,
        protocols=effective.protocols,
        ciphers=effective.ciphers,
        exclude=effective.exclude,
        strict=effective.level.must_match,
        anonymous=effective.level in {SecurityLevel.MAY, SecurityLevel.ENCRYPT} and not effective.names,
        wrapper=effective.wrapper,
    )


def _offered(level: SecurityLevel, policy: JudgedPolicy | None, relay: RelaySettings) -> tuple[str, str, str]:
    """Return protocols, ciphers and exclude as written: of the entry, else of main.cf for its level."""
    mandatory = level is not SecurityLevel.MAY
    protocols = relay.smtp_tls_mandatory_protocols if mandatory else relay.smtp_tls_protocols
    if relay.postfix < _BOUNDS_SINCE and protocols == _NEW_DEFAULT:
        protocols = _OLD_DEFAULT
    ciphers = relay.smtp_tls_mandatory_ciphers if mandatory else relay.smtp_tls_ciphers
    exclude = relay.smtp_tls_exclude_ciphers
    if mandatory and relay.smtp_tls_mandatory_exclude_ciphers:
        exclude = f"{exclude} {relay.smtp_tls_mandatory_exclude_ciphers}"
    if policy is None:
        return protocols, ciphers, exclude
    return (
        protocols if policy.protocols is None else policy.protocols,
        ciphers if policy.ciphers is None else policy.ciphers,
        exclude if policy.exclude is None else policy.exclude,
    )


@lru_cache(maxsize=1024)
def _offer(
    offered: tuple[str, str, str], level: SecurityLevel, release: PostfixRelease, lists: tuple[str, str]
) -> tuple[str, str, str, str]:
    """Return protocols, ciphers and exclude as a profile has them, and why no handshake can succeed with them."""
    protocols, ciphers, exclude = offered
    try:
        versions = canonical_versions(allowed_versions(protocols, release))
        return versions, _grade(ciphers, level, lists), ":".join(exclusions(exclude)), ""
    except Unusable as cause:
        return "", "", "", str(cause)


def _grade(grade: str, level: SecurityLevel, lists: tuple[str, str]) -> str:
    """Return the grade as a profile has it; "null" leaves no cipher where eNULL is excluded.

    lists: main.cf's own for medium and below, and for high.
    """
    if grade.lower() == "null" and level is not SecurityLevel.ENCRYPT:
        return "null"
    rank = grade_rank(grade)
    if lists[rank] and lists[rank] not in _USUAL_LISTS:
        return f"={lists[rank]}"
    return "high" if rank else ""


def _of_any_peer(
    _policy: JudgedPolicy | None, _level: SecurityLevel, _sts: StsPolicy | None, relay: RelaySettings
) -> _OfLevel:
    """may, encrypt and dane: the CA file decides over a word in the log."""
    return {"anchors": Anchors.from_ca_file(relay.ca_pem)}


def _of_names(
    policy: JudgedPolicy | None, level: SecurityLevel, sts: StsPolicy | None, relay: RelaySettings
) -> _OfLevel:
    """Verify and secure."""
    return {"names": _names(policy.match if policy else (), level, sts, relay), **_anchors(policy, relay)}


def _names(
    match: tuple[str, ...], level: SecurityLevel, sts: StsPolicy | None, relay: RelaySettings
) -> tuple[str, ...]:
    if sts is not None and sts.patterns:
        return ("hostname",)
    if match:
        return tuple(name for value in match for name in value.split(":") if name)
    of_verify = level is SecurityLevel.VERIFY
    default = relay.smtp_tls_verify_cert_match if of_verify else relay.smtp_tls_secure_cert_match
    return tuple(name for value in default for name in _LIST.split(value) if name)


def _of_digests(
    policy: JudgedPolicy | None, _level: SecurityLevel, sts: StsPolicy | None, relay: RelaySettings
) -> _OfLevel:
    """fingerprint; without a digest to compare by, no peer comes so far."""
    algorithm = relay.fingerprint_digest.lower()
    if algorithm not in DIGEST_SIZES:
        return {}
    if sts is not None and sts.patterns:
        return {"invalid": "mx_host_pattern replaces match=, so that no fingerprint is left"}
    match = policy.match if policy else ()
    given = _digests(match)
    # Up to release 3.8 an entry whose values are all malformed uses main.cf's list; from 3.9 on it is invalid.
    if not match or (not given and relay.postfix < _NO_FALLBACK_SINCE):
        given = _digests(relay.smtp_tls_fingerprint_cert_match)
    if not given:
        return {"invalid": "no usable fingerprint"}
    usable = frozenset(digest for digest in given if len(digest) == DIGEST_SIZES[algorithm])
    return {"digests": usable, "algorithm": algorithm}


def _digests(values: tuple[str, ...]) -> set[bytes]:
    parts = (digest_of(part.strip()) for value in values for part in value.split("|"))
    return {digest for digest in parts if digest is not None}


def _anchors(policy: JudgedPolicy | None, relay: RelaySettings) -> _OfLevel:
    known = dict(relay.ta_files)
    for paths in (policy.tafile if policy else (), relay.smtp_tls_trust_anchor_file):
        missing = [path for path in paths if path not in known]
        if missing:
            return {"unknown": f"the contents of trust anchor file {missing[0]} are not known here"}
        anchors = Anchors.from_ta_files(tuple(known[path] for path in paths))
        if anchors is None:
            return {"invalid": "a trust anchor file cannot be loaded"}
        if anchors.certificates or anchors.keys:
            return {"anchors": anchors}
    is_known = relay.ca_is_known or bool(relay.ca_pem) or bool(relay.tls_engine_failure)
    if (relay.smtp_tls_CAfile or relay.smtp_tls_CApath) and not is_known:
        return {"unknown": "the contents of the relay's CA file are not known here"}
    return {"anchors": Anchors.from_ca_file(relay.ca_pem)}


_OF_LEVEL = {
    SecurityLevel.VERIFY: _of_names,
    SecurityLevel.SECURE: _of_names,
    SecurityLevel.FINGERPRINT: _of_digests,
}
