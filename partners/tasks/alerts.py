"""States are kept true: what a release, the clock or a lost worker may have moved is judged again, and told."""

from celery import shared_task

from partners.actions.alerts import close_calm, escalate_due
from partners.actions.cycles import note_cycle
from partners.actions.judging import judge_due
from partners.actions.leases import database_now
from partners.actions.own_alarms import tell_own_troubles
from partners.actions.partners import end_relaxations
from partners.actions.relaxations import bring_back
from partners.tasks.delivering import deliver

__all__ = ["deliver_due", "end_lowered", "judge_stale"]

NEXTHOPS_MAX = 500  # at a time
TURNS_MAX = 20  # after a release all nexthops are due at once; what is left is the next tick's


@shared_task(name="partners.tasks.alerts.judge_stale")  # type: ignore[untyped-decorator]  # celery has no types
def judge_stale() -> None:
    """Judge what was not judged since the last release, or lately (queue control)."""
    for _ in range(TURNS_MAX):
        if judge_due(NEXTHOPS_MAX, now=database_now()) < NEXTHOPS_MAX:
            return


@shared_task(name="partners.tasks.alerts.end_lowered")  # type: ignore[untyped-decorator]  # celery has no types
def end_lowered() -> None:
    """Bring back what was lowered until now, and tell what no verdict tells (queue control)."""
    end_relaxations(now=database_now())
    bring_back(now=database_now())
    tell_own_troubles(now=database_now())


@shared_task(name="partners.tasks.alerts.deliver_due")  # type: ignore[untyped-decorator]  # celery has no types
def deliver_due() -> None:
    """End what is calm, tell once more what nobody looks after, and send all that is due (queue control)."""
    now = database_now()
    close_calm(now=now)
    escalate_due(now=now)
    deliver()
    note_cycle("alerts", now=database_now())
