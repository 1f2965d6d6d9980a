"""The rules of sign-in: accounts are made by invitation only."""

from typing import TYPE_CHECKING

from allauth.account.adapter import DefaultAccountAdapter

if TYPE_CHECKING:
    from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up; the mail team invites."""

    def is_open_for_signup(self, request: "HttpRequest") -> bool:  # noqa: ARG002  allauth's signature
        """Return False, whoever asks."""
        return False
