"""Links to the wall view: made once, kept as a hash, ended at once."""

import re
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver
from partners.actions.issued import hash_of
from partners.core.errors import SettingsRefused, StaleRefused
from partners.models import User, WallLink

__all__ = ["LABEL_MAX", "LINKS_MAX", "make_wall_link", "open_wall", "revoke_wall_link"]

LABEL_MAX: Final = 60
LINKS_MAX: Final = 20  # open at the same time; more are forgotten ones
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_NOTED_EVERY: Final = timedelta(minutes=1)


def make_wall_link(label: str, *, shows_names: bool, language: str, by: User, now: datetime) -> str:
    """Return the secret of a new link; it is shown this once and kept as SHA-256 alone.

    label: where the screen hangs, so that the right link is revoked later. Errors: SettingsRefused, NotAllowed.
    """
    demand_approver(by)
    text = " ".join(label.split())
    if not text or len(text) > LABEL_MAX or not text.isprintable():
        raise SettingsRefused(
            _("wall link"), _("its name is empty or too long"), _("say in 1 to 60 letters where the screen hangs")
        )
    if language not in dict(settings.LANGUAGES):
        raise SettingsRefused(_("wall link"), _("the portal does not speak that language"), _("choose another one"))
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        if WallLink.objects.filter(revoked_at__isnull=True).count() >= LINKS_MAX:
            raise SettingsRefused(_("wall link"), _("%s links are open") % LINKS_MAX, _("revoke one first"))
        row = WallLink.objects.create(
            label=text, sha256=hash_of(secret), language=language, shows_names=shows_names, made_by=by, made_at=now
        )
        detail = {"link": row.pk, "shows_names": shows_names, "language": language}
        audit.record("wall-link.made", f"wall link {text}", by=by, now=now, detail=detail)
    return secret


def revoke_wall_link(link: WallLink, *, by: User, now: datetime) -> None:
    """End *link* at once; StaleRefused if it is ended already."""
    demand_approver(by)
    with transaction.atomic():
        if not WallLink.objects.filter(pk=link.pk, revoked_at__isnull=True).update(revoked_at=now):
            raise StaleRefused(_("wall link %s") % link.label, _("it is revoked already"))
        audit.record("wall-link.revoked", f"wall link {link.label}", by=by, now=now, detail={"link": link.pk})


def open_wall(secret: str, *, now: datetime) -> WallLink | None:
    """Return the link that *secret* opens, None for any other text, and note the use once a minute.

    The row is found by the hash of 256 random bits, so that nothing can be learned from how long a wrong one takes.
    """
    if not _SHAPE.fullmatch(secret):
        return None
    link = WallLink.objects.filter(sha256=hash_of(secret), revoked_at__isnull=True).first()
    if link is not None:
        stale = Q(used_at__isnull=True) | Q(used_at__lte=now - _NOTED_EVERY)
        WallLink.objects.filter(stale, pk=link.pk).update(used_at=now)
    return link
