"""A hidden page that shows every component in every state, for whoever builds pages: /kit/, for staff only."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from partners.web.kit_rows import kit_rows


def show_kit(request: HttpRequest) -> HttpResponse:
    """Show the components with made-up rows; to anybody but staff the page does not exist."""
    if not getattr(request.user, "is_staff", False):
        raise Http404
    return render(request, "kit.html", {"kit": kit_rows()})
