"""Whom alerts are told to: addresses and webhooks of the house, and whether a partner's contacts are told."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver, demand_editor
from partners.actions.holding import judge_again
from partners.core.alarms import Severity
from partners.core.errors import SettingsRefused, StaleRefused
from partners.core.webhooks import demand_url, key_id, secret_of
from partners.models import NoticeTarget, Partner, PartnerNotices, User

__all__ = ["MadeTarget", "add_target", "remove_target", "renew_secret", "set_notices"]

WARN_PERCENT_MAX = 90


@dataclass(frozen=True, slots=True)
class MadeTarget:
    """A target that was made; secret: of a webhook, shown this once and kept nowhere."""

    target: NoticeTarget
    secret: str = ""


def add_target(
    via: NoticeTarget.Via,
    address: str,
    *,
    by: User,
    now: datetime,
    language: str = "en",
    least: Severity = Severity.UNKNOWN,
    only_escalated: bool = False,
) -> MadeTarget:
    """Tell alerts of *least* severity and worse ones to *address*; it learns of all partners, so approvers add it."""
    demand_approver(by)
    address = _demand_address(via, address.strip())
    if language not in dict(settings.LANGUAGES):
        raise SettingsRefused(address, _("there is no such language"), ", ".join(dict(settings.LANGUAGES)))
    nonce = secrets.token_urlsafe(32) if via == NoticeTarget.Via.WEBHOOK else ""
    target = NoticeTarget(
        via=via, address=address, language=language, least=least.value, only_escalated=only_escalated, nonce=nonce,
        key_id=key_id(settings.SECRET_KEY) if nonce else "", added_by=by, added_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            target.save(force_insert=True)
            detail = {"via": via, "address": address, "least": least.name.lower(), "only_escalated": only_escalated}
            audit.record("notice-target.added", f"notice target {target.pk}", by=by, now=now, detail=detail)
    except IntegrityError as cause:
        raise SettingsRefused(address, _("it is told already"), _("remove it first")) from cause
    return MadeTarget(target, _secret(target))


def renew_secret(target: NoticeTarget, *, by: User, now: datetime) -> MadeTarget:
    """Return *target* with a new secret, shown this once; the old one signs nothing from now on."""
    demand_approver(by)
    with transaction.atomic():
        fresh = {"nonce": secrets.token_urlsafe(32), "key_id": key_id(settings.SECRET_KEY)}
        living = NoticeTarget.objects.filter(pk=target.pk, via=NoticeTarget.Via.WEBHOOK, removed_at__isnull=True)
        if not living.update(**fresh):
            raise StaleRefused(_("notice target %s") % target.pk, _("it is no webhook, or it was removed"))
        audit.record("notice-target.secret-renewed", f"notice target {target.pk}", by=by, now=now)
    target.refresh_from_db()
    return MadeTarget(target, _secret(target))


def remove_target(target: NoticeTarget, *, by: User, now: datetime) -> None:
    """Tell nothing more to *target*; what waits for it is dropped."""
    demand_approver(by)
    with transaction.atomic():
        if not NoticeTarget.objects.filter(pk=target.pk, removed_at__isnull=True).update(removed_at=now):
            raise StaleRefused(_("notice target %s") % target.pk, _("it was removed already"))
        target.deliveries.filter(next_try_at__isnull=False).update(next_try_at=None, fault="the target was removed")
        detail = {"via": target.via, "address": target.address}
        audit.record("notice-target.removed", f"notice target {target.pk}", by=by, now=now, detail=detail)


def set_notices(
    partner: Partner, *, contacts_told: bool, warn_percent: int | None, by: User, now: datetime
) -> PartnerNotices:
    """Set whether the contacts of *partner* are told of its own alerts, and when the end of a certificate is one."""
    demand_editor(by)
    if warn_percent is not None and not 1 <= warn_percent <= WARN_PERCENT_MAX:
        cause = _("the share of the lifetime must be from 1 to %s percent") % WARN_PERCENT_MAX
        raise SettingsRefused(partner.name, cause, _("leave it empty for the default"))
    fields = {"contacts_told": contacts_told, "warn_percent": warn_percent, "changed_by": by, "changed_at": now}
    with transaction.atomic():
        judge_again(list(partner.channels.values_list("pk", flat=True)), now=now)
        row, _made = PartnerNotices.objects.update_or_create(partner=partner, defaults=fields)
        detail = {"contacts_told": contacts_told, "warn_percent": warn_percent}
        audit.record("partner-notices.set", f"partner {partner.pk}", by=by, now=now, detail=detail)
    return row


def _demand_address(via: NoticeTarget.Via, address: str) -> str:
    """Return *address* if it can be told anything. Errors: SettingsRefused."""
    if via == NoticeTarget.Via.WEBHOOK:
        demand_url(address, ports=_ports())
        return address
    try:
        validate_email(address)
    except ValidationError as cause:
        raise SettingsRefused(address or "-", _("it is no mail address"), "team@example.com") from cause
    return address


def _ports() -> frozenset[int]:
    return frozenset({443, 8443, *(int(word) for word in settings.NOTICE_PORTS if word.isdecimal())})


def _secret(target: NoticeTarget) -> str:
    return secret_of(target.nonce, target.key_id, [settings.SECRET_KEY]) or "" if target.nonce else ""
