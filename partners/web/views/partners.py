"""Partners: the list, its table as CSV, and a channel's page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from partners.actions.proposing import proposals
from partners.actions.relay_groups import settings_by_group
from partners.actions.whatif import Ground, ground_of, what_if
from partners.core.levels import Protection, SecurityLevel
from partners.core.relay import RelaySettings
from partners.documents.workbook import Cell, workbook
from partners.models import Membership
from partners.reports.alerts import alerts_of
from partners.reports.compared import compared
from partners.reports.domains import domain_rows
from partners.reports.drafts import open_changes
from partners.reports.headline import headline
from partners.reports.journal import journal
from partners.reports.lines import Line, as_lines, published_lines
from partners.reports.listing import HARM, SORTS, Chosen, ListRow, PartnerList, every_row, partner_list
from partners.reports.notices import notices_of
from partners.reports.outlook import Prospects
from partners.reports.partners import ChannelPage, channel_page
from partners.reports.people import name_of
from partners.reports.rollover import rollover_rows
from partners.reports.saved_views import view_rows
from partners.reports.shown import PinRow, chain_rows, matrix, pin_rows, second_of, shown_at
from partners.reports.watching import look_state
from partners.web.access import door, reader
from partners.web.listed import COLUMN_WORDS, chips, chosen_of, view_tabs
from partners.web.queries import query_url
from partners.web.rows import worded_rows
from partners.web.sheets import sheet
from partners.web.ways import ways_out

_HEAD: Final = (
    "partner", "nexthop", "state", "cause", "agreed", "level", "postfix_would", "tls_status", "addresses_taking",
    "addresses", "certificate_ends", "owner", "seen",
)  # fmt: skip
# cell -> the column of the list that shows it; the others stand in every file
_COLUMN_OF: Final[Mapping[str, str]] = {
    "agreed": "level", "level": "level", "postfix_would": "would", "tls_status": "would", "addresses_taking": "hosts",
    "addresses": "hosts", "certificate_ends": "next", "owner": "owner", "seen": "seen",
}  # fmt: skip


@require_safe
@door("partner-list")
def show_list(request: HttpRequest) -> HttpResponse:
    """Show one page of the channels, worst first; a bare address opens the view that the reader chose."""
    now, person, chosen = timezone.now(), reader(request), chosen_of(request.GET)
    saved = view_rows(person)
    first = next((row for row in saved if row.opens_first), None)
    if first is not None and not request.GET:  # "All" names an order, so that it is not this
        return redirect("saved-view-open", pk=first.pk)
    found = partner_list(person, chosen, now=now)
    context = {**_list_context(found, chosen, now), "saved": view_tabs(saved, chosen), "can_pick": person.is_mail_team}
    return render(request, "partners/partner_list.html", context)


@require_safe
@door("partner-list-csv")
def show_csv(request: HttpRequest) -> HttpResponseBase:
    """Hand out what the list shows, all pages of it, as CSV whose cells no sheet takes for a formula."""
    chosen = chosen_of(request.GET)
    rows = every_row(reader(request), chosen, now=timezone.now())
    places = _places(chosen)
    return sheet("partners.csv", [_HEAD[one] for one in places], (_cells(row, places) for row in rows))


@require_safe
@door("partner-list-xlsx")
def show_xlsx(request: HttpRequest) -> FileResponse:
    """Hand out what the list shows, all pages of it, as a workbook: numbers and dates as such, texts as texts."""
    chosen = chosen_of(request.GET)
    rows = every_row(reader(request), chosen, now=timezone.now())
    places = _places(chosen)
    table = workbook(_("Partners"), [_HEAD[one] for one in places], (_typed(row, places) for row in rows))
    return FileResponse(table, filename="partners.xlsx", as_attachment=True)


@require_safe
@door("partner-detail")
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one channel: the verdict first, then line, hosts, chains, pins and what moved."""
    page = channel_page(reader(request), pk)
    if page is None:
        raise Http404
    now = timezone.now()
    ground = ground_of(page.channel, pins=page.pins)
    context = {**_page_context(page, ground, now), "domains": domain_rows(page.channel)}
    if reader(request).is_mail_team:
        context["open_changes"] = open_changes(page.channel)
        context["ways"] = ways_out(page, context["contact"], ground=ground, now=now)
        context["alerts"] = alerts_of(page.channel.partner_id, now=now)
        context["notices"] = notices_of(page.channel.partner)
    return render(request, "partners/partner_detail.html", context)


def _page_context(page: ChannelPage, ground: Ground, now: datetime) -> dict[str, Any]:
    """Return the finished rows of a channel's page."""
    channel = page.channel
    pins = pin_rows(channel, page.pins)
    seen = shown_at(channel)
    letters = {digest: one.letter for one in pins if one.letter for digest in one.pin.digests.values()}
    lines, release = published_lines(page.keys, letters)
    contacts = list(channel.partner.contacts.order_by("name"))
    members = Membership.objects.filter(partner=channel.partner, ended_at__isnull=True).select_related("user")
    return {
        "page": page,
        "head": headline(page, now=now, digest=_digest(ground)),
        "cells": matrix(page.hosts, seen, channel, pins, now=now),
        "chains": chain_rows(seen, level=channel.level, now=now),
        "second": second_of(channel, page.hosts, seen, pins),
        "pins": pins,
        "own_digests": channel.level == SecurityLevel.FINGERPRINT.value and bool(channel.match),
        "compared": compared(page, pins, seen),
        "rollover": rollover_rows(channel, pins, seen)[0],
        "lines": lines,
        "release": release,
        "legend": _legend(pins),
        "draft": _draft(ground, lines, letters, now),
        "entries": journal(page, Prospects(page, seen, lambda: _within_reach(page, ground, now), now)),
        "contacts": contacts,
        "contact": contacts[0] if contacts else None,
        "members": [name_of(one.user) for one in members],
        "tags": [tag for tag in channel.partner.tags.replace(",", " ").split() if tag],
        "owner": name_of(channel.partner.owner),
        "look": look_state(channel, now=now),
    }


def _within_reach(page: ChannelPage, ground: Ground, now: datetime) -> list[str]:
    """Return the levels at which every address of the channel would take the mail, on every relay group."""
    return [one.level for one in proposals(page.channel, now=now, ground=ground) if one.possible]


def _digest(ground: Ground) -> str:
    """Return the algorithm by which the first relay group compares fingerprints."""
    known = [
        one.fingerprint_digest for one in settings_by_group(ground.groups).values() if isinstance(one, RelaySettings)
    ]
    return known[0] if known else "sha256"


def _legend(pins: tuple[PinRow, ...]) -> list[dict[str, str]]:
    """Return what the letters of the pins mean, where there are two."""
    words = {"A": _("old key, leaves when the new one was seen everywhere"), "B": _("new key")}
    found = {one.letter for one in pins if one.letter}
    return [{"pin": letter, "text": words[letter]} for letter in sorted(found)] if len(found) > 1 else []


def _draft(ground: Ground, lines: tuple[Line, ...], letters: Mapping[str, str], now: datetime) -> tuple[Line, ...]:
    """Return the lines that the newest draft would make, () where they are those that are released."""
    channel = ground.channel
    if channel is None or channel.removed_at is not None:
        return ()
    drafted = as_lines({one.group: one.lines for one in what_if({}, channel, now=now, ground=ground).groups}, letters)
    return drafted if {one.text for one in drafted} != {one.text for one in lines} else ()


def _list_context(found: PartnerList, chosen: Chosen, now: datetime) -> dict[str, Any]:
    """Return the page of the list with the addresses of its tabs, chips, heads and pages."""
    given = chosen.parameters
    return {
        "found": found,
        "chosen": chosen,
        "rows": worded_rows(found.rows, now=now),
        "views": [_view(word, found.counts.get(word, found.everything), chosen) for word in ("", *HARM)],
        "chips": list(chips(chosen)),
        "heads": {name: _sorted(name, chosen) for name in SORTS},
        "previous_url": query_url(given, before=found.previous_key) if found.previous_key else "",
        "next_url": query_url(given, after=found.next_key) if found.next_key else "",
        "csv_query": urlencode(given),
        "levels": [level.value for level in SecurityLevel],
        "protections": [one.value for one in Protection],
        "hidden": {name: text for name, text in given.items() if name in {"state", "sort", "mine", "cols"}},
        "columns": chosen.columns,
        "column_words": [(name, word, name in chosen.columns) for name, word in COLUMN_WORDS.items()],
        "beside_columns": {name: text for name, text in given.items() if name != "cols"},
    }


def _view(state: str, count: int, chosen: Chosen) -> dict[str, object]:
    return {
        "state": state,
        "count": count,
        "url": query_url(chosen.parameters, state=state),
        "on": chosen.state == state,
    }


def _sorted(name: str, chosen: Chosen) -> dict[str, str]:
    """Return the address that sorts by *name*, the other way round where the list is sorted so already."""
    current = chosen.sort.removeprefix("-") == name
    backwards = chosen.sort.startswith("-")
    word = f"-{name}" if (current and not backwards) or (not current and name == "seen") else name
    state = ("descending" if backwards == (name != "harm") else "ascending") if current else ""
    return {"url": query_url(chosen.parameters, sort=word), "sorted": state}


def _places(chosen: Chosen) -> list[int]:
    """Return the places in _HEAD that are told: those of the columns that the list shows."""
    return [place for place, name in enumerate(_HEAD) if _COLUMN_OF.get(name, "") in ("", *chosen.columns)]


def _typed(row: ListRow, places: Sequence[int]) -> list[Cell]:
    """Return one row of the list as the cells of a workbook."""
    cells = (
        row.name, row.key, row.state, row.cause, row.agreed, row.level, row.delivery, row.tls_status, row.taking,
        row.hosts, row.ends_at, row.owner, row.seen_at,
    )  # fmt: skip
    return [cells[one] for one in places]


def _cells(row: ListRow, places: Sequence[int]) -> list[str]:
    """Return one row of the list as texts."""
    typed = _typed(row, places)
    return [cell.isoformat() if isinstance(cell, datetime) else "" if cell is None else str(cell) for cell in typed]
