"""The first page after sign-in, by audience."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from partners.web.access import audiences_of, door

_FIRST = (("team", "partner-list"), ("management", "compliance"), ("partner", "portal-home"))


@door("home")
def home(request: HttpRequest) -> HttpResponse:
    """Lead each audience to its own first page."""
    audiences = audiences_of(request.user)
    return redirect(next(name for audience, name in _FIRST if audience in audiences))


def lost(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing here; the same words whether it never was or is not the reader's."""
    return render(request, "404.html", status=404)
