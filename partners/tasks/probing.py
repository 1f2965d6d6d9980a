"""What is due is probed: two queues, so that who waits for a result never stands behind the daily round."""

from celery import shared_task

from partners.tasks.rounds import Round

__all__ = ["probe_asked", "probe_due"]


@shared_task(name="partners.tasks.probing.probe_due")  # type: ignore[untyped-decorator]  # celery has no types
def probe_due() -> None:
    """Look up and speak to all that is due (queue probe)."""
    Round().run()


@shared_task(name="partners.tasks.probing.probe_asked")  # type: ignore[untyped-decorator]  # celery has no types
def probe_asked() -> None:
    """Look up and speak to what somebody asked for (queue control)."""
    Round(asked=True).run()
