"""The audit trail: read, checked, taken away as a file."""

from datetime import UTC

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions.audit import verify_chain
from partners.reports.audit import ACTS, AuditFilter, AuditRow, audit_page, audit_rows
from partners.web.access import door, whole
from partners.web.sheets import sheet

_COLUMNS = ("number", "at_utc", "by", "act", "subject", "detail", "prev_hash", "entry_hash")


@require_safe
@door("audit-list")
def show(request: HttpRequest) -> HttpResponse:
    """Show the entries asked for, newest first."""
    wanted = AuditFilter.of(request.GET)
    page = audit_page(wanted, before=whole(request.GET.get("before", "")))
    acts = sorted(((act, str(word)) for act, word in ACTS.items()), key=lambda one: one[1])
    context = {"page": page, "wanted": wanted, "acts": acts, "query": _query(request), "chips": _chips(request, wanted)}
    return render(request, "partners/audit_list.html", context)


@require_POST
@door("audit-verify")
def verify(request: HttpRequest) -> HttpResponse:
    """Recompute the whole chain and name the first entry that does not fit."""
    broken = verify_chain()
    if broken is None:
        last = audit_page(AuditFilter()).last
        number, entry_hash = (last.number, last.entry_hash) if last else (0, "")
        text = _(
            "The chain is whole up to entry %(number)s. Its hash is %(hash)s; keep it elsewhere, and a trail that was "
            "cut short will be told by it."
        )
        messages.success(request, text % {"number": number, "hash": entry_hash})
    else:
        text = _(
            "Entry %s does not fit its hash or the entry before it: the trail was changed there, or an entry before it "
            "was taken out. All older entries fit."
        )
        messages.error(request, text % broken, extra_tags="bad")
    return redirect("audit-list")


@require_safe
@door("audit-csv")
def table(request: HttpRequest) -> HttpResponseBase:
    """Hand out the entries asked for as CSV whose cells no sheet takes for a formula."""
    return sheet("audit.csv", _COLUMNS, map(_cells, audit_rows(AuditFilter.of(request.GET))))


def _cells(row: AuditRow) -> tuple[str, ...]:
    """Return *row* as texts; times are UTC."""
    detail = "; ".join(f"{name}: {text}" for name, text in row.detail)
    at = row.at.astimezone(UTC).isoformat()
    return (str(row.number), at, row.who, row.act, row.subject, detail, row.prev_hash, row.entry_hash)


def _query(request: HttpRequest) -> str:
    """Return the filters of the address without the place in the list."""
    return _without(request.GET, "before")


def _chips(request: HttpRequest, wanted: AuditFilter) -> list[dict[str, str]]:
    """Return a removable chip for each filter in force."""
    values = {
        "person": (_("by"), wanted.person),
        "act": (_("act"), str(ACTS.get(wanted.act, wanted.act))),
        "subject": (_("subject"), wanted.subject),
        "since": (_("since"), wanted.since.isoformat() if wanted.since else ""),
        "until": (_("until"), wanted.until.isoformat() if wanted.until else ""),
    }
    return [
        {"label": label, "value": value, "remove_url": "?" + _without(request.GET, "before", name)}
        for name, (label, value) in values.items()
        if value
    ]


def _without(given: QueryDict, *names: str) -> str:
    """Return *given* as a query string without *names* and without what is empty."""
    kept = QueryDict(mutable=True)
    for name in ("person", "act", "subject", "since", "until"):
        if name not in names and (text := given.get(name)):
            kept[name] = str(text)
    return kept.urlencode()
