"""The read-only view into the tables, for a person of the mail team who looks for a row."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models
from django.shortcuts import redirect

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # generic for the type checker alone

# Columns that open a door, or would if they were guessed.
_SECRET_WORDS = ("password", "token", "secret", "lease", "private_key")
# Kept as hashes of random secrets: useless to a reader, and still no reader's business.
_HASHED = {"Invitation": "sha256", "RelayToken": "sha256", "VantageToken": "sha256", "WallLink": "sha256"}


class ReadOnlyAdmin(_ModelAdmin):
    """Show rows and their columns, except those that are secret; write nothing."""

    actions = None

    def get_fields(self, request: "HttpRequest", obj: Any = None) -> Any:  # noqa: ARG002  Django's signature
        """Return every column whose name does not speak of a secret."""
        return [
            field.name
            for field in self.model._meta.get_fields()  # noqa: SLF001  Django's documented model API
            if isinstance(field, models.Field)
            and not any(word in field.name for word in _SECRET_WORDS)
            and _HASHED.get(self.model.__name__) != field.name
        ]

    def lookup_allowed(self, lookup: str, value: str, request: "HttpRequest | None" = None) -> bool:
        """Refuse filters over a secret column: answers to many of them would spell it out."""
        is_secret = any(word in lookup for word in (*_SECRET_WORDS, "sha256"))
        return not is_secret and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

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
    """The admin with nothing in it but ReadOnlyAdmin; it has neither a sign-in nor a password form of its own."""

    site_header = "tlsportal"
    enable_nav_sidebar = False

    def login(self, request: "HttpRequest", extra_context: dict[str, Any] | None = None) -> "HttpResponse":  # noqa: ARG002
        """Send a stranger to the one sign-in page, which counts attempts and asks for the second factor."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or request.path)

    def password_change(self, request: "HttpRequest", extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Send a person to the one page that changes a password."""
        return redirect("account_change_password")


site = ReadOnlySite(name="admin")
for _model in apps.get_app_config("partners").get_models():
    site.register(_model, ReadOnlyAdmin)
