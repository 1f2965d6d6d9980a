"""States are kept true: what a release, the clock or a lost worker may have moved is judged again."""

from celery import shared_task

from partners.actions.judging import judge_due
from partners.actions.leases import database_now
from partners.actions.partners import end_relaxations

__all__ = ["end_lowered", "judge_stale"]

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
    """Write the changes that bring back what was lowered until now (queue control)."""
    end_relaxations(now=database_now())
