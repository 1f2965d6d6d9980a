"""An alert as a mail: plain text, in the reader's language."""

import smtplib

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from partners.models import AlertDelivery
from partners.notify.content import Content, content_of
from partners.notify.errors import DeliveryError

__all__ = ["message_of", "send"]

_PERMANENT = 500  # RFC 5321 section 4.2.1: a reply of 5yz is not to be tried again
_Kind = AlertDelivery.Kind


def send(delivery: AlertDelivery) -> None:
    """Send *delivery* by mail. Errors: DeliveryError."""
    if not settings.MAIL_CONFIGURED:
        raise DeliveryError("the portal sends no mail as long as TLSPORTAL_MAIL_RELAY names no relay", permanent=False)
    try:
        message_of(delivery).send()
    except smtplib.SMTPRecipientsRefused as cause:
        codes = [code for code, _text in cause.recipients.values()]
        raise DeliveryError(str(cause), permanent=all(code >= _PERMANENT for code in codes)) from cause
    except smtplib.SMTPResponseException as cause:
        text = f"{cause.smtp_code} {cause.smtp_error!r}"
        # A refused log-in is a setting of ours, and is mended without a new alert.
        is_login = isinstance(cause, smtplib.SMTPAuthenticationError)
        raise DeliveryError(text, permanent=cause.smtp_code >= _PERMANENT and not is_login) from cause
    except (OSError, UnicodeError, ValueError) as cause:
        raise DeliveryError(f"{type(cause).__name__}: {cause}", permanent=not isinstance(cause, OSError)) from cause


def message_of(delivery: AlertDelivery) -> EmailMessage:
    """Return the mail; its Message-ID is the delivery's own, so that one sent twice after a fault is told as one."""
    with override(delivery.language):
        content = content_of(delivery)
        theirs = delivery.partner_id is not None
        template = "mail/alert_partner.txt" if theirs else "mail/alert_house.txt"
        body = render_to_string(template, {"alert": content, "portal": settings.PORTAL_URL})
        sender = settings.DEFAULT_FROM_EMAIL
        return EmailMessage(
            subject=_subject(content, theirs=theirs),
            body=body,
            from_email=sender,
            to=[delivery.address],
            headers={
                "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office note comes back
                "Message-ID": f"<alert-{delivery.alert_id}-{delivery.pk}@{sender.rpartition('@')[2].strip('> ')}>",
                "X-Tlsportal-Alert": str(delivery.alert_id),
                "X-Tlsportal-Severity": content.severity.name.lower(),
            },
        )


def _subject(content: Content, *, theirs: bool) -> str:
    """Return what happens to mail first, then whose."""
    word = {
        _Kind.RECOVERED: _("Over: %s"),
        _Kind.RETURNED: _("Again: %s"),
        _Kind.ESCALATED: _("Still: %s"),
        _Kind.MORE: _("Further partners: %s"),
    }.get(_Kind(content.kind), "%s") % content.word
    if theirs:
        keys = ", ".join(content.parts[0].keys) if content.parts else ""
        return _("%(what)s: your mail servers, %(keys)s") % {"what": word, "keys": keys}
    if content.total == 1:
        return f"[tlsportal] {word}: {content.parts[0].partner}"
    count = ngettext("%s partner", "%s partners", content.total) % content.total
    place = f", {content.where}" if content.where else ""
    return f"[tlsportal] {word}: {count}{place}"
