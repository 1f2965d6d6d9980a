"""The pages of failure that Django has no handler for: they need no database, no session and no reader."""

from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.translation import get_language_from_request, override

from partners.web.preferences import chosen_theme


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that it was us, and give the id under which the log tells the cause."""
    reference = structlog.contextvars.get_contextvars().get("request_id", "")
    text = render_to_string("500.html", {"theme": chosen_theme(request), "reference": reference})
    return HttpResponse(text, status=500)


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
