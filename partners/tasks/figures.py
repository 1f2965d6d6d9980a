"""The figures of a large estate are counted ahead, so that pages need not."""

import time

from celery import shared_task

from partners.actions.figures import is_figures_due, keep_ends, keep_figures, note_uses, seal_days
from partners.actions.leases import database_now
from partners.models import ChannelEnd
from partners.reports.figures import all_endings, estate_figures
from partners.reports.forecast import Ending
from partners.reports.kept import ESTATE

__all__ = ["count_estate", "count_figures"]


@shared_task(name="partners.tasks.figures.count_figures")  # type: ignore[untyped-decorator]  # celery has no types
def count_figures() -> None:
    """Seal the days that are over, and count the estate again where that is due (queue control)."""
    now = database_now()
    seal_days(now=now)
    if is_figures_due(ESTATE, now=now):
        count_estate()


def count_estate() -> int:
    """Count the whole estate as of now; return how many agreements there are."""
    begun, now = time.monotonic(), database_now()
    found: list[Ending] = []
    for channels, ends in all_endings(now=now):
        keep_ends(channels, [_row(one) for one in ends])
        found += ends
    note_uses()
    size, figures = estate_figures(found, now=now)
    keep_figures(ESTATE, size, figures, seconds=time.monotonic() - begun, now=now)
    return size


def _row(one: Ending) -> ChannelEnd:
    return ChannelEnd(
        channel_id=one.channel,
        state=one.state,
        at=one.at,
        last_at=max(one.ends),
        pinned=one.pinned,
        succeeded=one.succeeded,
        ends=[int(end.timestamp()) for end in one.ends],
        subject=one.subject,
    )
