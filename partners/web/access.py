"""Who may open which page: the whole table, and the decorator that keeps it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext

from partners.core.errors import NotAllowed, PortalError
from partners.models import User

__all__ = ["ACCESS", "audiences_of", "door", "reader", "whole"]

TEAM = frozenset({"team"})
HOUSE = frozenset({"team", "management"})
PARTNER = frozenset({"partner"})
SIGNED_IN = frozenset({"team", "management", "partner"})
PUBLIC = frozenset({"public"})  # no account: a secret in the address or a token decides

# url name -> audiences. A page without a row cannot be mounted (tests/plan).
ACCESS: dict[str, frozenset[str]] = {
    "home": SIGNED_IN,
    "today": TEAM,
    "partner-list": HOUSE,
    "partner-list-csv": HOUSE,
    "partner-list-xlsx": HOUSE,
    "bulk-preview": TEAM,
    "bulk-confirm": TEAM,
    "bulk-result": TEAM,
    "bulk-undo": TEAM,
    "saved-view-list": HOUSE,
    "saved-view-save": HOUSE,
    "saved-view-open": HOUSE,
    "saved-view-edit": HOUSE,
    "saved-view-remove": HOUSE,
    "saved-view-first": HOUSE,
    "partner-add": TEAM,
    "look-ask": TEAM,
    "look-show": TEAM,
    "look-panel": TEAM,
    "channel-authority": TEAM,
    "partner-detail": HOUSE,
    "channel-edit": TEAM,
    "channel-lower": TEAM,
    "channel-remove": TEAM,
    "change-withdraw": TEAM,
    "partner-check": TEAM,
    "channel-check": TEAM,
    "partner-probe": TEAM,
    "partner-probe-panel": HOUSE,
    "approvals": TEAM,
    "pin-decide": TEAM,
    "release-list": TEAM,
    "candidate-cut": TEAM,
    "candidate-detail": TEAM,
    "candidate-decide": TEAM,
    "candidate-map": TEAM,
    "release-detail": TEAM,
    "release-compare": TEAM,
    "release-map": TEAM,
    "release-rollback": TEAM,
    "export-home": TEAM,
    "export-download": TEAM,
    "export-ca": TEAM,
    "relay-export": PUBLIC,
    "relay-ca": PUBLIC,
    "relay-manifest": PUBLIC,
    "relay-tafile": PUBLIC,
    "vantage-claim": PUBLIC,
    "vantage-record": PUBLIC,
    "relay-list": TEAM,
    "relay-token-make": TEAM,
    "relay-token-revoke": TEAM,
    "vantage-list": TEAM,
    "vantage-csv": TEAM,
    "vantage-make": TEAM,
    "vantage-revoke": TEAM,
    "endpoint-list": TEAM,
    "endpoint-csv": TEAM,
    "endpoint-xlsx": TEAM,
    "endpoint-detail": TEAM,
    "provider-list": TEAM,
    "provider-csv": TEAM,
    "watch": TEAM,
    "watch-panel": TEAM,
    "watch-csv": TEAM,
    "watch-probe": TEAM,
    "audit-list": HOUSE,
    "audit-verify": HOUSE,
    "audit-csv": HOUSE,
    "certificate-list": HOUSE,
    "certificate-csv": HOUSE,
    "alert-list": TEAM,
    "alert-csv": TEAM,
    "alert-acknowledge": TEAM,
    "alert-snooze": TEAM,
    "notice-settings": TEAM,
    "notice-renew": TEAM,
    "notice-remove": TEAM,
    "partner-notices": TEAM,
    "partner-hours": TEAM,
    "settings-home": TEAM,
    "own-certificates": TEAM,
    "own-certificate-remove": TEAM,
    "relay-group-add": TEAM,
    "relay-group-change": TEAM,
    "relay-group-decide": TEAM,
    "compliance": HOUSE,
    "compliance-csv": HOUSE,
    "wall": PUBLIC,
    "wall-list": HOUSE,
    "wall-make": TEAM,
    "wall-revoke": TEAM,
    "partner-invite": TEAM,
    "invitation-accept": PUBLIC,
    "invitation-follow": PUBLIC,
    "invitation-send": TEAM,
    "portal-home": PARTNER,
    "portal-help": PARTNER,
    "portal-ours": PARTNER,
    "portal-ours-pem": PARTNER,
    "portal-upload": PARTNER,
    "portal-submit": PARTNER,
    "portal-withdraw": PARTNER,
}

_DIGITS_MAX = 9
_KEY_MAX = 2**63 - 1
View = Callable[..., HttpResponseBase]


def audiences_of(user: Any) -> frozenset[str]:
    """Return what *user* is; an account that is of a partner's side is nothing else."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    if User.Role.PARTNER.value in user.roles:
        return PARTNER
    found = {"team"} if user.is_mail_team else set()
    return frozenset(found | ({"management"} if User.Role.MANAGEMENT.value in user.roles else set()))


def door(name: str) -> Callable[[View], View]:
    """Open the view to the audiences of ACCESS[*name*]; to others it does not exist. Tell refusals as a message.

    A refused POST leads back to where it came from (a page of ours), with cause and cure; nothing was written.
    """
    allowed = ACCESS[name]

    def keep(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if "public" not in allowed:
                if not request.user.is_authenticated:
                    return redirect_to_login(request.get_full_path())
                if not allowed & audiences_of(request.user):
                    raise Http404
            if any(isinstance(number, int) and number > _KEY_MAX for number in kwargs.values()):
                raise Http404  # no row has such a number, and not every lookup says so
            try:
                return view(request, *args, **kwargs)
            except NotAllowed as refusal:
                raise Http404 from refusal
            except PortalError as refusal:
                if request.method != "POST" or "public" in allowed:
                    raise
                messages.error(request, refusal.told_in(gettext), extra_tags="bad")
                return HttpResponseRedirect(_page_behind(name, request.path, kwargs))

        return guarded

    return keep


# A refused POST leads to the page with its form.
_BEHIND = {
    "bulk-confirm": "partner-list",
    "bulk-undo": "bulk-result",
    "saved-view-first": "saved-view-list",
    "saved-view-remove": "saved-view-list",
    "partner-check": "partner-add",
    "channel-check": "channel-edit",
    "channel-authority": "channel-edit",
    "look-ask": "partner-add",
    "partner-probe": "partner-detail",
    "invitation-send": "approvals",
    "pin-decide": "approvals",
    "candidate-cut": "release-list",
    "candidate-decide": "candidate-detail",
    "release-rollback": "release-detail",
    "relay-group-decide": "settings-home",
    "audit-verify": "audit-list",
    "alert-acknowledge": "alert-list",
    "alert-snooze": "alert-list",
    "notice-renew": "notice-settings",
    "notice-remove": "notice-settings",
    "watch-probe": "watch",
    "vantage-make": "vantage-list",
    "vantage-revoke": "vantage-list",
    "relay-token-make": "relay-list",
    "relay-token-revoke": "relay-list",
    "wall-make": "wall-list",
    "wall-revoke": "wall-list",
    "portal-submit": "portal-home",
    "portal-withdraw": "portal-home",
}
_OF_ONE_ROW = frozenset({"bulk-result", "candidate-detail", "channel-edit", "partner-detail", "release-detail"})


def _page_behind(name: str, path: str, kwargs: dict[str, Any]) -> str:
    """Return the address of the page on which the refused act stands; most forms stand on their own page."""
    if name not in _BEHIND:
        return path
    return reverse(
        _BEHIND[name],
        kwargs=kwargs if _BEHIND[name] in _OF_ONE_ROW else None,
    )


def whole(text: str, default: int = 0) -> int:
    """Return *text* as a number that fits any column, else *default*; it comes from an address or a form."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX else default


def reader(request: HttpRequest) -> User:
    """Return the signed-in person; the door has asked before."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user
