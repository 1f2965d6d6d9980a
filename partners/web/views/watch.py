"""The watch as it runs: what waits, what is worked on, what each round did; and a look asked for at one server."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions.access import may_edit
from partners.actions.asking import ask_endpoint
from partners.core.vantage import HERE
from partners.models import Endpoint, RoundRow
from partners.reports.lanes import RoundLine
from partners.reports.rounds import SORTS, RoundFilter, round_lines, watch_now
from partners.web.access import door, reader
from partners.web.sheets import sheet

__all__ = ["panel", "probe", "show", "table"]

_HEAD: Final = (
    "begun_utc", "ended_utc", "seconds", "lane", "seen_from", "nexthops", "servers", "handshakes", "without_result",
    "servers_a_minute", "cut_off",
)  # fmt: skip


@require_safe
@door("watch")
def show(request: HttpRequest) -> HttpResponse:
    """Show the watch; the panel asks again by itself."""
    return render(request, "partners/watch.html", _context(request))


@require_safe
@door("watch-panel")
def panel(request: HttpRequest) -> HttpResponse:
    """Show what moves on that page."""
    return render(request, "partners/_watch_now.html", {**_context(request), "polled": True})


@require_safe
@door("watch-csv")
def table(request: HttpRequest) -> HttpResponseBase:
    """Hand out the rounds that are over, those asked for, as CSV."""
    lines = round_lines(RoundFilter.of(request.GET), now=timezone.now())
    return sheet("rounds.csv", _HEAD, map(_cells, lines))


@require_POST
@door("watch-probe")
def probe(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a look at one server, on behalf of all partners that hang on it."""
    endpoint = get_object_or_404(Endpoint.objects.select_related("address"), pk=pk)
    ask_endpoint(endpoint, by=reader(request), now=timezone.now())
    messages.success(
        request, _("A look at %s is asked for; an address that asked for rest keeps it.") % endpoint.address
    )
    return redirect("watch")


def _context(request: HttpRequest) -> dict[str, Any]:
    wanted = RoundFilter.of(request.GET)
    watch = watch_now(wanted, now=timezone.now())
    given = {name: text for name, text in (("lane", wanted.lane), ("vantage", wanted.vantage)) if text}
    given |= {"sort": wanted.sort} if wanted.sort != "-begun" else {}
    return {
        "watch": watch,
        "wanted": wanted,
        "query": urlencode(given),
        "poll_query": urlencode({**given, "said": watch.state}),
        "says": request.GET.get("said", "") != watch.state,
        "heads": {name: _head(name, wanted, given) for name in SORTS},
        "lanes": RoundRow.Lane.values,
        "here": HERE,
        "many_vantages": len(watch.vantages) > 1,
        "may_probe": may_edit(reader(request)),
        "polled": False,
    }


def _head(name: str, wanted: RoundFilter, given: Mapping[str, str]) -> dict[str, str]:
    """Return the link of a head cell, and how the table is sorted by it now; the most first."""
    order = {name: "ascending", f"-{name}": "descending"}.get(wanted.sort, "")
    sort = name if wanted.sort == f"-{name}" else f"-{name}"
    return {"url": "?" + urlencode({**given, "sort": sort}) + "#rounds", "sorted": order}


def _cells(line: RoundLine) -> tuple[str, ...]:
    """Return one round as texts; times are UTC."""
    return (
        line.begun_at.astimezone(UTC).isoformat(timespec="seconds"),
        line.ended_at.astimezone(UTC).isoformat(timespec="seconds"),
        f"{line.seconds:.1f}",
        line.lane,
        line.vantage,
        str(line.nexthops),
        str(line.endpoints),
        str(line.handshakes),
        str(line.troubled),
        f"{line.rate:.0f}",
        "yes" if line.cut_off else "",
    )
