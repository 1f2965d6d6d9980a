"""Partners: the list, a channel's page, add and edit."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from partners.actions import partners as acts
from partners.actions.leases import ask_now
from partners.actions.proposing import proposals
from partners.actions.whatif import what_if
from partners.core.errors import ActionRefused, RefusedInput
from partners.reports.partners import channel_page, partner_list
from partners.reports.watching import look_state
from partners.web.access import door, reader, whole
from partners.web.forms.entry import EntryForm, PartnerForm, proposed_fields


@require_safe
@door("partner-list")
def show_list(request: HttpRequest) -> HttpResponse:
    """Show one page of the channels, worst first."""
    query = request.GET.get("q", "")[:200]
    state, sort = request.GET.get("state", ""), request.GET.get("sort", "harm")
    page = request.GET.get("page", "1")
    found = partner_list(reader(request), query=query, state=state, sort=sort, page=whole(page, 1))
    context = {"found": found, "query": query, "state": state, "sort": sort}
    return render(request, "partners/partner_list.html", context)


@require_safe
@door("partner-detail")
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one channel: the verdict first, then line, hosts, pins and history."""
    page = channel_page(reader(request), pk)
    if page is None:
        raise Http404
    look = look_state(page.channel, now=timezone.now())
    return render(request, "partners/partner_detail.html", {"page": page, "look": look})


@require_http_methods(["GET", "POST"])
@door("partner-add")
def add(request: HttpRequest) -> HttpResponse:
    """Add a partner as a draft change, and have its servers looked at at once."""
    form = PartnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            change = acts.add_partner(
                given.pop("name"),
                given.pop("nexthops").split(),
                given.pop("level"),
                given.pop("agreed"),
                by=reader(request),
                now=timezone.now(),
                **given,
            )
        except RefusedInput as refusal:
            form.add_error(None, str(refusal))
        else:
            for nexthop in change.channel.nexthops.all():
                ask_now(nexthop, by=reader(request), now=timezone.now())
            messages.success(request, _("Added as a draft. It reaches the relays with the next release."))
            return redirect("partner-detail", pk=change.channel_id)
    return render(request, "partners/entry_form.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@door("channel-edit")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Edit a channel as a draft change; a change by somebody else in between is told and nothing is lost."""
    page = channel_page(reader(request), pk)
    if page is None:
        raise Http404
    channel = page.channel
    start = {name: getattr(channel, name) for name in ("level", "match", "agreed", "basis")}
    start |= {"nexthops": " ".join(page.keys), **proposed_fields(request.GET)}
    form = EntryForm(request.POST or None, initial=start)
    version = request.POST.get("version", str(channel.version))
    if request.method == "POST" and form.is_valid():
        fields = {**form.cleaned_data, "nexthops": form.cleaned_data["nexthops"].split()}
        try:
            acts.edit_channel(
                channel,
                fields,
                version=whole(version),
                by=reader(request),
                now=timezone.now(),
            )
        except (RefusedInput, ActionRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            if fields["level"] != channel.level:  # another level may ask for another session
                for nexthop in page.channel.nexthops.all():
                    ask_now(nexthop, by=reader(request), now=timezone.now())
            messages.success(request, _("Saved as a draft. It reaches the relays with the next release."))
            return redirect("partner-detail", pk=pk)
    fields = {**start, "nexthops": start["nexthops"].split()}
    context = {"form": form, "page": page, "version": version}
    if request.method == "GET":
        now = timezone.now()
        context |= {"preview": what_if(fields, channel, now=now), "proposals": proposals(channel, now=now)}
    return render(request, "partners/entry_form.html", context, status=422 if form.errors else 200)
