"""Places that are looked from: their tokens are made here, shown once, and revoked."""

from datetime import UTC
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from partners.actions.access import may_approve
from partners.actions.vantages import make_vantage_token, revoke_vantage_token
from partners.models import VantageToken
from partners.reports.vantages import SORTS, VantageFilter, VantageLine, vantage_lines
from partners.web.access import door, reader
from partners.web.queries import query_url, sort_head
from partners.web.sheets import sheet

__all__ = ["make", "revoke", "show", "table"]

_HEAD: Final = ("vantage", "relay_groups", "token", "made_utc", "asked_utc", "reported_utc", "revoked_utc", "state")


@require_safe
@door("vantage-list")
def show(request: HttpRequest) -> HttpResponse:
    """List the vantages: whose groups are judged by them, and when each token asked for work last."""
    return _page(request)


@require_safe
@door("vantage-csv")
def table(request: HttpRequest) -> HttpResponseBase:
    """Hand out the same as CSV; a token's prefix is no secret."""
    lines = vantage_lines(VantageFilter.of(request.GET), now=timezone.now())
    return sheet("vantages.csv", _HEAD, map(_cells, lines))


@never_cache
@require_POST
@door("vantage-make")
def make(request: HttpRequest) -> HttpResponse:
    """Make a token; the answer shows it this once, and nothing keeps it."""
    vantage = request.POST.get("vantage", "").strip().lower()[:80]
    secret = make_vantage_token(vantage, by=reader(request), now=timezone.now())
    return _page(request, made={"vantage": vantage, "secret": secret})


@require_POST
@door("vantage-revoke")
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a token at once; what its probe held is given back."""
    token = get_object_or_404(VantageToken, pk=pk)
    revoke_vantage_token(token, by=reader(request), now=timezone.now())
    messages.success(request, _("Token %s opens nothing any more.") % token.prefix)
    return redirect("vantage-list")


def _page(request: HttpRequest, made: dict[str, str] | None = None) -> HttpResponse:
    """Return the page; made: a token to be shown."""
    wanted = VantageFilter.of(request.GET)
    given = {name: text for name, text in (("view", wanted.view), ("q", wanted.query), ("sort", wanted.sort)) if text}
    context = {
        "lines": vantage_lines(wanted, now=timezone.now()),
        "wanted": wanted,
        "query": urlencode(given),
        "heads": {name: sort_head(name, wanted.sort, given) for name in SORTS},
        "views": {view: query_url(given, view=view) for view in ("used", "all")},
        "without_query": query_url(given, q=""),
        "may_approve": may_approve(reader(request)),
        "made": made,
        "command": f"tlsportal-probe --portal {settings.PORTAL_URL} --token-file /etc/tlsportal/token",
        "example": "dmz",
        "in_the_clear": not settings.PORTAL_URL.startswith("https://"),
    }
    return render(request, "partners/vantage_list.html", context)


def _cells(line: VantageLine) -> tuple[str, ...]:
    token = line.token
    moments = (token.made_at, token.used_at, token.reported_at, token.revoked_at) if token else (None,) * 4
    times = (moment.astimezone(UTC).isoformat(timespec="seconds") if moment else "" for moment in moments)
    return (line.vantage, " ".join(line.groups), token.prefix if token else "", *times, line.note)
