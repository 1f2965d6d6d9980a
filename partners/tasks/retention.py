"""History is kept as long as the settings say."""

from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings

from partners.actions.cycles import forget_rounds
from partners.actions.leases import database_now
from partners.actions.retention import prune

__all__ = ["prune_history"]

TURNS_MAX = 20  # what is left is the next tick's

log = structlog.get_logger(__name__)


@shared_task(name="partners.tasks.retention.prune_history")  # type: ignore[untyped-decorator]  # celery has no types
def prune_history() -> None:
    """Take away what ended before TLSPORTAL_KEEP_DAYS (queue control)."""
    for _ in range(TURNS_MAX):
        pruned = prune(keep=timedelta(days=settings.KEEP_DAYS), now=database_now())
        if any(getattr(pruned, name) for name in pruned.__slots__):
            log.info("history.pruned", **{name: getattr(pruned, name) for name in pruned.__slots__})
        is_more_left = forget_rounds(now=database_now())
        if not (pruned.is_more_left or is_more_left):
            return
