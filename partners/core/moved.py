"""What moved between two observations of one endpoint, or between two lookups of one nexthop.

A change is a pair of facts with a name, never an opinion: what comes of it, verdict.py says. Texts are cleaned.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from partners.core.certificates import CertificateFacts, cert_fingerprint, certificate_facts, pkey_fingerprint
from partners.core.errors import CertificateRefused
from partners.core.observation import HostFacts, LookupStatus, NexthopFacts, PeerFacts, Stage, TlsaRecord
from partners.core.second_look import other_leaf

__all__ = ["Changed", "What", "dns_changes", "peer_changes"]

_SHOWN_MAX = 8  # names of one side; a certificate may hold hundreds


class What(Enum):
    """What moved. The words are the field's; a page brings the sentence."""

    ANSWER = "answer"
    STARTTLS_LOST = "starttls-lost"
    STARTTLS_GAINED = "starttls-gained"
    TLS_VERSION = "tls-version"
    LEAF = "leaf"
    KEY = "key"
    ISSUER = "issuer"
    NAMES = "names"
    CHAIN = "chain"
    SECOND_LEAF = "second-leaf"
    MX_SET = "mx-set"
    ADDRESSES = "addresses"
    DNSSEC = "dnssec"
    TLSA = "tlsa"
    NAME_SERVERS = "name-servers"
    MTA_STS = "mta-sts"


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that moved. where: the MX host it is about, the kind of key of a second certificate, or "" for the
    endpoint or the nexthop itself.
    """

    what: What
    before: str
    after: str
    where: str = ""


def peer_changes(before: PeerFacts, after: PeerFacts) -> tuple[Changed, ...]:
    """Return what moved at one address between two sessions with one TLS profile.

    Of two second looks the second certificate alone counts: the rest is told by the first.
    """
    if after.profile.leaf_key:
        was, now = _second(before), _second(after)
        kind = after.profile.leaf_key.upper()
        return (Changed(What.SECOND_LEAF, _digest(was), _digest(now), kind),) if was != now else ()
    return tuple(_of_peer(before, after))


def dns_changes(before: NexthopFacts, after: NexthopFacts) -> tuple[Changed, ...]:
    """Return what moved in the DNS between two lookups; a lookup that failed moves nothing."""
    if LookupStatus.FAILED in {before.mx_status, after.mx_status}:
        return ()
    return tuple(_of_dns(before, after))


def _of_peer(before: PeerFacts, after: PeerFacts) -> Iterator[Changed]:
    if (was := _answer(before)) != (now := _answer(after)):
        yield Changed(What.ANSWER, was, now)
    reached = _told_features(before) and _told_features(after)
    if reached and before.starttls_offered != after.starttls_offered:
        yield Changed(What.STARTTLS_GAINED if after.starttls_offered else What.STARTTLS_LOST, "", "")
    if before.tls is None or after.tls is None:
        return
    if before.tls.version != after.tls.version:
        yield Changed(What.TLS_VERSION, before.tls.version, after.tls.version)
    if before.tls.chain[:1] != after.tls.chain[:1]:
        yield from _of_leaf(before.tls.chain[:1], after.tls.chain[:1])
    if before.tls.chain[1:] != after.tls.chain[1:]:
        yield Changed(What.CHAIN, _subjects(before.tls.chain[1:]), _subjects(after.tls.chain[1:]))


def _of_leaf(before: tuple[bytes, ...], after: tuple[bytes, ...]) -> Iterator[Changed]:
    """Yield what moved with the leaf; one side is empty where the peer sent no certificate."""
    yield Changed(What.LEAF, _digest(before), _digest(after))
    keys = _key(before), _key(after)
    if keys[0] != keys[1]:
        yield Changed(What.KEY, *keys)
    was, now = _facts(before), _facts(after)
    if was is None or now is None:
        return
    if was.issuer != now.issuer:
        yield Changed(What.ISSUER, was.issuer, now.issuer)
    if (names := _names(was)) != (others := _names(now)):
        yield Changed(What.NAMES, names, others)


def _of_dns(before: NexthopFacts, after: NexthopFacts) -> Iterator[Changed]:
    if (was := _mx_set(before)) != (now := _mx_set(after)):
        yield Changed(What.MX_SET, was, now)
    if before.mx_dnssec is not after.mx_dnssec:
        yield Changed(What.DNSSEC, before.mx_dnssec.value, after.mx_dnssec.value)
    known = {host.name.lower(): host for host in before.hosts}
    for host in after.hosts:
        if (earlier := known.get(host.name.lower())) is not None and LookupStatus.FAILED not in {
            earlier.status,
            host.status,
        }:
            yield from _of_host(earlier, host)


def _of_host(before: HostFacts, after: HostFacts) -> Iterator[Changed]:
    if set(before.addresses) != set(after.addresses):
        yield Changed(What.ADDRESSES, _joined(before.addresses), _joined(after.addresses), after.name)
    if before.dnssec is not after.dnssec:
        yield Changed(What.DNSSEC, before.dnssec.value, after.dnssec.value, after.name)
    failed = {facts.status for facts in (*before.tlsa, *after.tlsa)} & {LookupStatus.FAILED}
    if not failed and (was := _tlsa(before)) != (now := _tlsa(after)):
        yield Changed(What.TLSA, was, now, after.name)


def _answer(peer: PeerFacts) -> str:
    """Return where the session ended and how: "" for one that went to its end."""
    return "" if peer.ended is Stage.DONE else f"{peer.ended.value} {peer.stop}".rstrip()


def _told_features(peer: PeerFacts) -> bool:
    return peer.ehlo_code // 100 == 2


def _second(peer: PeerFacts) -> tuple[bytes, ...]:
    leaf = other_leaf(peer)
    return () if leaf is None else (leaf,)


def _digest(chain: tuple[bytes, ...]) -> str:
    return cert_fingerprint(chain[0], "sha256") if chain else ""


def _key(chain: tuple[bytes, ...]) -> str:
    try:
        return pkey_fingerprint(chain[0], "sha256") if chain else ""
    except CertificateRefused:
        return ""


def _facts(chain: tuple[bytes, ...]) -> CertificateFacts | None:
    try:
        return certificate_facts(chain[0]) if chain else None
    except CertificateRefused:
        return None


def _names(facts: CertificateFacts) -> str:
    return _joined(facts.dns_ids or facts.common_names)


def _subjects(chain: tuple[bytes, ...]) -> str:
    found = (_facts((der,)) for der in chain)
    return _joined([facts.subject if facts else "?" for facts in found])


def _mx_set(facts: NexthopFacts) -> str:
    if facts.null_mx:
        return "."
    return _joined([f"{host.preference} {host.name}" for host in facts.hosts])


def _tlsa(host: HostFacts) -> str:
    return _joined(sorted({_record(record) for facts in host.tlsa for record in facts.records}))


def _record(record: TlsaRecord) -> str:
    return f"{record.usage} {record.selector} {record.matching_type} {record.data.hex()[:16]}"


def _joined(texts: tuple[str, ...] | list[str]) -> str:
    more = len(texts) - _SHOWN_MAX
    return ", ".join(texts[:_SHOWN_MAX]) + (f", … (+{more})" if more > 0 else "")
