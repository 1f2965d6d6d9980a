"""/healthz: are the database and the broker within reach, and does the watch go on?"""

from http import HTTPStatus

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from partners.reports.watch import watch_state

BROKER_TIMEOUT_SECONDS = 0.5
log = structlog.get_logger(__name__)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if both are reachable and no cycle is late, else 503; say which, and never why (that is in the log).

    late: the cycles that did not come to an end for TLSPORTAL_CYCLE_LATE_MINUTES; it is asked here and now, so that a
    dead worker cannot hide it.
    """
    reachable = {"database": _database_answers(), "broker": _broker_answers()}
    late = _late_cycles() if reachable["database"] else []
    healthy = all(reachable.values()) and not late
    status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"healthy": healthy, **reachable, "late": late}, status=status)


def _late_cycles() -> list[str]:
    try:
        return list(dict.fromkeys(name.partition(" ")[0] for name in watch_state().late))  # which one is ours to know
    except DatabaseError as fault:
        log.warning("watch_unknown", cause=str(fault))  # before the first migration there is no such table
        return []


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
