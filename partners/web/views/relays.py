"""Relay groups, their relays, and the tokens with which they fetch."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from partners.actions.access import may_approve
from partners.actions.relay_groups import settings_by_group
from partners.actions.tokens import make_relay_token, revoke_relay_token
from partners.models import RelayGroup, RelayToken
from partners.reports.relays import groups_page, published_release
from partners.web.access import door, reader

__all__ = ["make_token", "revoke_token", "show"]


@require_safe
@door("relay-list")
def show(request: HttpRequest) -> HttpResponse:
    """Show each relay group with its relays, its settings as the guard uses them, and its tokens."""
    return _page(request)


@never_cache
@require_POST
@door("relay-token-make")
def make_token(request: HttpRequest, group: str) -> HttpResponse:
    """Make a token; the answer shows it this once, and nothing keeps it."""
    one = get_object_or_404(RelayGroup, name=group)
    secret = make_relay_token(
        one, by=reader(request), now=timezone.now(), relay=request.POST.get("relay", "").strip()[:253]
    )
    return _page(request, made={"group": one, "secret": secret, "header": f"Authorization: Bearer {secret}"})


@require_POST
@door("relay-token-revoke")
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token at once."""
    token = get_object_or_404(RelayToken, pk=pk)
    revoke_relay_token(token, by=reader(request), now=timezone.now())
    messages.success(request, _("Token %s opens nothing any more.") % token.prefix)
    return redirect("relay-list")


def _page(request: HttpRequest, made: dict[str, object] | None = None) -> HttpResponse:
    """Return the page; made: a token to be shown."""
    by = reader(request)
    context = {
        "groups": groups_page(settings_by_group(), now=timezone.now()),
        "published": published_release(),
        "may_approve": may_approve(by),
        "made": made,
        "in_the_clear": not settings.PORTAL_URL.startswith("https://"),
    }
    return render(request, "partners/relay_list.html", context)
