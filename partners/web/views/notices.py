"""Settings of the notices: whom alerts are told to, and what is set for one partner."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from partners.actions.access import may_approve
from partners.actions.targets import MadeTarget, add_target, remove_target, renew_secret, set_notices
from partners.core.errors import ActionRefused, RefusedInput
from partners.models import Channel, NoticeTarget, Partner
from partners.reports.notices import notices_of, target_rows
from partners.reports.settings import mail_state
from partners.reports.watch import watch_state
from partners.web.access import door, reader
from partners.web.forms.notices import PartnerNoticesForm, TargetForm

__all__ = ["partner_notices", "remove", "renew", "show"]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@door("notice-settings")
def show(request: HttpRequest) -> HttpResponse:
    """Show whom alerts are told to; an approver adds an address. A webhook's secret is shown this once."""
    by = reader(request)
    form = TargetForm(request.POST or None)
    if request.method == "POST" and not may_approve(by):
        raise Http404
    if request.method == "POST" and form.is_valid():
        try:
            made = add_target(**form.target, by=by, now=timezone.now())
        except (RefusedInput, ActionRefused) as refusal:
            form.add_error("address", str(refusal))
        else:
            if made.secret:
                return _page(request, TargetForm(), made=made)
            messages.success(request, _("Alerts are told to %s from now on.") % made.target.address)
            return redirect("notice-settings")
    return _page(request, form, status=422 if form.errors else 200)


@never_cache
@require_POST
@door("notice-renew")
def renew(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new secret for a webhook; the answer shows it this once."""
    target = get_object_or_404(NoticeTarget, pk=pk)
    return _page(request, TargetForm(), made=renew_secret(target, by=reader(request), now=timezone.now()))


@require_POST
@door("notice-remove")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell nothing more to an address."""
    target = get_object_or_404(NoticeTarget, pk=pk)
    remove_target(target, by=reader(request), now=timezone.now())
    messages.success(request, _("Nothing is told to %s any more.") % target.address)
    return redirect("notice-settings")


@require_http_methods(["GET", "HEAD", "POST"])
@door("partner-notices")
def partner_notices(request: HttpRequest, pk: int) -> HttpResponse:
    """Set whether a partner's contacts are told, and when the end of a certificate is an alarm."""
    partner = get_object_or_404(Partner, pk=pk)
    set_now = notices_of(partner)
    begin = {"contacts_told": set_now.contacts_told, "warn_percent": set_now.warn_percent}
    form = PartnerNoticesForm(request.POST if request.method == "POST" else None, initial=begin)
    channel = Channel.objects.filter(partner=partner).order_by("removed_at", "pk").first()
    if request.method == "POST" and form.is_valid():
        try:
            set_notices(partner, **form.cleaned_data, by=reader(request), now=timezone.now())
        except (RefusedInput, ActionRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved for %s.") % partner.name)
            return redirect("partner-detail", channel.pk) if channel else redirect("partner-list")
    context = {"form": form, "partner": partner, "channel": channel, "set_now": set_now, "mail": mail_state()}
    return render(request, "partners/partner_notices.html", context, status=422 if form.errors else 200)


def _page(request: HttpRequest, form: TargetForm, *, made: MadeTarget | None = None, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "targets": target_rows(),
        "made": made,
        "mail": mail_state(),
        "watch": watch_state(),
        "may_approve": may_approve(reader(request)),
    }
    return render(request, "partners/notice_settings.html", context, status=status)
