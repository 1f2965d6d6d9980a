"""What our own mail servers show, as partners and the mail team read it: the same for everybody."""

import ssl
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from partners.core.certificates import cert_fingerprint, pkey_fingerprint
from partners.models import OwnCertificate
from partners.reports.drawings import Fingerprint, fingerprint
from partners.reports.names import person_name

__all__ = ["OwnRow", "own_certificates", "own_pem"]


@dataclass(frozen=True, slots=True)
class OwnRow:
    """One certificate. of_certificate, of_key: SHA-256, with colons; drawn: to be read aloud."""

    pk: int
    names: tuple[str, ...]
    of_certificate: str
    of_key: str
    drawn: Fingerprint
    issuer: str
    key: str
    not_before: datetime | None
    not_after: datetime | None
    state: str
    word: str
    sha256: str
    who: str
    added_at: datetime


def own_certificates(*, now: datetime) -> tuple[OwnRow, ...]:
    """Return what partners are told, what begins first leading; in one query."""
    rows = OwnCertificate.objects.filter(removed_at__isnull=True).select_related("certificate", "added_by")
    found = [_row(one, now) for one in rows]
    return tuple(sorted(found, key=lambda row: (row.names, row.not_before or now, row.pk)))


def own_pem(sha256: str) -> str | None:
    """Return the certificate *sha256* as PEM, None where partners are not told of it."""
    one = OwnCertificate.objects.filter(removed_at__isnull=True, certificate__sha256=sha256).select_related(
        "certificate"
    )
    row = one.first()
    return ssl.DER_cert_to_PEM_cert(bytes(row.certificate.der)) if row else None


def _row(one: OwnCertificate, now: datetime) -> OwnRow:
    der, kept = bytes(one.certificate.der), one.certificate
    digest = cert_fingerprint(der, "sha256")
    state, word = "ok", _("in use")
    if kept.not_before is not None and kept.not_before > now:
        state, word = "roll", _("comes next")
    elif kept.not_after is not None and kept.not_after <= now:
        state, word = "bad", _("has ended")
    return OwnRow(
        pk=one.pk,
        names=tuple(one.names.splitlines()),
        of_certificate=digest,
        of_key=pkey_fingerprint(der, "sha256"),
        drawn=fingerprint(digest),
        issuer=kept.issuer,
        key=kept.key_type,
        not_before=kept.not_before,
        not_after=kept.not_after,
        state=state,
        word=word,
        sha256=kept.sha256,
        who=person_name(one.added_by),
        added_at=one.added_at,
    )
