"""What every request passes: a bound on its body, what its links may tell, its id and outcome in the log."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.middleware.gzip import GZipMiddleware
from django_structlog.middlewares.request import RequestMiddleware

from partners.web.failures import not_a_page, too_large
from tlsportal.logging import redact

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

    GetResponse = Callable[[HttpRequest], HttpResponseBase]

_PATH_LIMIT = 200
_DIGITS_MAX = 15
_CHUNK = 64 * 1024
_DRAIN_FACTOR = 8  # a browser shows the refusal only once its body was taken; more than this is cut off
log = structlog.get_logger(__name__)


class BodyLimitMiddleware:
    """Refuse a body over the limit, or of no stated length, before anything of it is kept."""

    def __init__(self, get_response: "GetResponse") -> None:
        """Stand before *get_response*."""
        self.get_response = get_response

    def __call__(self, request: "HttpRequest") -> "HttpResponseBase":
        """Answer 413 or 411 with a page that says so, else pass the request on."""
        status = _refusal(request)
        if status is None:
            return self.get_response(request)
        log.warning("body_refused", code=int(status), ip=request.META.get("REMOTE_ADDR"))
        _drain(request)
        return too_large(request, status=status, limit=settings.BODY_MAX_BYTES)


class PageGzipMiddleware(GZipMiddleware):
    """Compress pages, and nothing else: maps keep the ETag of their bytes.

    Django pads what it compresses by a random number of bytes and masks its CSRF tokens, so that the length of a page
    does not spell out what is in it (BREACH).
    """

    def process_response(self, request: "HttpRequest", response: "HttpResponseBase") -> "HttpResponseBase":
        """Compress *response* where it is a page."""
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


class SecretLinkMiddleware:
    """Keep the address of a page whose address is a secret out of referrers."""

    def __init__(self, get_response: "GetResponse") -> None:
        """Stand before *get_response*."""
        self.get_response = get_response

    def __call__(self, request: "HttpRequest") -> "HttpResponseBase":
        """Add the policy where the path holds a secret.

        A page that came with a form would have its POST refused under no-referrer (browsers then send "Origin: null"),
        so it tells the origin, which holds no path.
        """
        answer = self.get_response(request)
        if redact(request.path) != request.path:
            is_page = answer.status_code == HTTPStatus.OK
            answer["Referrer-Policy"] = "strict-origin" if is_page else "no-referrer"
        return answer


class MethodMiddleware:
    """Let nobody who opens the address of a button in a browser meet an empty page."""

    def __init__(self, get_response: "GetResponse") -> None:
        """Stand before *get_response*."""
        self.get_response = get_response

    def __call__(self, request: "HttpRequest") -> "HttpResponseBase":
        """Pass the request on; a refused method comes back with a page."""
        return not_a_page(request, self.get_response(request))


class RequestLogMiddleware(RequestMiddleware):
    """Write one line per answered request, with an id that its other lines carry too."""

    @staticmethod
    def format_request(request: "HttpRequest") -> str:
        """Return method and path, without the query and without the parts of a path that are secret."""
        return f"{request.method} {redact(request.path)[:_PATH_LIMIT]}"

    @classmethod
    def bind_ip(cls, request: "HttpRequest") -> None:
        """Bind the peer's address; a forwarded one is a stranger's text and is left to the proxy's own log."""
        structlog.contextvars.bind_contextvars(ip=request.META.get("REMOTE_ADDR"))


def _refusal(request: "HttpRequest") -> HTTPStatus | None:
    """Return the status with which the body of *request* is refused, None if it may be read."""
    length = str(request.META.get("CONTENT_LENGTH") or "")
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        return HTTPStatus.LENGTH_REQUIRED
    if not length:
        return None  # no body: WSGI reads none without a length
    if not (length.isascii() and length.isdecimal()):
        return HTTPStatus.LENGTH_REQUIRED
    is_larger = len(length) > _DIGITS_MAX or int(length) > settings.BODY_MAX_BYTES
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_larger else None


def _drain(request: "HttpRequest") -> None:
    """Read and forget a bounded part of what the browser is sending; of an unknown length nothing."""
    stream, length = request.META.get("wsgi.input"), str(request.META.get("CONTENT_LENGTH") or "")
    most = settings.BODY_MAX_BYTES * _DRAIN_FACTOR
    left = min(int(length), most) if length.isdecimal() and len(length) <= _DIGITS_MAX else 0
    while stream is not None and left > 0:
        try:
            part = stream.read(min(_CHUNK, left))
        except OSError:
            return
        if not part:
            return
        left -= len(part)
