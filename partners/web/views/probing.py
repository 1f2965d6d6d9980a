"""Probe now, and the panel that shows how far the look is."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from partners.actions.leases import ask_now
from partners.models import Channel
from partners.reports.partners import visible_channels
from partners.reports.watching import look_state
from partners.web.access import door, reader

__all__ = ["panel", "probe_now"]

_STOP_POLLING: Final = 286  # htmx: swap, and ask no more


@require_POST
@door("partner-probe")
def probe_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the nexthops of a channel due now and lead back to its page, where the look can be watched."""
    person, now = reader(request), timezone.now()
    for nexthop in _channel(request, pk).nexthops.all():
        ask_now(nexthop, by=person, now=now)
    return redirect(reverse("partner-detail", args=[pk]) + "#look")


@require_safe
@door("partner-probe-panel")
def panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what was seen so far; the poller is told to stop once nobody is due or at work any more."""
    channel = _channel(request, pk)
    look = look_state(channel, now=timezone.now())
    polled = request.headers.get("HX-Request") == "true"
    context = {
        "look": look,
        "polled": polled,
        "look_url": reverse("partner-probe-panel", args=[pk]),
        "look_again": reverse("partner-detail", args=[pk]),
        "look_next": reverse("channel-edit", args=[pk]),
    }
    answer = render(request, "partners/_look.html", context)
    answer.status_code = _STOP_POLLING if polled and not look.running else 200
    return answer


def _channel(request: HttpRequest, pk: int) -> Channel:
    channel = visible_channels(reader(request)).filter(pk=pk).first()
    if channel is None:
        raise Http404
    return channel
