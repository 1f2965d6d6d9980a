"""Celery doors: each wakes, claims rows through an action and reports to an action."""
