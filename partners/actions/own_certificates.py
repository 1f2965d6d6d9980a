"""The certificates of our own mail servers, told to every partner alike so that they can pin them on their side."""

from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver
from partners.actions.certificates import kept_certificate, preview
from partners.core.errors import CertificateRefused, SettingsRefused, StaleRefused
from partners.core.names import DnsName
from partners.models import OwnCertificate, User

__all__ = ["NAMES_MAX", "add_own", "remove_own"]

NAMES_MAX: Final = 20
_ROWS_MAX: Final = 100


def add_own(names: str, content: bytes | str, *, by: User, now: datetime) -> OwnCertificate:
    """Tell partners that the servers *names* (one a line) show the certificate in *content*.

    It may begin later: partners want to know the next one before it is live. Raises CertificateRefused for what is no
    certificate of a server, holds a key or has ended, NameRefused and SettingsRefused for the names, StaleRefused where
    it is told already.
    """
    demand_approver(by)
    hosts = list(dict.fromkeys(str(DnsName.parse(line)) for line in names.split()))
    subject = _("own certificate")
    if not 0 < len(hosts) <= NAMES_MAX:
        raise SettingsRefused(subject, _("one to %s host names are needed, one a line") % NAMES_MAX)
    leaf = preview(content).leaf
    if leaf is None:
        raise CertificateRefused(
            subject, _("a fingerprint alone tells neither names nor dates"), _("give the certificate")
        )
    named = {name.lower() for name in (*leaf.dns_ids, *leaf.common_names)}
    if leaf.is_ca and not named & set(hosts):  # openssl makes a self-signed server's certificate one of a CA
        raise CertificateRefused(subject, _("it is a CA's"), _("give the certificate that the server shows"))
    if leaf.not_after is not None and leaf.not_after <= now:
        raise CertificateRefused(subject, _("it has ended"), _("give the one that is in use, or the next one"))
    if OwnCertificate.objects.filter(removed_at__isnull=True).count() >= _ROWS_MAX:
        raise SettingsRefused(subject, _("there are %s already") % _ROWS_MAX, _("take out what is in use no more"))
    try:
        with transaction.atomic():
            kept = kept_certificate(leaf, now=now)
            one = OwnCertificate.objects.create(names="\n".join(hosts), certificate=kept, added_by=by, added_at=now)
            detail = {"names": hosts, "sha256": kept.sha256}
            audit.record("own-certificate.added", f"own certificate {one.pk}", by=by, now=now, detail=detail)
    except IntegrityError as cause:
        raise StaleRefused(subject, _("partners are told of it already")) from cause
    return one


def remove_own(one: OwnCertificate, *, by: User, now: datetime) -> None:
    """Tell partners of *one* no more; StaleRefused where it is taken out already."""
    demand_approver(by)
    with transaction.atomic():
        if not OwnCertificate.objects.filter(pk=one.pk, removed_at__isnull=True).update(removed_at=now):
            raise StaleRefused(_("own certificate"), _("it is taken out already"))
        detail = {"names": one.names.splitlines(), "sha256": one.certificate.sha256}
        audit.record("own-certificate.removed", f"own certificate {one.pk}", by=by, now=now, detail=detail)
