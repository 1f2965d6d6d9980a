"""Facts and certificates as rows that never change: each is kept once, whoever sees it and however often."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from partners.actions.chains import link_chains
from partners.core.certificates import certificate_facts, clean_text, spki_of
from partners.core.errors import CertificateRefused
from partners.core.facts_json import facts_key, facts_to_json
from partners.core.observation import NexthopFacts, PeerFacts
from partners.models import Certificate, Observation

__all__ = ["keep_certificates", "keep_observation", "keep_observations", "keep_sessions"]

_TEXT_MAX = 300


def keep_observation(facts: NexthopFacts | PeerFacts) -> Observation:
    """Return the row of *facts*, kept once."""
    return Observation.objects.get(pk=next(iter(keep_observations({facts_key(facts): facts}).values())))


def keep_observations(facts: Mapping[str, NexthopFacts | PeerFacts]) -> dict[str, int]:
    """Return the row of each of *facts* by its key.

    It never changes, so it needs no part in the transaction of a report.
    """
    rows = Observation.objects.filter(facts_key__in=facts)
    known = dict(rows.values_list("facts_key", "pk")) if facts else {}
    new = sorted(facts.keys() - known.keys())
    if new:
        Observation.objects.bulk_create(
            [Observation(facts_key=key, facts=facts_to_json(facts[key])) for key in new], ignore_conflicts=True
        )
        known |= dict(Observation.objects.filter(facts_key__in=new).values_list("facts_key", "pk"))
    return known


def keep_sessions(facts: Mapping[str, PeerFacts], *, now: datetime) -> tuple[dict[str, int], dict[bytes, datetime]]:
    """Keep *facts* with their certificates; return the rows by key, and when each leaf ends that can be read."""
    seen = keep_observations(facts)
    chains = {key: one.tls.chain for key, one in facts.items() if one.tls is not None}
    ends = keep_certificates((der for chain in chains.values() for der in chain), now=now)
    link_chains((seen[key], chain) for key, chain in chains.items())
    leaves = {chain[0] for chain in chains.values() if chain}
    return seen, {leaf: end for leaf in leaves if (end := ends.get(leaf)) is not None}


def keep_certificates(certificates: Iterable[bytes], *, now: datetime) -> dict[bytes, datetime | None]:
    """Keep each certificate that has no row yet; return when each of them ends. What cannot be read has no row."""
    by_sha256 = {hashlib.sha256(der).hexdigest(): der for der in certificates}
    rows = Certificate.objects.filter(sha256__in=by_sha256)
    ends = dict(rows.values_list("sha256", "not_after")) if by_sha256 else {}
    made = [_certificate(by_sha256[sha256], sha256, now) for sha256 in sorted(by_sha256.keys() - ends.keys())]
    new = [row for row in made if row is not None]
    if new:
        Certificate.objects.bulk_create(new, ignore_conflicts=True)
    ends |= {row.sha256: row.not_after for row in new}
    return {by_sha256[sha256]: end for sha256, end in ends.items()}


def _certificate(der: bytes, sha256: str, now: datetime) -> Certificate | None:
    """Return the unsaved row of *der*, None where it is no certificate at all (its bytes are in the facts)."""
    try:
        facts = certificate_facts(der)
        spki = spki_of(der)
    except CertificateRefused:
        return None
    return Certificate(
        der=der,
        sha256=sha256,
        spki_sha256=hashlib.sha256(spki).hexdigest(),
        subject=clean_text(facts.subject, _TEXT_MAX),
        issuer=clean_text(facts.issuer, _TEXT_MAX),
        dns_ids=list(facts.dns_ids),
        not_before=facts.not_before,
        not_after=facts.not_after,
        key_type=f"{facts.key_type} {facts.key_bits or ''}".strip(),
        first_seen_at=now,
    )
