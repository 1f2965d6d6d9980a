"""When the servers of a partner are looked at."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from partners.actions.probe_hours import set_probe_hours
from partners.core.errors import ActionRefused, RefusedInput
from partners.models import Channel, Partner
from partners.web.access import door, reader, whole
from partners.web.forms.probe_hours import ProbeHoursForm

__all__ = ["change"]


@require_http_methods(["GET", "HEAD", "POST"])
@door("partner-hours")
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Set how often a partner's servers are looked at, and in which hours not at all."""
    by, partner = reader(request), get_object_or_404(Partner, pk=pk)
    begin = {"minutes": partner.probe_minutes, "quiet_from": partner.quiet_from, "quiet_until": partner.quiet_until}
    form = ProbeHoursForm(request.POST if request.method == "POST" else None, initial=begin)
    channel = Channel.objects.filter(partner=partner).order_by("removed_at", "pk").first()
    seen = request.POST.get("version", str(partner.version))
    if request.method == "POST" and form.is_valid():
        try:
            set_probe_hours(partner, **form.cleaned_data, version=whole(seen), by=by, now=timezone.now())
        except (RefusedInput, ActionRefused) as refusal:
            form.add_error(None, refusal.told_in(_))
        else:
            messages.success(request, _("Saved for %s.") % partner.name)
            return redirect("partner-detail", channel.pk) if channel else redirect("partner-list")
    zone = settings.TIME_ZONE
    context = {"form": form, "partner": partner, "channel": channel, "version": seen, "zone": zone}
    return render(request, "partners/partner_hours.html", context, status=422 if form.errors else 200)
