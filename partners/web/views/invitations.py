"""Invite a partner's contact, and follow the link."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from partners.actions import invitations as acts
from partners.core.errors import PortalError, RefusedInput
from partners.models import Partner, User
from partners.web.access import door, reader


class InviteForm(forms.Form):
    """Whom to invite."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"))


class WelcomeForm(forms.Form):
    """Name and password of a new account."""

    name = forms.CharField(label=gettext_lazy("Your name"), max_length=150)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        validators=[validate_password],
        help_text=gettext_lazy("12 characters or more."),
    )


@never_cache
@require_http_methods(["GET", "POST"])
@door("partner-invite")
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a link for a contact of the partner; it is shown once."""
    partner = get_object_or_404(Partner, pk=pk)
    form = InviteForm(request.POST or None)
    made = None
    if request.method == "POST" and form.is_valid():
        try:
            made = acts.invite(
                form.cleaned_data["email"],
                User.Role.PARTNER,
                partner=partner,
                by=reader(request),
                now=timezone.now(),
            )
        except PortalError as refusal:
            form.add_error(None, str(refusal))
    link = settings.PORTAL_URL + reverse("invitation-accept", args=[made.token]) if made else ""
    context = {"form": form, "partner": partner, "made": made, "link": link}
    return render(request, "partners/partner_invite.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
@door("invitation-accept")
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Show the invitation (GET), consume it (POST); every unusable link gets the same words."""
    try:
        invitation = acts.open_invitation(token, now=timezone.now())
    except PortalError as refusal:
        return render(request, "partners/invitation_gone.html", {"refusal": refusal}, status=410)
    form = WelcomeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = request.user if isinstance(request.user, User) else None
        try:
            user = acts.accept(token, now=timezone.now(), user=person, **form.cleaned_data)
        except (RefusedInput, PortalError) as refusal:
            form.add_error(None, str(refusal))
        else:
            if person is None:
                login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
            messages.success(request, _("Welcome."))
            return redirect("home")
    context = {"form": form, "invitation": invitation}
    return render(request, "partners/invitation_accept.html", context, status=422 if form.errors else 200)
