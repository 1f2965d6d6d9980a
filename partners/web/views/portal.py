"""The partner's own pages: how their servers are seen, and the next certificate."""

import base64

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions import certificates as acts
from partners.core.errors import CertificateRefused
from partners.models import Pin
from partners.reports.partners import ChannelPage, channel_page, own_channels
from partners.web.access import door, reader, whole

UPLOAD_MAX = 64 * 1024


@require_safe
@door("portal-home")
def home(request: HttpRequest) -> HttpResponse:
    """Show the partner's channel; with several, the first or the one chosen."""
    channels = own_channels(reader(request))
    chosen = request.GET.get("channel", "")
    pk = whole(chosen) or (channels[0].pk if channels else 0)
    page = channel_page(reader(request), pk) if pk else None
    if pk and page is None:
        raise Http404
    return render(request, "partners/portal_home.html", {"page": page, "channels": channels})


@require_POST
@door("portal-upload")
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Read a certificate or fingerprint and show what was understood; nothing is kept yet."""
    page = _own_page(request, pk)
    content = _content(request)
    try:
        seen = acts.preview(content)
    except CertificateRefused as refusal:
        return render(request, "partners/portal_upload.html", {"page": page, "refusal": refusal}, status=422)
    context = {"page": page, "seen": seen, "content": base64.b64encode(content).decode()}
    return render(request, "partners/portal_upload.html", context)


@require_POST
@door("portal-submit")
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand in what was shown: a proposed pin."""
    page = _own_page(request, pk)
    try:
        content = base64.b64decode(request.POST.get("content", ""), validate=True)
    except ValueError as cause:  # not base64, or not ASCII at all
        raise Http404 from cause
    of_key = request.POST.get("of_key") == "yes"
    acts.submit(page.channel, content[:UPLOAD_MAX], by=reader(request), now=timezone.now(), of_key=of_key)
    messages.success(request, _("Sent. Please do not switch yet: this page says when it is safe."))
    return redirect("portal-home")


@require_POST
@door("portal-withdraw")
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a proposed pin of the partner's own channel back."""
    pin = Pin.objects.select_related("channel__partner").filter(pk=pk).first()
    if pin is None or channel_page(reader(request), pin.channel_id) is None:
        raise Http404
    acts.withdraw(pin, by=reader(request), now=timezone.now())
    messages.success(request, _("Taken back."))
    return redirect("portal-home")


def _own_page(request: HttpRequest, pk: int) -> ChannelPage:
    page = channel_page(reader(request), pk)
    if page is None:
        raise Http404
    return page


def _content(request: HttpRequest) -> bytes:
    """Return the uploaded file or the pasted text, at most one byte over the limit (the action refuses it then)."""
    file = request.FILES.get("certificate")
    if file is not None and not isinstance(file, list):
        return bytes(file.read(UPLOAD_MAX + 1))
    return request.POST.get("pasted", "").encode()[: UPLOAD_MAX + 1]
