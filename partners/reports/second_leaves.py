"""The second certificates that servers keep beside the one that Postfix is shown, and whether they are pinned."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from partners.core.certificates import CertificateFacts, cert_fingerprint, certificate_facts, pkey_fingerprint
from partners.core.errors import CertificateRefused
from partners.core.facts_json import profile_key
from partners.core.grammar import digest_of
from partners.core.levels import SecurityLevel
from partners.core.observation import PERMISSIVE, PeerFacts
from partners.core.second_look import RSA, kind_of_leaf, other_leaf
from partners.models import Channel, Pin

__all__ = ["SEEN_TWICE", "SecondLeaf", "note_second", "own_second_leaves", "pinned_digests", "second_leaves"]

# The sightings of the plain client and those of second looks, in one query.
SEEN_TWICE: Final = Q(endpoint__profile_key=profile_key(PERMISSIVE)) | Q(endpoint__profile__has_key="leaf_key")
_ALGORITHMS: Final = ("sha256", "sha512", "sha1", "md5")
_PLACES_SHOWN: Final = 3

Places = Mapping[Any, bytes]  # where -> the second certificate there


@dataclass(frozen=True, slots=True)
class SecondLeaf:
    """A second certificate, told once however many addresses keep it. digest: with its algorithm."""

    digest: str
    text: str
    state: str
    is_pinned: bool


def pinned_digests(channel: Channel, pins: Iterable[Pin]) -> list[str]:
    """Return the fingerprints that *channel* takes: of its own match=, and of those of *pins* that were accepted."""
    own = channel.match.split() if channel.level == SecurityLevel.FINGERPRINT.value else []
    accepted = {Pin.State.ACTIVE, Pin.State.STAGED}
    return [*own, *(digest for pin in pins if pin.state in accepted for digest in pin.digests.values())]


def note_second(found: dict[Any, bytes], place: object, facts: PeerFacts) -> bool:
    """Note in *found* what a second look saw at *place*; False where *facts* are of a first look."""
    if not facts.profile.leaf_key:
        return False
    if (leaf := other_leaf(facts)) is not None:
        found[place] = leaf
    return True


def second_leaves(others: Mapping[str, bytes], digests: Collection[str]) -> tuple[SecondLeaf, ...]:
    """Return the second certificates for the mail team. others: by the name of the address; digests: that are pinned.

    What the first look saw is to be left out of *others*.
    """
    pinned = {digest_of(text) for text in digests}
    return tuple(_for_the_team(places, der, is_pinned=_is_pinned(der, pinned)) for der, places in _grouped(others))


def own_second_leaves(others: Mapping[str, bytes], digests: Collection[str]) -> tuple[SecondLeaf, ...]:
    """Return the second certificates for the partner whose servers they are on, in their words."""
    pinned = {digest_of(text) for text in digests}
    return tuple(_for_the_partner(places, der, is_pinned=_is_pinned(der, pinned)) for der, places in _grouped(others))


def _for_the_team(places: Sequence[str], der: bytes, *, is_pinned: bool) -> SecondLeaf:
    words = _words(places, der)
    if is_pinned:
        text = _("%(where)s also has a certificate with %(kind)s key, until %(end)s. It is pinned too.") % words
    else:
        text = (
            _("%(where)s also has a certificate with %(kind)s key, until %(end)s, which is not pinned.") % words
            + " "
            + _("Postfix is shown the other one today; mail would be deferred if it were shown this one.")
            + " "
            + _("That happens when either side changes its ciphers or its TLS library. Pin both, or ask for one to go.")
        )
    return SecondLeaf(f"SHA-256 {cert_fingerprint(der, 'sha256')}", text, "ok" if is_pinned else "weak", is_pinned)


def _for_the_partner(places: Sequence[str], der: bytes, *, is_pinned: bool) -> SecondLeaf:
    words = _words(places, der)
    text = _("%(where)s also has a certificate with %(kind)s key, until %(end)s.") % words
    if is_pinned:
        text += " " + _("We accept it too.")
    else:
        text += " " + _(
            "You did not announce it to us. Our servers are shown the other one, so mail flows. If your server ever "
            "showed us this one, our mail would wait. Send it to us as well, then either may be shown."
        )
    return SecondLeaf(f"SHA-256 {cert_fingerprint(der, 'sha256')}", text, "ok" if is_pinned else "weak", is_pinned)


def _words(places: Sequence[str], der: bytes) -> dict[str, str]:
    facts = _facts(der)
    end = date_format(facts.not_after, "j M Y") if facts and facts.not_after else _("an unknown day")
    more = len(places) - _PLACES_SHOWN
    where = ", ".join(places[:_PLACES_SHOWN])
    if more > 0:
        where = _("%(names)s and %(more)s more") % {"names": where, "more": more}
    kind = _("an RSA") if kind_of_leaf(der) == RSA else _("an ECDSA")
    return {"where": where, "kind": kind, "end": end}


def _grouped(others: Mapping[str, bytes]) -> list[tuple[bytes, list[str]]]:
    found: dict[bytes, list[str]] = {}
    for place, der in others.items():
        found.setdefault(der, []).append(place)
    return list(found.items())


def _is_pinned(der: bytes, pinned: Collection[bytes | None]) -> bool:
    try:
        shown = {
            digest_of(kind(der, algorithm))
            for algorithm in _ALGORITHMS
            for kind in (cert_fingerprint, pkey_fingerprint)
        }
    except CertificateRefused:
        return False
    return any(one in pinned for one in shown if one)


def _facts(der: bytes) -> CertificateFacts | None:
    try:
        return certificate_facts(der)
    except CertificateRefused:
        return None
