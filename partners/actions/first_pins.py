"""Pins that come with an entry: what people gave in the same step, and what only our probe saw.

An editor may write digests into match=, for the entry of a new partner asks more of the peer than none did. Beside each
stands a proposed pin: once a second person has compared it with the partner by another way, the pin takes its place.
"""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.certificates import Preview, kept_certificate, preview
from partners.actions.drafts import Snapshot
from partners.actions.holding import judge_again
from partners.actions.relay_groups import settings_of
from partners.actions.standings import restand
from partners.core.certificates import DIGESTS, pkey_fingerprint
from partners.core.errors import CertificateRefused, EntryRefused
from partners.core.grammar import digest_of
from partners.core.levels import SecurityLevel
from partners.models import Certificate, Channel, Pin, RelayGroup, User

__all__ = ["demand_pin", "lines_of", "propose_given", "propose_seen", "read_given"]


def read_given(contents: Sequence[bytes | str]) -> list[Preview]:
    """Return what was understood of each fingerprint or certificate. Errors: those of preview()."""
    return [preview(content) for content in contents]


def lines_of(given: Sequence[Preview]) -> list[str]:
    """Return the digests of *given* by each algorithm that a relay group compares.

    Raises CertificateRefused for a bare fingerprint by another one.
    """
    groups = list(RelayGroup.objects.all()) or [RelayGroup()]
    lines: list[str] = []
    for group in groups:
        algorithm = settings_of(group).fingerprint_digest
        for one in given:
            if algorithm not in one.digests:
                cause = _("relay group %(group)s compares %(digest)s, and this is another kind of fingerprint")
                told = cause % {"group": group.name, "digest": algorithm}
                raise CertificateRefused(_("fingerprint"), told, _("give the certificate itself"))
            lines.append(one.digests[algorithm])
    return list(dict.fromkeys(lines))


def demand_pin(shot: Snapshot) -> None:
    """Raise EntryRefused where *shot* compares fingerprints and names none."""
    if shot["level"] == SecurityLevel.FINGERPRINT.value and not shot["match"] and not shot["pins"]:
        raise EntryRefused(
            _("level fingerprint"),
            _("no pin is named, so every peer would be refused"),
            _(
                "give a fingerprint or the certificate in the same step; or have the servers looked at first, take the "
                "key that was seen, and compare it with the partner by another way"
            ),
        )


def propose_given(channel: Channel, given: Sequence[Preview], *, by: User, now: datetime) -> None:
    """Keep what people gave as proposed pins, in the caller's transaction."""
    for one in given:
        certificate = kept_certificate(one.leaf, now=now) if one.leaf else None
        _propose(channel, one.digests, certificate, Pin.Origin.GIVEN, of_key=False, by=by, now=now)


def propose_seen(channel: Channel, keys: Sequence[str], match: str, *, by: User, now: datetime) -> None:
    """Keep those of *keys* whose digests stand in *match* as proposed pins that only our probe saw.

    keys: SHA-256 fingerprints of public keys, as Proposal.seen names them; in the caller's transaction.
    """
    written = {digest_of(line) for line in match.splitlines()}
    for key in dict.fromkeys(digest_of(text) for text in keys):
        found = Certificate.objects.filter(spki_sha256=key.hex()).order_by("-first_seen_at").first() if key else None
        if found is None:
            continue
        digests = {name: pkey_fingerprint(bytes(found.der), name) for name in DIGESTS}
        if written & {digest_of(text) for text in digests.values()} and not _is_known(channel, digests):
            _propose(channel, digests, found, Pin.Origin.SEEN, of_key=True, by=by, now=now)


def _is_known(channel: Channel, digests: dict[str, str]) -> bool:
    """Whether *channel* has a pin of these digests that is still open or in force."""
    states = (Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE)
    own = channel.pins.filter(state__in=states)
    return any(pin.digests.get(name) == text for pin in own for name, text in digests.items())


def _propose(
    channel: Channel,
    digests: dict[str, str],
    certificate: Certificate | None,
    origin: Pin.Origin,
    *,
    of_key: bool,
    by: User,
    now: datetime,
) -> None:
    judge_again([channel.pk], now=now)
    pin = Pin.objects.create(
        channel=channel,
        of_key=of_key,
        digests=digests,
        certificate=certificate,
        origin=origin,
        proposed_by=by,
        proposed_at=now,
    )
    restand([channel.pk])
    detail = {"channel": channel.pk, "of_key": of_key, "digests": digests, "origin": origin.value}
    audit.record("pin.proposed", f"pin {pin.pk}", by=by, now=now, detail=detail)
