"""Management's page and its table as a file."""

import csv

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from partners.reports.compliance import compliance_report
from partners.web.access import door

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a sheet would compute such a cell (OWASP CSV injection)


@require_safe
@door("compliance")
def show(request: HttpRequest) -> HttpResponse:
    """Show how many channels are protected as agreed, and which are not."""
    now = timezone.now()
    return render(request, "partners/compliance.html", {"report": compliance_report(now=now), "now": now})


@require_safe
@door("compliance-csv")
def table(request: HttpRequest) -> HttpResponse:
    """Hand out the table as CSV whose cells no sheet takes for a formula."""
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="compliance.csv"'
    writer = csv.writer(answer)
    writer.writerow(["partner", "nexthop", "agreed", "level", "state", "cause", "since_utc"])
    for row in compliance_report(now=timezone.now()).rows:
        since = row.since.isoformat() if row.since else ""
        cells = (row.partner, row.keys, row.agreed, row.level, row.state, row.cause, since)
        writer.writerow([plain_cell(cell) for cell in cells])
    return answer


def plain_cell(text: str) -> str:
    """Return *text* with a quote before what a sheet would compute."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text
