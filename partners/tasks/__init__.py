"""Celery doors: each wakes, claims rows through an action and reports to an action."""

from partners.tasks import alerts, domains, figures, probing, retention, standings

__all__ = ["alerts", "domains", "figures", "probing", "retention", "standings"]  # named here, so that Celery finds them
