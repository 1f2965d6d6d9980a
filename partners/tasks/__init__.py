"""Celery doors: each wakes, claims rows through an action and reports to an action."""

from partners.tasks import alerts, figures, probing, retention, standings

__all__ = ["alerts", "figures", "probing", "retention", "standings"]  # named here, so that Celery finds them
