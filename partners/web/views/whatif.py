"""What the fields of a form would be on the relays, before anything is saved."""

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from partners.actions.looking import look_facts
from partners.actions.whatif import WhatIf, what_if
from partners.models import Channel, Look
from partners.reports.partners import ChannelPage, channel_page
from partners.reports.watching import own_look
from partners.web.access import door, reader, whole
from partners.web.forms.entry import EntryForm, PartnerForm

__all__ = ["check_edit", "check_new"]


@require_POST
@door("partner-check")
def check_new(request: HttpRequest) -> HttpResponse:
    """Check the entry of a partner that is not added yet; its name does not matter."""
    return _answer(request, PartnerForm(request.POST), None)


@require_POST
@door("channel-check")
def check_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Check an edit of a channel."""
    page = channel_page(reader(request), pk)
    if page is None:
        raise Http404
    return _answer(request, EntryForm(request.POST), page)


def _answer(request: HttpRequest, form: forms.Form, page: ChannelPage | None) -> HttpResponse:
    """Return the slot beside the fields for htmx, else the whole page with what was typed."""
    now = timezone.now()
    look = None if page else own_look(reader(request), whole(request.POST.get("look", "")), now=now)
    preview = _preview(request, page.channel if page else None, look)
    context: dict[str, object] = {
        "form": form,
        "page": page,
        "version": request.POST.get("version", ""),
        "preview": preview,
    }
    context["look_row"] = look
    polled = request.headers.get("HX-Request") == "true"
    return render(request, "partners/_whatif.html" if polled else "partners/entry_form.html", context)


def _preview(request: HttpRequest, channel: Channel | None, look: Look | None) -> WhatIf:
    form = EntryForm(request.POST)
    if not form.is_valid():
        faults = (f"{form[name].label}: {fault}" for name, found in form.errors.items() for fault in found)
        return WhatIf(" ".join(faults))
    fields = dict(form.cleaned_data)
    seen = look_facts(look) if look else {}
    return what_if(fields, channel, now=timezone.now(), by=reader(request), seen=seen)
