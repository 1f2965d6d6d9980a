"""A fingerprint that was pinned beside the one that is shown now, group by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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


def compared(page: ChannelPage, pins: Sequence[PinRow], seen: Mapping[Place, Shown]) -> Compared | None:
    """Return the first pinned fingerprint beside the first key that nobody announced; None where all are known."""
    pinned = [(one.digest, one.pin.of_key) for one in pins if one.letter]
    pinned += [(line.upper(), True) for line in page.channel.match.split() if len(line) in _LENGTHS]
    known = {digest for one in pins if one.letter for digest in one.pin.digests.values()}
    known |= {digest for digest, _of_key in pinned}
    strange = {place: one for place, one in seen.items() if one.leaf and not one.digests & known}
    if page.channel.level != "fingerprint" or not pinned or not strange:
        return None
    digest, of_key = pinned[0]
    first = next(iter(strange.values()))
    try:
        now = (pkey_fingerprint if of_key else cert_fingerprint)(
            first.leaf.der if first.leaf else b"", _LENGTHS.get(len(digest), "sha256")
        )
    except CertificateRefused:
        return None
    drawn = fingerprint(now, digest)
    places = ngettext("on %(count)s of %(all)s address", "on %(count)s of %(all)s addresses", len(seen))
    return Compared(
        pinned=fingerprint(digest),
        pinned_note=_("of the public key") if of_key else _("of the certificate"),
        shown=drawn,
        shown_note=places % {"count": len(strange), "all": len(seen)},
        sentence=ngettext(
            "%(differ)s of %(total)s group differs.", "%(differ)s of %(total)s groups differ.", drawn.total
        )
        % {"differ": drawn.differing, "total": drawn.total},
    )
