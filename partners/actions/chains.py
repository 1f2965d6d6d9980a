"""Which certificates an observation saw: written once, beside the facts themselves."""

import hashlib
from collections.abc import Iterable

from partners.models import Certificate, ChainLink

__all__ = ["link_chains"]


def link_chains(seen: Iterable[tuple[int, tuple[bytes, ...]]]) -> None:
    """Link each observation (its key, and the chain it saw as DER) to the rows of its certificates.

    The rows of the certificates are there already; what could not be read as a certificate has none and no link. Facts
    never change: a link that is there stays, and the same links written by two workers are written once.
    """
    wanted = {
        (observation, position): hashlib.sha256(der).hexdigest()
        for observation, chain in seen
        for position, der in enumerate(chain)
    }
    if not wanted:
        return
    linked = set(
        ChainLink.objects.filter(observation__in={key for key, _position in wanted}).values_list(
            "observation_id", "position"
        )
    )
    missing = {place: sha256 for place, sha256 in wanted.items() if place not in linked}
    if not missing:
        return
    rows = dict(Certificate.objects.filter(sha256__in=set(missing.values())).values_list("sha256", "pk"))
    ChainLink.objects.bulk_create(
        [
            ChainLink(observation_id=place[0], certificate_id=rows[sha256], position=place[1])
            for place, sha256 in sorted(missing.items())
            if sha256 in rows
        ],
        ignore_conflicts=True,
    )
