"""The page for our own fault: it needs no database, no session and no reader."""

import structlog
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from partners.web.preferences import chosen_theme


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that it was us, and give the id under which the log tells the cause."""
    reference = structlog.contextvars.get_contextvars().get("request_id", "")
    text = render_to_string("500.html", {"theme": chosen_theme(request), "reference": reference})
    return HttpResponse(text, status=500)
