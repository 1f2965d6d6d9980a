"""What is due is probed: two queues, so that who waits for a result never stands behind the daily round.

A third one is the slow lane's, whose sessions may take minutes each.
"""

from celery import shared_task

from partners.actions.cycles import note_cycle
from partners.actions.leases import database_now
from partners.tasks.delivering import heartbeat
from partners.tasks.rounds import Round
from partners.tasks.seats import FAST, SLOW, seat

__all__ = ["probe_asked", "probe_due", "probe_slow"]


@shared_task(name="partners.tasks.probing.probe_due")  # type: ignore[untyped-decorator]  # celery has no types
def probe_due() -> None:
    """Look up and speak to all that is due (queue probe)."""
    with seat(FAST) as is_free:
        if not is_free:
            return
        counts = Round().run()
        note_cycle(
            "probe", now=database_now(), seconds=counts.seconds, nexthops=counts.nexthops, endpoints=counts.endpoints
        )
    heartbeat()


@shared_task(name="partners.tasks.probing.probe_slow")  # type: ignore[untyped-decorator]  # celery has no types
def probe_slow() -> None:
    """Speak to what the slow lane is left with (queue slow)."""
    with seat(SLOW) as is_free:
        if is_free:
            counts = Round(is_slow=True).run()
            note_cycle("slow", now=database_now(), seconds=counts.seconds, endpoints=counts.endpoints)


@shared_task(name="partners.tasks.probing.probe_asked")  # type: ignore[untyped-decorator]  # celery has no types
def probe_asked() -> None:
    """Look up and speak to what somebody asked for (queue control)."""
    Round(asked=True).run()
