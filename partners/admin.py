"""The read-only view into the tables, for a person of the mail team who looks for a row."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.db import models

if TYPE_CHECKING:
    from django.http import HttpRequest

    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # generic for the type checker alone

# Columns that open a door, or would if they were guessed.
_SECRET_WORDS = ("password", "token", "secret", "lease")


class ReadOnlyAdmin(_ModelAdmin):
    """Show rows and their columns, except those that are secret; write nothing."""

    actions = None

    def get_fields(self, request: "HttpRequest", obj: Any = None) -> list[str]:  # noqa: ARG002  Django's signature
        """Return every column whose name does not speak of a secret."""
        return [
            field.name
            for field in self.model._meta.get_fields()  # noqa: SLF001  Django's documented model API
            if isinstance(field, models.Field) and not any(word in field.name for word in _SECRET_WORDS)
        ]

    def has_add_permission(self, request: "HttpRequest", obj: Any = None) -> bool:  # noqa: ARG002
        """Never: only actions write."""
        return False

    def has_change_permission(self, request: "HttpRequest", obj: Any = None) -> bool:  # noqa: ARG002
        """Never: only actions write."""
        return False

    def has_delete_permission(self, request: "HttpRequest", obj: Any = None) -> bool:  # noqa: ARG002
        """Never: only actions write."""
        return False


class ReadOnlySite(admin.AdminSite):
    """The admin with nothing in it but ReadOnlyAdmin; it has no sign-in of its own."""

    site_header = "tlsportal"
    enable_nav_sidebar = False


site = ReadOnlySite(name="admin")
for _model in apps.get_app_config("partners").get_models():
    site.register(_model, ReadOnlyAdmin)
