"""All certificates seen or announced, and when they end."""

from datetime import UTC, date

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from partners.reports.calendar import expiry_calendar
from partners.reports.certificates import (
    CertificateFilter,
    CertificatePage,
    CertificateRow,
    certificate_page,
    certificate_rows,
)
from partners.reports.kept import kept_figures
from partners.web.access import door, whole
from partners.web.sheets import sheet

_COLUMNS = (
    "subject",
    "issuer",
    "kind",
    "names",
    "key",
    "not_before_utc",
    "not_after_utc",
    "state",
    "used_at",
    "further_channels",
    "sha256",
)


@require_safe
@door("certificate-list")
def show(request: HttpRequest) -> HttpResponse:
    """Show the certificates asked for, what ends first on top, and the calendar of what ends when."""
    now, wanted = timezone.now(), CertificateFilter.of(request.GET)
    kept = kept_figures(now=now)
    number, after = whole(request.GET.get("page", ""), 1), request.GET.get("after", "")
    page = certificate_page(wanted, kept, page=number, after=after, now=now)
    words = {
        "used": _("In use"),
        "out": _("Ran out"),
        "14": _("Within 14 days"),
        "30": _("30 days"),
        "90": _("90 days"),
        "announced": _("Announced"),
        "all": _("All ever seen"),
    }
    context = {
        "page": page,
        "wanted": wanted,
        "months": expiry_calendar(_week_url, kept, now=now),
        "views": [
            {"label": word, "count": page.counts[name], "url": _url(request, view=name), "current": name == wanted.view}
            for name, word in words.items()
        ],
        "sorts": {name: _sort(request, wanted, name) for name in ("end", "subject", "issuer")},
        "csv_query": _url(request).lstrip("?"),
        **_pager(request, page),
        "counted_at": kept.counted_at if kept else None,
        "without_week": _url(request, week=""),
    }
    return render(request, "partners/certificate_list.html", context)


@require_safe
@door("certificate-csv")
def table(request: HttpRequest) -> HttpResponseBase:
    """Hand out the certificates asked for as CSV whose cells no sheet takes for a formula."""
    rows = certificate_rows(CertificateFilter.of(request.GET), now=timezone.now())
    return sheet("certificates.csv", _COLUMNS, map(_cells, rows))


def _pager(request: HttpRequest, page: CertificatePage) -> dict[str, str]:
    """Return where the pager leads; in a large estate backward is the first page, for a page knows what follows it."""
    if page.total is None or page.next_key or request.GET.get("after"):
        return {
            "first_url": _url(request) if page.has_previous else "",
            "next_url": _url(request, after=page.next_key) if page.next_key else "",
        }
    return {
        "previous_url": _url(request, page=str(page.number - 1)) if page.has_previous else "",
        "next_url": _url(request, page=str(page.number + 1)) if page.has_next else "",
    }


def _cells(row: CertificateRow) -> tuple[str, ...]:
    """Return *row* as texts; times are UTC."""
    places = "; ".join(
        " ".join(part for part in (place.partner, place.mx_host, place.address, place.note) if part)
        for place in row.places
    )
    begin = row.not_before.astimezone(UTC).isoformat() if row.not_before else ""
    end = row.not_after.astimezone(UTC).isoformat() if row.not_after else ""
    return (
        row.subject,
        row.issuer,
        row.kind,
        row.names,
        row.key_type,
        begin,
        end,
        row.state_word,
        places,
        str(row.more or ""),
        row.sha256,
    )


def _url(request: HttpRequest, **changes: str) -> str:
    """Return the address of this list with *changes*; a change of view or order begins at the first page."""
    kept = QueryDict(mutable=True)
    for name in ("view", "q", "week", "sort", "page", "after"):
        text = changes.get(name, "" if name in {"page", "after"} else str(request.GET.get(name, "")))
        if text:
            kept[name] = text
    return "?" + kept.urlencode()


def _week_url(monday: date) -> str:
    """Return the address of what ends in a week."""
    return f"?week={monday.isoformat()}"


def _sort(request: HttpRequest, wanted: CertificateFilter, name: str) -> dict[str, str]:
    """Return the link of a head cell, and how the list is sorted by it now."""
    order = {name: "ascending", f"-{name}": "descending"}.get(wanted.sort, "")
    return {"url": _url(request, sort=f"-{name}" if wanted.sort == name else name), "sorted": order}
