"""The pages of failure that Django has no handler for: they need no database, no session and no reader."""

from http import HTTPStatus
from typing import Final

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import get_language_from_request, gettext, override

from partners.web.preferences import chosen_theme

_BARE: Final = "<!doctype html><title>tlsportal</title><h1>{heading}</h1><p>{lead}</p><p>{reference}</p>"


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that it was us, and give the id under which the log tells the cause."""
    reference = structlog.contextvars.get_contextvars().get("request_id", "")
    try:
        text = render_to_string("500.html", {"theme": chosen_theme(request), "reference": reference})
    except ValueError:  # a style sheet that nobody collected: then the page comes without it
        lead = gettext(
            "It is written to the log with its cause. The relays keep their map; mail is not touched by it. Please try "
            "again."
        )
        text = format_html(_BARE, heading=gettext("The portal failed at this."), lead=lead, reference=reference)
    return HttpResponse(text, status=500)


def not_understood(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that nothing was saved; under a name that is not ours, say under which one the portal is reached."""
    context = {"theme": chosen_theme(request), "is_elsewhere": isinstance(exception, DisallowedHost)}
    return HttpResponse(render_to_string("400.html", {**context, "ours": settings.PORTAL_URL}), status=400)


def too_many(request: HttpRequest) -> HttpResponse:
    """Say that this was tried too often, and when to try again; allauth asks for it by its name in the urls."""
    return HttpResponse(render_to_string("429.html", {"theme": chosen_theme(request)}), status=429)


def not_a_page(request: HttpRequest, refusal: HttpResponseBase) -> HttpResponseBase:
    """Give the empty *refusal* of a method a page, for whoever opened the address of a button in a browser."""
    if not isinstance(refusal, HttpResponseNotAllowed) or refusal.content or not request.accepts("text/html"):
        return refusal
    refusal.content = render_to_string("405.html", {"theme": chosen_theme(request)})
    return refusal


def too_large(request: HttpRequest, *, status: HTTPStatus, limit: int) -> HttpResponse:
    """Say that what was sent is too large, or that its length was not told, and how large it may be."""
    with override(get_language_from_request(request)):
        context = {
            "theme": chosen_theme(request),
            "limit_mb": f"{limit / 1024 / 1024:g}",
            "is_unknown": status is HTTPStatus.LENGTH_REQUIRED,
        }
        return HttpResponse(render_to_string("413.html", context), status=status)
