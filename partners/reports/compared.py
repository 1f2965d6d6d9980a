"""A fingerprint that was pinned beside the one that is shown now, group by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.certificates import cert_fingerprint, pkey_fingerprint
from partners.core.errors import CertificateRefused
from partners.reports.drawings import Fingerprint, fingerprint
from partners.reports.partners import ChannelPage
from partners.reports.shown import PinRow, Place, Shown

__all__ = ["Compared", "compared"]

_LENGTHS: Final = {47: "md5", 59: "sha1", 95: "sha256", 191: "sha512"}  # of "AA:BB:…"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two fingerprints of the same kind and algorithm; differing groups are marked in the second."""

    pinned: Fingerprint
    pinned_note: str
    shown: Fingerprint
    shown_note: str
    sentence: str
    label: str
    letter: str
    is_strange: bool


def compared(page: ChannelPage, pins: Sequence[PinRow], seen: Mapping[Place, Shown]) -> Compared | None:
    """Return the first pinned fingerprint beside the first key that nobody announced, else beside the next pin."""
    pinned = [(one.digest, one.pin.of_key) for one in pins if one.letter]
    pinned += [(line.upper(), True) for line in page.channel.match.split() if len(line) in _LENGTHS]
    known = {digest for one in pins if one.letter for digest in one.pin.digests.values()}
    known |= {digest for digest, _of_key in pinned}
    strange = {place: one for place, one in seen.items() if one.leaf and not one.digests & known}
    if page.channel.level != "fingerprint" or not pinned:
        return None
    digest, of_key = pinned[0]
    if not strange:
        return _beside_next(digest, pins, of_key=of_key)
    first = next(iter(strange.values()))
    try:
        now = (pkey_fingerprint if of_key else cert_fingerprint)(
            first.leaf.der if first.leaf else b"", _LENGTHS.get(len(digest), "sha256")
        )
    except CertificateRefused:
        return None
    places = ngettext("on %(count)s of %(all)s address", "on %(count)s of %(all)s addresses", len(seen))
    note = places % {"count": len(strange), "all": len(seen)}
    return _pair(digest, now, note, _("Shown now"), "?", of_key=of_key)


def _beside_next(digest: str, pins: Sequence[PinRow], *, of_key: bool) -> Compared | None:
    """Return *digest* beside the newest pin of its kind that is to follow it; None where none is announced."""
    kinds = {one.digest: one for one in pins if one.pin.of_key == of_key and len(one.digest) == len(digest)}
    later = [one for text, one in kinds.items() if text != digest]
    if not later:
        return None
    newest = later[-1]
    note = date_format(localtime(newest.pin.proposed_at), "j M Y")
    return _pair(digest, newest.digest, note, _("Next pin"), newest.letter, of_key=of_key)


def _pair(old: str, new: str, note: str, label: str, letter: str, *, of_key: bool) -> Compared:
    """Return both fingerprints, the groups of *new* that differ marked."""
    drawn = fingerprint(new, old)
    sentence = ngettext("%(differ)s of %(total)s group differs.", "%(differ)s of %(total)s groups differ.", drawn.total)
    return Compared(
        pinned=fingerprint(old),
        pinned_note=_("of the public key") if of_key else _("of the certificate"),
        shown=drawn,
        shown_note=note,
        sentence=sentence % {"differ": drawn.differing, "total": drawn.total},
        label=label,
        letter=letter,
        is_strange=letter == "?",
    )
