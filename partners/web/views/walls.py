"""The wall view: a page of numbers for a screen without a person, opened by a link that can be revoked."""

from typing import Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from partners.actions.access import may_approve
from partners.actions.walls import make_wall_link, open_wall, revoke_wall_link
from partners.models import WallLink
from partners.reports.charts import trend_chart
from partners.reports.walls import wall, wall_links
from partners.reports.watch import watch_banner
from partners.web.access import door, reader

__all__ = ["make", "revoke", "show", "show_list"]

REFRESH_SECONDS: Final = 60


@never_cache
@require_safe
@door("wall")
def show(request: HttpRequest, token: str) -> HttpResponse:
    """Show the numbers to whoever holds the link, in the link's language; any other link was never there."""
    now = timezone.now()
    link = open_wall(token, now=now)
    if link is None:
        raise Http404
    with translation.override(link.language):
        page = wall(link, now=now)
        context = {
            "wall": page,
            "report": page.report,
            "link": link,
            "now": now,
            "late": watch_banner(),
            "chart": trend_chart(page.report.trend.points, [], width=760, height=250),
            "still": bool(request.GET.get("still")),
        }
        answer = render(request, "partners/wall.html", context)
    if not context["still"]:
        # A screen has nobody who presses a key, and maybe no script; who reads it may stop it (WCAG 2.2.1).
        answer["Refresh"] = str(REFRESH_SECONDS)
    return answer


@require_safe
@door("wall-list")
def show_list(request: HttpRequest) -> HttpResponse:
    """List the links: where each hangs, what it tells, who made it and when it was last opened."""
    return _page(request)


@never_cache
@require_POST
@door("wall-make")
def make(request: HttpRequest) -> HttpResponse:
    """Make a link; the answer shows it this once, and nothing keeps it."""
    secret = make_wall_link(
        request.POST.get("label", ""),
        shows_names=bool(request.POST.get("names")),
        language=request.POST.get("language", translation.get_language() or settings.LANGUAGE_CODE),
        by=reader(request),
        now=timezone.now(),
    )
    return _page(request, made=settings.PORTAL_URL.rstrip("/") + reverse("wall", args=[secret]))


@require_POST
@door("wall-revoke")
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End a link at once."""
    link = get_object_or_404(WallLink, pk=pk)
    revoke_wall_link(link, by=reader(request), now=timezone.now())
    messages.success(request, _("The link “%s” opens nothing any more.") % link.label)
    return redirect("wall-list")


def _page(request: HttpRequest, made: str = "") -> HttpResponse:
    """Return the page of links; made: the address of a new one."""
    context = {"rows": wall_links(), "may_approve": may_approve(reader(request)), "made": made}
    return render(request, "partners/wall_list.html", context)
