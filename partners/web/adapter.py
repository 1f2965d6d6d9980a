"""The rules and the words of sign-in: accounts are made by invitation only."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """What mails call the portal: its own name, whatever a request claimed."""

    name: str


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Nobody signs up; the mail team invites. A refusal says what to do, and never which of the two was wrong."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is closed. Ask your mail team."),
        "email_password_mismatch": _("Address and password do not belong together. Type both again."),
        "invalid_login": _("Address and password do not belong together. Type both again."),
        "incorrect_password": _("This is not the password of your account."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_code": _("This code does not fit. Codes change every 30 seconds; type the one shown now."),
        "too_many_login_attempts": _("Too many attempts. Wait some minutes, then try again."),
        "rate_limited": _("Too many attempts. Wait some minutes, then try again."),
        "invalid_password_reset": _("This link was used, or ran out. Ask for a new one."),
        "same_as_current": _("This is the value as it is now. Choose another."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  allauth's signature
        """Return False, whoever asks."""
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that names the portal by its own address; a relay that is gone is told in the log alone.

        The page must not fail then: an answer for known addresses that differs would tell which accounts there are.
        """
        if not settings.MAIL_CONFIGURED:
            log.warning("account_mail_not_configured", kind=template_prefix)
            return
        address = urlsplit(settings.PORTAL_URL).netloc
        try:
            super().send_mail(template_prefix, email, {**context, "current_site": Site(address)})
        except (OSError, UnicodeError) as cause:
            log.warning("account_mail_not_sent", kind=template_prefix, cause=" ".join(f"{cause}".split())[:300])

    def format_email_subject(self, subject: str) -> str:
        """Return *subject* with the portal's name before it."""
        return f"[tlsportal] {subject}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link to set a password, below the portal's own address and never below the Host header."""
        link: str = super().get_reset_password_from_key_url(key)
        return f"{settings.PORTAL_URL}{urlsplit(link).path}"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:  # noqa: ARG002
        """Count attempts by address alone: another name of the portal in the Host header begins no new count."""
        return str(credentials.get("email", "")).lower()
