"""Who may sign in: the minimal account, an e-mail address and a password.

Sign-in (allauth), sessions and AUTH_USER_MODEL hang on this class; roles, memberships and the first migration come
with the schema.
"""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Make accounts that are named by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new account; without a password nobody can sign in until a link sets one."""
        if not email:
            raise ValueError("account: the e-mail address is missing")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new account that may see the read-only admin."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})


class User(AbstractUser):
    """A person; the e-mail address is the name to sign in with."""

    username = None  # type: ignore[assignment]  # Django's documented way to drop a column of AbstractUser
    email = models.EmailField(_("e-mail address"), unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Role(models.TextChoices):
        """The groups of the house; partners have no group but a Membership."""

        EDITOR = "editor", _("editor")
        APPROVER = "approver", _("approver")
        PARTNER = "partner", _("partner")
        MANAGEMENT = "management", _("management")

    objects = UserManager()  # type: ignore[assignment,misc]  # replaces AbstractUser's, as Django documents

    @cached_property
    def roles(self) -> frozenset[str]:
        """Names of the groups of this account; read once per request."""
        return frozenset(self.groups.values_list("name", flat=True))

    @property
    def is_mail_team(self) -> bool:
        """Whether this person edits or approves."""
        return bool(self.roles & {self.Role.EDITOR.value, self.Role.APPROVER.value})

    @property
    def sees_everything(self) -> bool:
        """Whether this person may read all partners: mail team and management, never a partner's account."""
        return self.Role.PARTNER.value not in self.roles and bool(
            self.roles & {self.Role.EDITOR.value, self.Role.APPROVER.value, self.Role.MANAGEMENT.value}
        )
