"""The Django app that holds all rooms of the portal."""

from django.apps import AppConfig

from tlsportal.celery import app as celery_app

__all__ = ["PartnersConfig", "celery_app"]  # loaded here, so that the queues are known wherever Django is set up


class PartnersConfig(AppConfig):
    """One app: its rooms are divided by the import table, not by Django."""

    name = "partners"
    default_auto_field = "django.db.models.BigAutoField"
