"""Invite a partner's contact, and follow the link."""

from datetime import timedelta

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
from django.views.decorators.http import require_http_methods, require_POST

from partners.actions import invitations as acts
from partners.actions.sending import hand_over
from partners.core.errors import PortalError, StaleRefused
from partners.models import Invitation, Partner, User
from partners.web.access import door, reader

LINK_COOKIE = "__Secure-invitation" if settings.HTTPS else "tlsportal_invitation"
_COOKIE_LIFETIME = timedelta(hours=1)


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
    """Ask for a contact of the partner to be let in; the link goes to the contact once two people agreed."""
    partner, by, now = get_object_or_404(Partner, pk=pk), reader(request), timezone.now()
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            invited = acts.invite(form.cleaned_data["email"], User.Role.PARTNER, partner=partner, by=by, now=now)
        except PortalError as refusal:
            form.add_error(None, refusal.told_in(_))
        else:
            return tell_way(request, invited)
    context = {"form": form, "partner": partner, "mailed": settings.MAIL_CONFIGURED}
    return render(request, "partners/partner_invite.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
@door("invitation-send")
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a fresh link for an agreed invitation and send it; the old one is dead."""
    invitation = get_object_or_404(Invitation, pk=pk)
    return tell_way(request, acts.send_again(invitation, by=reader(request), now=timezone.now()))


def tell_way(request: HttpRequest, invited: acts.Invited) -> HttpResponse:
    """Hand the link of *invited* over and say how it went: shown here only where the portal sends no mail.

    A mail that failed is told with 200: the invitation stands, and a proxy may put its own page in the place of a 502.
    """
    handed = hand_over(invited, by=reader(request), now=timezone.now())
    context = {"invitation": invited.invitation, "waits": invited.waits, "handed": handed}
    return render(request, "partners/invitation_sent.html", context)


@never_cache
@require_http_methods(["GET", "HEAD"])
@door("invitation-follow")
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Take the token out of the address at once: into a cookie of this door, away from histories and referrers."""
    answer = redirect("invitation-accept")
    answer.set_cookie(
        LINK_COOKIE,
        token,
        max_age=_COOKIE_LIFETIME,
        path=reverse("invitation-accept"),
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",  # the link is followed from a mail program, which may be a page of another site
    )
    return answer


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@door("invitation-accept")
def accept(request: HttpRequest) -> HttpResponse:
    """Show the invitation (GET), consume it (POST); every unusable link gets the same words."""
    token, now = request.COOKIES.get(LINK_COOKIE, ""), timezone.now()
    person = request.user if isinstance(request.user, User) else None
    form = WelcomeForm(request.POST or None) if person is None else forms.Form(request.POST or None)
    try:
        invitation = acts.open_invitation(token, now=now)
        account = acts.account_of(invitation)
        state = _state(invitation, person, account)
        if request.method == "POST" and not state and (form.is_valid() or person):
            user = acts.accept(token, now=now, user=person, **form.cleaned_data)
            return _welcome(request, user, is_new=person is None)
    except StaleRefused as refusal:
        return _forget(render(request, "partners/invitation_gone.html", {"refusal": refusal}, status=410))
    except PortalError as refusal:
        form.add_error(None, refusal.told_in(_))
    context = {"form": form, "invitation": invitation, "state": state, "person": person}
    status = 403 if state and request.method == "POST" else 422 if form.errors else 200
    return render(request, "partners/invitation_accept.html", context, status=status)


def _state(invitation: Invitation, person: User | None, account: User | None) -> str:
    """Return what keeps this browser from accepting: "other" account, "sign-in" first, or nothing."""
    if person is not None and person.email != invitation.email:
        return "other"
    return "sign-in" if person is None and account is not None else ""


def _welcome(request: HttpRequest, user: User, *, is_new: bool) -> HttpResponse:
    """Sign a new account in, under a new session key, and lead to its first page."""
    if is_new:
        login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    messages.success(request, _("Welcome."))
    return _forget(redirect("home"))


def _forget(answer: HttpResponse) -> HttpResponse:
    """Take the token out of the browser: it is of no use any more."""
    answer.delete_cookie(LINK_COOKIE, path=reverse("invitation-accept"), samesite="Lax")
    return answer
