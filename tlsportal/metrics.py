"""/metrics: numbers for Prometheus, with a token, or from this machine itself."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from partners.reports.metrics import metrics_text

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the numbers, else as if there were no such page but for what to send."""
    if not (_has_token(request) or _is_local(request)):
        answer = HttpResponse("A metrics token is needed.\n", status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    return HttpResponse(metrics_text(now=timezone.now()), content_type="text/plain; version=0.0.4; charset=utf-8")


def _has_token(request: HttpRequest) -> bool:
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    token = str(settings.METRICS_TOKEN)
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _is_local(request: HttpRequest) -> bool:
    """Whether this machine itself asks: what a proxy on it hands on is a stranger's, who only looks local."""
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"))
    return not settings.ALLAUTH_TRUSTED_PROXY_COUNT and not forwarded and request.META.get("REMOTE_ADDR") in _LOOPBACK
