"""Acts on an entry that ask first: lower it until a day, take it out of the map, take a draft back."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from partners.actions.inforce import maps_in_force
from partners.actions.partners import lower_until, remove_channel, withdraw_change
from partners.core.errors import ActionRefused, RefusedInput
from partners.models import Channel
from partners.reports.drafts import open_change
from partners.reports.partners import visible_channels
from partners.web.access import door, reader, whole
from partners.web.forms.entry import field_of
from partners.web.forms.lowering import LoweringForm

__all__ = ["lower", "remove", "withdraw"]

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
@door("channel-lower")
def lower(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask less of a partner's servers until a day, for a reason; saved as a draft."""
    channel = _channel(request, pk)
    version = request.POST.get("version", str(channel.version))
    form = LoweringForm(request.POST if request.method == "POST" else None, channel=channel)
    if request.method == "POST" and form.is_valid():
        try:
            lower_until(
                channel,
                form.lowered,
                until=form.end,
                reason=form.cleaned_data["reason"],
                version=whole(version),
                by=reader(request),
                now=timezone.now(),
            )
        except (RefusedInput, ActionRefused) as refusal:
            form.add_error(field_of(form, f"{refusal.subject} {refusal.cause}"), refusal.told_in(_))
        else:
            messages.success(request, _("Saved as a draft. It reaches the relays with the next release."))
            return redirect("partner-detail", pk=pk)
    context = {"channel": channel, "keys": _keys(channel), "form": form, "version": version}
    return render(request, "partners/entry_lower.html", context, status=422 if form.errors else 200)


@require_http_methods(_METHODS)
@door("channel-remove")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask first, then draft that the entries of a channel leave the map."""
    channel = _channel(request, pk)
    if request.method == "POST":
        version = whole(request.POST.get("version", ""))
        remove_channel(channel, version=version, by=reader(request), now=timezone.now())
        messages.success(request, _("Saved as a draft: the entry leaves the map with the next release."))
        return redirect("partner-detail", pk=pk)
    levels = sorted({one.relay.smtp_tls_security_level.value for one in maps_in_force()})
    context = {"channel": channel, "keys": _keys(channel), "levels": levels}
    return render(request, "partners/entry_remove.html", context)


@require_http_methods(_METHODS)
@door("change-withdraw")
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask first, then take back a change that is in no release."""
    row = open_change(pk)
    if row is None:
        raise Http404
    channel = _channel(request, row.change.channel_id)
    if request.method == "POST":
        withdraw_change(row.change, by=reader(request), now=timezone.now())
        messages.success(request, _("Taken back. It is in no release, and nothing moved on the relays."))
        return redirect("partner-detail", pk=channel.pk)
    return render(request, "partners/change_withdraw.html", {"channel": channel, "row": row})


def _channel(request: HttpRequest, pk: int) -> Channel:
    channel = visible_channels(reader(request)).select_related("partner").filter(pk=pk).first()
    if channel is None:
        raise Http404
    return channel


def _keys(channel: Channel) -> list[str]:
    return list(channel.nexthops.values_list("key", flat=True))
