"""Alerts: the list, its table as CSV, and the two things a person does with one."""

from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions.alerts import SNOOZE_LONGEST, acknowledge, snooze
from partners.core.alarms import Severity
from partners.core.errors import SettingsRefused
from partners.models import Alert
from partners.reports.alerts import SEVERITIES, SHOWN, SORTS, AlertFilter, AlertRow, alert_page, alert_rows
from partners.web.access import door, reader
from partners.web.queries import query_url, sort_head
from partners.web.sheets import sheet

__all__ = ["acknowledge_alert", "show", "snooze_alert", "table"]

_HEAD = (
    "alert", "severity", "cause", "where", "opened_utc", "breaks_utc", "partners", "first_partners", "looked_after_by",
    "word", "rests_until_utc", "closed_utc", "sent", "waiting", "given_up",
)  # fmt: skip
_MORNING = time(8)  # what rests until a day is told at its beginning, not in the night


@require_safe
@door("alert-list")
def show(request: HttpRequest) -> HttpResponse:
    """Show the alerts asked for, worst first."""
    now, wanted = timezone.now(), AlertFilter.of(request.GET)
    page = alert_page(wanted, now=now)
    return render(
        request, "partners/alert_list.html", {"page": page, "now": now, **_addresses(wanted, page.counts, now)}
    )


@require_safe
@door("alert-csv")
def table(request: HttpRequest) -> HttpResponseBase:
    """Hand out the alerts asked for as CSV whose cells no sheet takes for a formula."""
    rows = alert_rows(AlertFilter.of(request.GET), now=timezone.now())
    return sheet("alerts.csv", _HEAD, map(_cells, rows))


@require_POST
@door("alert-acknowledge")
def acknowledge_alert(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that the reader looks after it."""
    alert = get_object_or_404(Alert, pk=pk)
    acknowledge(alert, by=reader(request), now=timezone.now(), word=request.POST.get("word", ""))
    messages.success(request, _("You look after alert %s; nobody is reminded of it.") % alert.pk)
    return redirect("alert-list")


@require_POST
@door("alert-snooze")
def snooze_alert(request: HttpRequest, pk: int) -> HttpResponse:
    """Let it rest until the morning of a day."""
    alert = get_object_or_404(Alert, pk=pk)
    until = _morning(request.POST.get("until", ""), alert)
    snooze(alert, until, by=reader(request), now=timezone.now())
    messages.success(request, _("Alert %s rests; if it is still open then, it is told once more.") % alert.pk)
    return redirect("alert-list")


def _morning(text: str, alert: Alert) -> datetime:
    """Return the morning of the day in *text*. Errors: SettingsRefused."""
    try:
        day = parse_date(text[:10])
    except ValueError:
        day = None
    if day is None:
        raise SettingsRefused(_("alert %s") % alert.pk, _("no day was chosen"), _("choose the day it may rest until"))
    return datetime.combine(day, _MORNING, tzinfo=timezone.get_current_timezone())


def _addresses(wanted: AlertFilter, counts: Any, now: datetime) -> dict[str, Any]:
    """Return the addresses of the tabs, heads, chips and pages."""
    given = wanted.parameters
    url, day = partial(query_url, given), timezone.localdate(now)
    return {
        "wanted": wanted,
        "tabs": [
            {"word": word, "count": counts[name], "url": url(shown=name, alert=""), "on": wanted.shown == name}
            for name, word in SHOWN.items()
        ],
        "heads": {name: sort_head(name, wanted.sort, given) for name in SORTS},
        "severities": [(one.name.lower(), SEVERITIES[one]) for one in Severity],
        "previous_url": url(page=str(wanted.page - 1)) if wanted.page > 1 else "",
        "next_url": url(page=str(wanted.page + 1)),
        "query": urlencode(given),
        "tomorrow": (day + timedelta(days=1)).isoformat(),
        "latest": (day + SNOOZE_LONGEST - timedelta(days=1)).isoformat(),
    }


def _cells(row: AlertRow) -> tuple[str, ...]:
    """Return *row* as texts; times are UTC."""
    opened, breaks, rests, closed = (
        at.astimezone(UTC).isoformat() if at else ""
        for at in (row.opened_at, row.breaks_at, row.snoozed_until, row.closed_at)
    )
    names = "; ".join(name for name, _channel in row.partners)
    told = (str(row.told.sent), str(row.told.waiting), str(row.told.given_up))
    return (
        str(row.pk), row.severity, row.cause, row.where, opened, breaks, str(row.count), names, row.who, row.word,
        rests, closed, *told,
    )  # fmt: skip
