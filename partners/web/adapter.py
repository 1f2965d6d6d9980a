"""The rules and the words of sign-in: accounts are made by invitation only."""

from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


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
