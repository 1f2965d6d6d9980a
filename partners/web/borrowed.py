"""Texts of allauth whose own German says "du"; our catalogue, which Django asks first, says "Sie".

Nothing reads this list but the command that collects texts, and the test that holds it to allauth's catalogue.
"""

from django.utils.translation import gettext_noop as _

__all__ = ["FROM_ALLAUTH"]

FROM_ALLAUTH = (
    _("Be patient, you are sending too many requests."),
    _("You must type the same password each time."),
    _("Your password has been changed."),
    _("You have signed out."),
    _("You are about to generate a new set of recovery codes for your account."),
    _("You are about to deactivate authenticator app based authentication. Are you sure?"),
)
