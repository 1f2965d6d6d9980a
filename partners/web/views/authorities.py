"""A partner's own CA (tafile=): trusted for one channel alone, added and taken away as a draft change."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from partners.actions.certificates import add_authority, remove_authority
from partners.core.errors import RefusedInput
from partners.reports.partners import visible_channels
from partners.web.access import door, reader

__all__ = ["change"]

UPLOAD_MAX = 64 * 1024


@require_POST
@door("channel-authority")
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Add the CA that was uploaded or pasted, or take one away."""
    person, now = reader(request), timezone.now()
    channel = visible_channels(person).filter(pk=pk).first()
    if channel is None:
        raise Http404
    if remove := request.POST.get("remove", ""):
        remove_authority(channel, remove, by=person, now=now)
    else:
        add_authority(channel, _content(request), by=person, now=now)
    messages.success(request, _("Saved as a draft. It reaches the relays with the next release."))
    return redirect("channel-edit", pk=pk)


def _content(request: HttpRequest) -> bytes:
    """Return what was uploaded or pasted, a bounded number of bytes."""
    upload = request.FILES.get("certificate")
    content = upload.read(UPLOAD_MAX + 1) if upload else request.POST.get("pasted", "").encode()
    if len(content) > UPLOAD_MAX:
        raise RefusedInput(_("CA certificate"), _("it is larger than 64 KB"), _("send the certificates alone"))
    return content
