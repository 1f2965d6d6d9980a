"""The partner's own pages: how their servers are seen, and the next certificate."""

import base64

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions import certificates as acts
from partners.core.errors import CertificateRefused
from partners.core.wording import told
from partners.models import Pin
from partners.reports.partners import own_channels
from partners.reports.portal import PortalPage, portal_page
from partners.reports.portal_upload import Refusal, readout, reason_not_to_send
from partners.web.access import door, reader
from partners.web.codes import code_of, number_of

UPLOAD_MAX = 64 * 1024


@require_safe
@door("portal-home")
def home(request: HttpRequest) -> HttpResponse:
    """Show the partner's channel; with several, the first or the one chosen."""
    now = timezone.now()
    asked = request.GET.get("channel", "")
    chosen = number_of(asked) or 0
    page = portal_page(reader(request), chosen, now=now)
    if (asked and not chosen) or (chosen and page is None):
        raise Http404
    return render(request, "partners/portal_home.html", {"page": page, "now": now})


@require_safe
@door("portal-help")
def show_help(request: HttpRequest) -> HttpResponse:
    """Explain what is asked of a partner, and how to see it by hand."""
    keys = [nexthop.key for channel in own_channels(reader(request)) for nexthop in channel.nexthops.all()]
    return render(request, "partners/portal_help.html", {"key": keys[0] if keys else "example.com"})


@require_POST
@door("portal-upload")
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Read a certificate or fingerprint and show what was understood; nothing is kept yet."""
    page = _own_page(request, pk)
    content = _content(request)
    try:
        seen = acts.preview(content)
    except CertificateRefused as refused:
        return _refuse(request, page, Refusal(told(refused.cause, _), told(refused.cure, _)))
    refusal = reason_not_to_send(page, seen.leaf, seen.digests, now=timezone.now())
    if refusal is not None:
        return _refuse(request, page, refusal)
    context = {
        "page": page,
        "seen": readout(page, seen.leaf, seen.digests, seen.key_digests, now=timezone.now()),
        "has_key": bool(seen.key_digests),
        "more": len(seen.others),
        "content": base64.b64encode(content).decode(),
        "file_name": _file_name(request),
    }
    return render(request, "partners/portal_upload.html", context)


@require_POST
@door("portal-submit")
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand in what was shown: a proposed pin."""
    page = _own_page(request, pk)
    try:
        content = base64.b64decode(request.POST.get("content", ""), validate=True)[: UPLOAD_MAX + 1]
        seen = acts.preview(content)
    except ValueError as cause:  # not base64, or not ASCII at all
        raise Http404 from cause
    except CertificateRefused as refused:
        return _refuse(request, page, Refusal(told(refused.cause, _), told(refused.cure, _)))
    refusal = reason_not_to_send(page, seen.leaf, seen.digests, now=timezone.now())
    if refusal is not None:
        return _refuse(request, page, refusal)
    of_key = request.POST.get("of_key") == "yes"
    acts.submit(page.channel, content, by=reader(request), now=timezone.now(), of_key=of_key)
    messages.success(request, _("Sent. Please do not switch yet: this page says when it is safe."))
    return _home_of(page.channel.pk)


@require_POST
@door("portal-withdraw")
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a proposed pin of the partner's own channel back."""
    own = [channel.pk for channel in own_channels(reader(request))]  # asked first: foreign and missing cost the same
    pin = get_object_or_404(Pin.objects.select_related("channel__partner"), pk=pk, channel__in=own)
    acts.withdraw(pin, by=reader(request), now=timezone.now())
    messages.success(request, _("Taken back."))
    return _home_of(pin.channel_id)


def _own_page(request: HttpRequest, pk: int) -> PortalPage:
    page = portal_page(reader(request), pk, now=timezone.now()) if pk else None
    if page is None:
        raise Http404
    return page


def _home_of(channel: int) -> HttpResponse:
    return redirect(f"{reverse('portal-home')}?channel={code_of(channel)}")


def _refuse(request: HttpRequest, page: PortalPage, refusal: Refusal) -> HttpResponse:
    """Say in the same place why it is not taken, and what to do instead; nothing of it is shown or kept."""
    return render(request, "partners/portal_upload.html", {"page": page, "refusal": refusal}, status=422)


def _content(request: HttpRequest) -> bytes:
    """Return the uploaded file or the pasted text, at most one byte over the limit (the action refuses it then)."""
    file = request.FILES.get("certificate")
    if file is not None and not isinstance(file, list):
        return bytes(file.read(UPLOAD_MAX + 1))
    return request.POST.get("pasted", "").encode()[: UPLOAD_MAX + 1]


def _file_name(request: HttpRequest) -> str:
    """Return the name of the uploaded file as its sender knows it, "" for a pasted text."""
    file = request.FILES.get("certificate")
    return str(file.name)[:80] if file is not None and not isinstance(file, list) else ""
