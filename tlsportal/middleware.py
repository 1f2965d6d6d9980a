"""What every request passes: its id and outcome in the log."""

from typing import TYPE_CHECKING

import structlog
from django_structlog.middlewares.request import RequestMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest

# Names of URL parts that open a door; they never reach the log.
_SECRET_PARTS = frozenset({"key", "token", "uidb36"})
_PATH_LIMIT = 200


class RequestLogMiddleware(RequestMiddleware):
    """Write one line per answered request, with an id that its other lines carry too."""

    @staticmethod
    def format_request(request: "HttpRequest") -> str:
        """Return method and path, without the query and without the parts of a path that are secret."""
        path = request.path
        match = request.resolver_match
        for name, value in (match.kwargs if match else {}).items():
            if name in _SECRET_PARTS:
                path = path.replace(str(value), "***")
        return f"{request.method} {path[:_PATH_LIMIT]}"

    @classmethod
    def bind_ip(cls, request: "HttpRequest") -> None:
        """Bind the peer's address; a forwarded one is a stranger's text and is left to the proxy's own log."""
        structlog.contextvars.bind_contextvars(ip=request.META.get("REMOTE_ADDR"))
