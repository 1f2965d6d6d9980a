"""Servers that partners' mail goes to, who runs them, and each one's page. A partner never comes here."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from partners.actions.access import may_edit
from partners.core.vantage import HERE
from partners.documents.workbook import Cell, workbook
from partners.reports.endpoints import (
    SORTS,
    EndpointFilter,
    EndpointRow,
    endpoint_page,
    endpoint_row,
    every_endpoint,
)
from partners.reports.lanes import vantage_word
from partners.reports.providers import (
    PARTNERS_SHOWN,
    ProviderRow,
    every_provider,
    finding_words,
    findings_of,
    partners_of,
    past_of,
    provider_page,
)
from partners.web.access import door, reader
from partners.web.queries import query_url, sort_head
from partners.web.sheets import sheet

__all__ = ["show", "show_csv", "show_list", "show_providers", "show_providers_csv", "show_xlsx"]

_HEAD: Final = (
    "mx_host", "address", "port", "provider", "seen_from", "partners", "states", "tls", "leaf", "issuer", "leaf_ends",
    "seen", "tried", "failing_since", "not_measured",
)  # fmt: skip
_PROVIDER_HEAD: Final = ("provider", "addresses", "failing", "partners", "states", "finding", "partners_sharing_it")


@require_safe
@door("endpoint-list")
def show_list(request: HttpRequest) -> HttpResponse:
    """Show one page of the servers."""
    wanted = EndpointFilter.of(request.GET)
    page, given = endpoint_page(wanted), wanted.parameters
    context = {
        "page": page,
        "wanted": wanted,
        "now": timezone.now(),
        "here": HERE,
        "views": list(_views(wanted)),
        "chips": list(_chips(wanted)),
        "heads": {name: sort_head(name, wanted.sort, given) for name in SORTS},
        "hidden": {name: text for name, text in given.items() if name != "q"},
        "csv_query": urlencode(given),
        "previous_url": query_url(given, before=page.previous_key) if page.previous_key else "",
        "next_url": query_url(given, after=page.next_key) if page.next_key else "",
    }
    return render(request, "partners/endpoint_list.html", context)


@require_safe
@door("endpoint-csv")
def show_csv(request: HttpRequest) -> HttpResponseBase:
    """Hand out what the list shows, all pages of it, as CSV whose cells no sheet takes for a formula."""
    rows = every_endpoint(EndpointFilter.of(request.GET))
    return sheet("servers.csv", _HEAD, (tuple(map(_text, _typed(row))) for row in rows))


@require_safe
@door("endpoint-xlsx")
def show_xlsx(request: HttpRequest) -> FileResponse:
    """Hand out the same as a workbook."""
    rows = map(_typed, every_endpoint(EndpointFilter.of(request.GET)))
    return FileResponse(workbook(_("Servers"), _HEAD, rows), filename="servers.xlsx", as_attachment=True)


@require_safe
@door("endpoint-detail")
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one server: what it shows now, what it showed before, and who hangs on it."""
    row = endpoint_row(pk)
    if row is None:
        raise Http404
    findings = findings_of("endpoint", [pk])[pk].most_common()
    context = {
        "row": row,
        "now": timezone.now(),
        "here": HERE,
        "past": past_of(pk),
        "partners": partners_of(pk),
        "partners_shown": PARTNERS_SHOWN,
        "findings": [(finding_words(cause), number) for cause, number in findings],
        "may_probe": may_edit(reader(request)),
    }
    return render(request, "partners/endpoint_detail.html", context)


@require_safe
@door("provider-list")
def show_providers(request: HttpRequest) -> HttpResponse:
    """Show who runs the servers, by name, with the finding that most of its partners share."""
    query, after, backwards = _asked(request)
    page = provider_page(query, after, backwards=backwards)
    given = {name: text for name, text in (("q", query), ("sort", "-provider" if backwards else "")) if text}
    context = {
        "page": page,
        "query": query,
        "sort": given.get("sort", ""),
        "csv_query": urlencode(given),
        "sort_url": query_url(given, sort="" if backwards else "-provider"),
        "sorted": "descending" if backwards else "ascending",
        "without_query": query_url(given, q=""),
        "first_url": query_url(given) if after else "",
        "next_url": query_url(given, after=page.next_key) if page.next_key else "",
    }
    return render(request, "partners/provider_list.html", context)


@require_safe
@door("provider-csv")
def show_providers_csv(request: HttpRequest) -> HttpResponseBase:
    """Hand out all of them as CSV."""
    query, _after, backwards = _asked(request)
    return sheet("providers.csv", _PROVIDER_HEAD, map(_provider_cells, every_provider(query, backwards=backwards)))


def _asked(request: HttpRequest) -> tuple[str, str, bool]:
    """Return what the address of the providers asks for: search, place, and whether the order is turned round."""
    query = request.GET.get("q", "").replace("\0", "").strip().lower()[:200]
    return query, request.GET.get("after", "").replace("\0", "")[:253], request.GET.get("sort", "") == "-provider"


def _views(wanted: EndpointFilter) -> Iterator[dict[str, Any]]:
    words = {"": _("All"), "failing": _("Without an answer"), "shown": _("Seen"), "untried": _("Not tried yet")}
    for state, word in words.items():
        yield {"label": word, "url": query_url(wanted.parameters, state=state), "on": wanted.state == state}


def _chips(wanted: EndpointFilter) -> Iterator[dict[str, str]]:
    """Yield a chip for each filter beside the tabs, with the address that takes it away."""
    filters = (
        ("q", _("Search"), wanted.query),
        ("provider", _("Provider"), wanted.provider),
        ("vantage", _("Seen from"), vantage_word(wanted.vantage) if wanted.vantage else ""),
    )
    for name, label, shown in filters:
        if shown:
            yield {"label": label, "value": shown, "url": query_url(wanted.parameters, **{name: ""})}


def _typed(row: EndpointRow) -> tuple[Cell, ...]:
    """Return one row as the cells of a workbook."""
    states = ", ".join(f"{state} {number}" for state, number in row.states)
    place = (row.mx_host, row.address, row.port, row.provider, row.vantage, row.partners, states)
    moments = (row.leaf_ends, row.seen_at, row.tried_at, row.failing_since)
    return (*place, row.tls, row.leaf, row.issuer, *moments, row.not_measured)


def _text(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat(timespec="seconds")
    return "" if cell is None else str(cell)


def _provider_cells(row: ProviderRow) -> tuple[str, ...]:
    states = ", ".join(f"{state} {number}" for state, number in row.states)
    numbers = (str(row.addresses), str(row.failing), str(row.partners))
    return (row.provider, *numbers, states, row.finding, str(row.sharing or ""))
