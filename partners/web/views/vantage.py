"""What a probe elsewhere calls: claim and record, as JSON, with its token; over TLS or from this machine alone."""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from partners.actions.vantages import claim_for, record_report, vantage_of
from partners.core.errors import ActionRefused, RefusedInput
from partners.models import VantageToken
from partners.web.access import door

__all__ = ["claim", "record"]

_LOOPBACK = {"127.0.0.1", "::1"}


@csrf_exempt  # no cookie opens this door
@require_POST
@door("vantage-claim")
def claim(request: HttpRequest) -> HttpResponse:
    """Lease addresses that are due at the vantage of the token."""
    return _answered(request, claim_for)


@csrf_exempt
@require_POST
@door("vantage-record")
def record(request: HttpRequest) -> HttpResponse:
    """Keep facts on addresses that this vantage holds."""
    return _answered(request, lambda token, report: {"kept": record_report(token, report)})


def _answered(request: HttpRequest, act: Callable[[VantageToken, object], dict[str, object]]) -> HttpResponse:
    """Return what *act* makes of the body, or the refusal: 403 in the clear, 401, 429, 400."""
    if not request.is_secure() and request.META.get("REMOTE_ADDR") not in _LOOPBACK:
        return _refused(gettext("Use https: the token would travel in the clear."), 403)
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    try:
        token = vantage_of(secret.strip(), now=timezone.now()) if scheme.lower() == "bearer" else None
    except ActionRefused as refusal:
        answer = _refused(refusal.told_in(gettext), 429)
        answer["Retry-After"] = "60"
        return answer
    if token is None:
        answer = _refused(gettext("A vantage token is needed."), 401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    try:
        body = _body(request)
    except (ValueError, RecursionError):
        return _refused(gettext("The body is no JSON."), 400)
    try:
        return _private(JsonResponse(act(token, body)))
    except RefusedInput as refusal:
        return _refused(refusal.told_in(gettext), 400)


def _body(request: HttpRequest) -> object:
    """Return the JSON of the body; its size was bound before. Errors: ValueError, also for NaN and Infinity."""
    return json.loads(request.body.decode("utf-8"), parse_constant=_no_constant)


def _no_constant(text: str) -> object:
    raise ValueError(text)


def _refused(text: str, status: int) -> HttpResponse:
    return _private(JsonResponse({"refused": text}, status=status))


def _private(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = "no-store"
    return answer
