"""Messages that are due leave one after the other; what holds one up holds nobody else's up for long."""

import time
from typing import Final

import structlog
from django.conf import settings

from partners.actions.leases import database_now
from partners.actions.notices import DeliveryClaim, claim_deliveries, record_failed, record_sent
from partners.models import NoticeTarget
from partners.notify import mail, webhook
from partners.notify.errors import DeliveryError
from partners.tasks.stopping import is_stopping

__all__ = ["deliver", "heartbeat"]

_AT_ONCE: Final = 5  # their lease is longer than so many time-outs
_LONGEST_SECONDS: Final = 25.0  # releases and "probe now" share the queue; the next tick goes on

log = structlog.get_logger(__name__)


def deliver() -> int:
    """Send what is due, for a bounded time, and return how many messages left."""
    ends, left = time.monotonic() + _LONGEST_SECONDS, 0
    while time.monotonic() < ends and not is_stopping():
        claims = claim_deliveries(_AT_ONCE, now=database_now())
        if not claims:
            break
        left += sum(_is_sent(claim) for claim in claims)
    return left


def heartbeat() -> None:
    """Tell whoever watches from outside that a cycle came to its end; their trouble is none of ours."""
    if settings.HEARTBEAT_URL:
        try:
            webhook.beat(settings.HEARTBEAT_URL)
        except DeliveryError as cause:
            log.warning("heartbeat.lost", cause=str(cause))


def _is_sent(claim: DeliveryClaim) -> bool:
    """Send one message and note what came of it."""
    send = webhook.send if claim.delivery.via == NoticeTarget.Via.WEBHOOK else mail.send
    try:
        send(claim.delivery)
    except DeliveryError as cause:
        record_failed(claim, str(cause), permanent=cause.permanent, now=database_now())
        return False
    except Exception as cause:
        # A message that cannot be written must hold up no other one, and must not be forgotten.
        log.exception("alert.unwritten", delivery=claim.delivery.pk)
        record_failed(claim, f"{type(cause).__name__}: {cause}", permanent=False, now=database_now())
        return False
    record_sent(claim, now=database_now())
    return True
