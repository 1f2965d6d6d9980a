"""What waits for a second person: announced pins and invitations."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from partners.actions import approvals as acts
from partners.actions import invitations
from partners.actions.access import lone_acts_count, may_approve, single_operator_mode
from partners.models import Invitation, Pin, User
from partners.reports.approvals import inbox
from partners.web.access import door, reader
from partners.web.views.invitations import tell_way


@never_cache
@require_safe
@door("approvals")
def show(request: HttpRequest) -> HttpResponse:
    """Show what waits, oldest first, and which invitations are on their way."""
    by, now = reader(request), timezone.now()
    context = {
        "inbox": inbox(now=now, alone_counts=lone_acts_count()),
        "approves": may_approve(by),
        "alone": single_operator_mode(),
        "mailed": settings.MAIL_CONFIGURED,
        "now": now,
    }
    return render(request, "partners/approvals.html", context)


@never_cache
@require_POST
@door("pin-decide")
def decide(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Say yes or no to a pin or an invitation."""
    by, act = reader(request), request.POST.get("act")
    if act not in {"approve", "refuse"}:
        raise Http404
    if kind == "invitation":
        return _decide_invitation(request, get_object_or_404(Invitation, pk=pk), act=act, by=by)
    if kind != "pin":
        raise Http404
    pin, now, word = get_object_or_404(Pin, pk=pk), timezone.now(), request.POST.get("word", "")
    if act == "approve":
        acts.approve_pin(pin, by=by, now=now, word=word)
        messages.success(request, _("Approved. It stands beside the old pin with the next release."))
    else:
        acts.refuse_pin(pin, by=by, now=now, word=word)
        messages.success(request, _("Refused. The partner reads your word."))
    return redirect("approvals")


def _decide_invitation(request: HttpRequest, invitation: Invitation, *, act: str, by: User) -> HttpResponse:
    """Let a person in, whose link leaves then, or not."""
    if act == "approve":
        return tell_way(request, invitations.approve_invitation(invitation, by=by, now=timezone.now()))
    invitations.revoke_invitation(invitation, by=by, now=timezone.now())
    messages.success(request, _("Withdrawn. No link to it works."))
    return redirect("approvals")
