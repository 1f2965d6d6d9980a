"""What waits for a second person: announced pins and invitations."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions import approvals as acts
from partners.actions.invitations import approve_invitation
from partners.models import Invitation, Pin
from partners.reports.approvals import inbox
from partners.web.access import door, reader


@require_safe
@door("approvals")
def show(request: HttpRequest) -> HttpResponse:
    """Show what waits, oldest first."""
    return render(request, "partners/approvals.html", {"inbox": inbox(now=timezone.now())})


@require_POST
@door("pin-decide")
def decide(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Say yes or no to a pin, or yes to an invitation."""
    by, now, word = reader(request), timezone.now(), request.POST.get("word", "")
    if kind == "invitation":
        approve_invitation(get_object_or_404(Invitation, pk=pk), by=by, now=now)
        messages.success(request, _("The link works from now on."))
    elif request.POST.get("act") == "approve":
        acts.approve_pin(get_object_or_404(Pin, pk=pk), by=by, now=now, word=word)
        messages.success(request, _("Approved. It stands beside the old pin with the next release."))
    elif request.POST.get("act") != "refuse":
        raise Http404
    else:
        acts.refuse_pin(get_object_or_404(Pin, pk=pk), by=by, now=now, word=word)
        messages.success(request, _("Refused. The partner reads your word."))
    return redirect("approvals")
