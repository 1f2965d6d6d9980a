"""Celery doors: each wakes, claims rows through an action and reports to an action."""

from partners.tasks import alerts, probing, retention

__all__ = ["alerts", "probing", "retention"]  # named here, so that Celery finds them
