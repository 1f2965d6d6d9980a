"""/healthz: are the database and the broker within reach?"""

from http import HTTPStatus

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

BROKER_TIMEOUT_SECONDS = 0.5
log = structlog.get_logger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if both are reachable, else 503; say which, and never why (that is in the log)."""
    reachable = {"database": _database_answers(), "broker": _broker_answers()}
    healthy = all(reachable.values())
    status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"healthy": healthy, **reachable}, status=status)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as fault:
        log.warning("database_unreachable", cause=str(fault))
        return False
    return True


def _broker_answers() -> bool:
    url = settings.BROKER_URL.replace("redis+socket://", "unix://", 1)
    try:
        with redis.Redis.from_url(
            url, socket_timeout=BROKER_TIMEOUT_SECONDS, socket_connect_timeout=BROKER_TIMEOUT_SECONDS
        ) as client:
            return bool(client.ping())
    except redis.RedisError as fault:
        log.warning("broker_unreachable", cause=str(fault))
        return False
