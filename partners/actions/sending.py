"""A link's way to its person: by mail to the invited address, or shown once where the portal sends no mail."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from partners.actions import audit
from partners.actions.invitations import LINK_LIFETIME, LINK_PATH, Invited
from partners.models import Invitation, User

__all__ = ["Handed", "hand_over", "link_of"]

_FAULT_MAX = 300
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of a link: it waits (all empty), left by mail, is to be shown to who asked, or did not leave.

    link: only where the portal sends no mail. fault: why the mail did not leave; the invitation stays, send it again.
    """

    mailed_to: str = ""
    link: str = ""
    fault: str = ""


def hand_over(invited: Invited, *, by: User | None, now: datetime) -> Handed:
    """Mail the link of *invited* to its address; where the portal sends no mail, return it to be shown to *by*, once.

    Call it after the transaction that made the link: mail cannot be taken back, and a slow relay holds no lock.
    """
    if invited.waits:
        return Handed()
    invitation = invited.invitation
    if not settings.MAIL_CONFIGURED:
        audit.record("invitation.link-shown", f"invitation of {invitation.email}", by=by, now=now)
        return Handed(link=link_of(invited))
    mine = Invitation.objects.filter(pk=invitation.pk, sha256=invitation.sha256)  # not if a newer link was made
    try:
        _message(invited).send()
    except (OSError, UnicodeError) as cause:  # every fault of smtplib and of the connection is an OSError
        fault = _one_line(cause)
        mine.update(mail_fault=fault)
        log.warning("invitation_not_mailed", invitation=invitation.pk, cause=fault)
        return Handed(fault=fault)
    mine.update(mailed_at=now, mail_fault="")
    log.info("invitation_mailed", invitation=invitation.pk)
    return Handed(mailed_to=invitation.email)


def link_of(invited: Invited) -> str:
    """Return the link of *invited*; it begins with the portal's own address, whatever a request claimed."""
    return settings.PORTAL_URL + LINK_PATH.format(token=invited.token)


def _message(invited: Invited) -> EmailMessage:
    """Return the mail with the link, in the language of the invitation, as plain text."""
    invitation = invited.invitation
    with override(invitation.language):
        context = {
            "invitation": invitation,
            "partner": " ".join(invitation.partner.name.split()) if invitation.partner else "",
            "link": link_of(invited),
            "hours": int(LINK_LIFETIME.total_seconds() // 3600),
            "portal": settings.PORTAL_URL,
        }
        return EmailMessage(
            subject=_("Your invitation to the mail security portal"),
            body=render_to_string("mail/invitation.txt", context),
            to=[invitation.email],
            headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no out-of-office note comes back
        )


def _one_line(cause: Exception) -> str:
    """Return what the relay or the network said, without line breaks and cut to the column."""
    return " ".join(f"{type(cause).__name__}: {cause}".split())[:_FAULT_MAX]
