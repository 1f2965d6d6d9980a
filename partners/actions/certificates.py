"""What a partner or the mail team announces: a certificate or a fingerprint, kept as a proposed pin."""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor, may_propose
from partners.actions.changes import draft_and_row, write_change
from partners.actions.holding import judge_again
from partners.actions.standings import restand
from partners.core.certificates import (
    DIGESTS,
    CertificateFacts,
    cert_fingerprint,
    clean_text,
    parse_fingerprint,
    parse_upload,
    pkey_fingerprint,
    spki_of,
)
from partners.core.errors import CertificateRefused, NotAllowed, StaleRefused
from partners.models import Certificate, Change, Channel, Pin, PrivateAuthority, User

__all__ = ["Preview", "add_authority", "kept_certificate", "preview", "remove_authority", "submit", "withdraw"]

FINGERPRINT_TEXT_MAX = 300  # SHA-512 with blanks and a prefix; longer texts are certificates or nothing
PROPOSED_MAX = 20  # per channel; whoever cannot be answered so fast has to wait
_TEXT_MAX = 300  # columns subject and issuer
_OPEN = (Pin.State.PROPOSED, Pin.State.STAGED, Pin.State.ACTIVE)


@dataclass(frozen=True, slots=True)
class Preview:
    """What was understood of an upload, from its bytes alone.

    leaf: None for a bare fingerprint; others: the further certificates of its chain. digests, key_digests: algorithm ->
    fingerprint of the certificate and of its public key (a bare fingerprint has one, and no key_digests).
    """

    leaf: CertificateFacts | None
    others: tuple[CertificateFacts, ...]
    digests: dict[str, str]
    key_digests: dict[str, str]


def preview(content: bytes | str) -> Preview:
    """Return what *content* holds and write nothing.

    Raises PrivateKeyRefused if it holds a private key, CertificateRefused for anything but one leaf or fingerprint.
    """
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if digest := _bare_fingerprint(raw):
        algorithm = next(name for name, size in DIGESTS.items() if size == len(digest))
        return Preview(None, (), {algorithm: digest.hex(":").upper()}, {})
    found = parse_upload(raw)
    leaf = _leaf_of(found)
    return Preview(
        leaf,
        tuple(one for one in found if one is not leaf),
        {name: cert_fingerprint(leaf.der, name) for name in DIGESTS},
        {name: pkey_fingerprint(leaf.der, name) for name in DIGESTS},
    )


def submit(channel: Channel, content: bytes | str, *, by: User, now: datetime, of_key: bool = False) -> Pin:
    """Keep what *content* announces as a proposed pin of *channel*; it enters a map after another person's approval.

    of_key: pin the public key, which outlives a renewal with the same key. What other channels know is never told.
    """
    if not may_propose(by, channel.partner):
        raise NotAllowed(_("upload"), _("this channel is not yours"))
    seen = preview(content)
    if of_key and not seen.key_digests:
        raise CertificateRefused(
            _("fingerprint"), _("it does not say which public key it belongs to"), _("send the certificate itself")
        )
    digests = seen.key_digests if of_key else seen.digests
    _demand_new(channel, digests)
    with transaction.atomic():
        judge_again([channel.pk], now=now)
        pin = Pin.objects.create(
            channel=channel,
            of_key=of_key,
            digests=digests,
            certificate=kept_certificate(seen.leaf, now=now) if seen.leaf else None,
            proposed_by=by,
            proposed_at=now,
        )
        restand([channel.pk])
        detail = {"channel": channel.pk, "of_key": of_key, "digests": digests}
        audit.record("pin.proposed", f"pin {pin.pk}", by=by, now=now, detail=detail)
    return pin


def withdraw(pin: Pin, *, by: User, now: datetime) -> None:
    """Take a proposed *pin* back: who proposed it, the partner's own people, or the mail team."""
    if not may_propose(by, pin.channel.partner):
        raise NotAllowed(_("pin"), _("this channel is not yours"))
    with transaction.atomic():
        judge_again([pin.channel_id], now=now)
        if not Pin.objects.filter(pk=pin.pk, state=Pin.State.PROPOSED).update(state=Pin.State.WITHDRAWN):
            raise StaleRefused(_("certificate"), _("it is decided or withdrawn already"))
        audit.record("pin.withdrawn", f"pin {pin.pk}", by=by, now=now, detail={"channel": pin.channel_id})
    pin.refresh_from_db()


def add_authority(channel: Channel, content: bytes | str, *, by: User, now: datetime) -> Change:
    """Return the Change that trusts a partner's own CA for *channel* alone (tafile=)."""
    demand_editor(by)
    found = parse_upload(content.encode() if isinstance(content, str) else content)
    fresh, before = draft_and_row(channel.pk)
    added = {hashlib.sha256(one.der).hexdigest(): one for one in found}
    after = {**before, "authorities": sorted({*before["authorities"], *added})}
    if after == before:
        raise StaleRefused(_("channel %s") % channel.pk, _("it trusts these certificates already"))
    with transaction.atomic():
        for sha256, one in added.items():
            kept_certificate(one, now=now)
            PrivateAuthority.objects.get_or_create(
                channel=fresh,
                sha256=sha256,
                defaults={
                    "pem": _pem(one.der),
                    "subject": clean_text(one.subject, _TEXT_MAX),
                    "added_by": by,
                    "added_at": now,
                },
            )
        change = write_change(fresh, before, after, author=by, now=now)
        detail = {"channel": fresh.pk, "sha256": sorted(added)}
        audit.record("authority.added", f"channel {fresh.pk}", by=by, now=now, detail=detail)
    return change


def remove_authority(channel: Channel, sha256: str, *, by: User, now: datetime) -> Change:
    """Return the Change after which *channel* no longer trusts the CA *sha256*."""
    demand_editor(by)
    fresh, before = draft_and_row(channel.pk)
    if sha256 not in before["authorities"]:
        raise StaleRefused(_("channel %s") % channel.pk, _("it does not trust this certificate"))
    after = {**before, "authorities": [one for one in before["authorities"] if one != sha256]}
    with transaction.atomic():
        change = write_change(fresh, before, after, author=by, now=now)
        detail = {"channel": fresh.pk, "sha256": sha256}
        audit.record("authority.removed", f"channel {fresh.pk}", by=by, now=now, detail=detail)
    return change


def _bare_fingerprint(raw: bytes) -> bytes | None:
    """Return the digest of a short text that reads as a fingerprint, None where it may be something else."""
    if len(raw) > FINGERPRINT_TEXT_MAX or not raw.isascii() or b"-----" in raw:
        return None
    try:
        return parse_fingerprint(raw.decode("ascii"))
    except CertificateRefused:
        if raw.strip().lower().startswith((b"md5", b"sha", b"fingerprint")) or b":" in raw:
            raise
        return None


def _leaf_of(found: tuple[CertificateFacts, ...]) -> CertificateFacts:
    """Return the one certificate that a mail server would present; CertificateRefused where there are two."""
    leaves = [one for one in found if not one.is_ca]
    if len(leaves) > 1:
        raise CertificateRefused(
            _("upload"), _("it holds %s certificates of servers") % len(leaves), _("send them one at a time")
        )
    return (leaves or list(found))[0]


def _demand_new(channel: Channel, digests: dict[str, str]) -> None:
    """Raise StaleRefused where *channel* has this pin already, or too many wait for a decision."""
    rows = list(channel.pins.filter(state__in=_OPEN))
    for pin in rows:
        if any(pin.digests.get(name) == text for name, text in digests.items()):
            raise StaleRefused(_("upload"), _("it is announced for this channel already"), _("nothing is left to do"))
    if sum(pin.state == Pin.State.PROPOSED for pin in rows) >= PROPOSED_MAX:
        raise StaleRefused(_("upload"), _("%s pins wait for a decision") % PROPOSED_MAX, _("withdraw some of them"))


def kept_certificate(leaf: CertificateFacts, *, now: datetime) -> Certificate:
    """Return the row of *leaf*, which is kept once however many announce it."""
    certificate, _made = Certificate.objects.get_or_create(
        sha256=hashlib.sha256(leaf.der).hexdigest(),
        defaults={
            "der": leaf.der,
            "spki_sha256": hashlib.sha256(spki_of(leaf.der)).hexdigest(),
            "subject": clean_text(leaf.subject, _TEXT_MAX),
            "issuer": clean_text(leaf.issuer, _TEXT_MAX),
            "dns_ids": list(leaf.dns_ids),
            "not_before": leaf.not_before,
            "not_after": leaf.not_after,
            "key_type": f"{leaf.key_type} {leaf.key_bits or ''}".strip(),
            "first_seen_at": now,
        },
    )
    return certificate


def _pem(der: bytes) -> str:
    """Return *der* as PEM and nothing around it."""
    return ssl.DER_cert_to_PEM_cert(der)
