"""The certificates of our own servers: kept by the mail team, read by partners."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from partners.actions.access import may_approve
from partners.actions.own_certificates import add_own, remove_own
from partners.core.errors import ActionRefused, RefusedInput
from partners.models import OwnCertificate
from partners.reports.own_side import own_certificates, own_pem
from partners.web.access import door, reader
from partners.web.forms.own_side import OwnCertificateForm
from partners.web.views.export import plain_text

__all__ = ["keep", "remove", "show", "show_pem"]


@require_http_methods(["GET", "HEAD", "POST"])
@door("own-certificates")
def keep(request: HttpRequest) -> HttpResponse:
    """Show what partners are told of our servers; an approver adds to it."""
    by, now = reader(request), timezone.now()
    form = OwnCertificateForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        if not may_approve(by):
            raise Http404
        if form.is_valid():
            try:
                add_own(form.cleaned_data["names"], form.content, by=by, now=now)
            except (RefusedInput, ActionRefused) as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, _("Partners read it from now on."))
                return redirect("own-certificates")
    context = {"rows": own_certificates(now=now), "form": form, "may_approve": may_approve(by)}
    return render(request, "partners/own_certificates.html", context, status=422 if form.errors else 200)


@require_POST
@door("own-certificate-remove")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a certificate out."""
    one = get_object_or_404(OwnCertificate.objects.select_related("certificate"), pk=pk)
    remove_own(one, by=reader(request), now=timezone.now())
    messages.success(request, _("Partners are told of it no more."))
    return redirect("own-certificates")


@require_safe
@door("portal-ours")
def show(request: HttpRequest) -> HttpResponse:
    """Show a partner what our servers show; nothing of it hangs on who asks."""
    return render(request, "partners/portal_ours.html", {"rows": own_certificates(now=timezone.now())})


@require_safe
@door("portal-ours-pem")
def show_pem(_request: HttpRequest, sha256: str) -> HttpResponse:
    """Hand out one of our certificates as a file."""
    pem = own_pem(sha256)
    if pem is None:
        raise Http404
    return plain_text(pem, file_name=f"{sha256[:16]}.pem")
