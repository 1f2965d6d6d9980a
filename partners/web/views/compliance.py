"""Management's page and its table as a file."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from partners.core.levels import Protection
from partners.reports.agreements import HELD, NOT_KNOWN, AgreementRow, Chosen, every_row
from partners.reports.charts import trend_chart
from partners.reports.compliance import WINDOWS, Compliance, compliance_report
from partners.reports.drawings import donut
from partners.web.access import door, whole
from partners.web.agreements import worded_agreements, worded_days
from partners.web.sheets import sheet

_RING: Final = ("compliant", "rolling", "weaker", "pending", "unknown", "violated")
_GROUPS: Final = ("protected", "open")
_PROTECTIONS: Final = frozenset(one.value for one in Protection)
_HEAD: Final = (
    "partner",
    "nexthop",
    "agreed",
    "effective",
    "level",
    "state",
    "cause",
    "since_utc",
    "last_known_utc",
    "owner",
)


@require_safe
@door("compliance")
def show(request: HttpRequest) -> HttpResponse:
    """Show how many agreements are kept, which are not, and what ends next."""
    now = timezone.now()
    chosen = _chosen(request)
    report = compliance_report(now=now, chosen=chosen, page=whole(request.GET.get("page", ""), 1))
    context = {
        "report": report,
        "agreements": worded_agreements(report.rows),
        "days": worded_days(report.trend.points),
        "now": now,
        "chosen": chosen,
        "arcs": _arcs(report),
        "chart": trend_chart(report.trend.points, report.trend.marks),
        "narrow_chart": trend_chart(report.trend.points, report.trend.marks, width=340, height=230),
        "month_ago": report.trend.days_ago(30),
        "query": _query(request),
    }
    return render(request, "partners/compliance.html", context)


@require_safe
@door("compliance-csv")
def table(request: HttpRequest) -> HttpResponseBase:
    """Hand out the whole table as CSV whose cells no sheet takes for a formula."""
    return sheet("compliance.csv", _HEAD, map(_cells, every_row()))


def _cells(row: AgreementRow) -> tuple[str, ...]:
    """Return the cells of one agreement."""
    moments = [moment.isoformat() if moment else "" for moment in (row.since, row.known_at)]
    return (row.partner, row.keys, row.agreed, row.effective, row.level, row.state, row.cause, *moments, row.owner)


def _chosen(request: HttpRequest) -> Chosen:
    """Return what the address asks for; a word that means nothing chooses nothing."""
    asked = request.GET
    within = whole(asked.get("within", ""))
    return Chosen(
        state=asked.get("state", "") if asked.get("state", "") in _RING else "",
        group=asked.get("group", "") if asked.get("group", "") in _GROUPS else "",
        agreed=asked.get("agreed", "") if asked.get("agreed", "") in _PROTECTIONS else "",
        effective=asked.get("effective", "") if asked.get("effective", "") in _PROTECTIONS | {HELD, NOT_KNOWN} else "",
        within=within if within in WINDOWS else 0,
    )


def _arcs(report: Compliance) -> tuple[object, ...]:
    """Return the ring: a share per state, each leading to its rows."""
    states = report.tally.states
    return donut([(word, word, states.get(word, 0), f"?state={word}#agreements") for word in _RING])


def _query(request: HttpRequest) -> str:
    """Return the address's own choices for the pager, without the page."""
    asked = request.GET.copy()
    asked.pop("page", None)
    return asked.urlencode()
