"""People and moments for tests of the actions."""

from datetime import UTC, datetime, timedelta

from partners.actions.access import give_role
from partners.models import Membership, Partner, User

__all__ = ["NOON", "approver", "editor", "member", "person"]

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def person(name: str, *roles: User.Role) -> User:
    """Return a new account with *roles*."""
    user = User.objects.create_user(f"{name}@house.example")
    for role in roles:
        give_role(user, role)
    return user


def editor(name: str = "eda") -> User:
    """Return a new editor."""
    return person(name, User.Role.EDITOR)


def approver(name: str = "ann") -> User:
    """Return a new approver who edits as well."""
    return person(name, User.Role.EDITOR, User.Role.APPROVER)


def member(partner: Partner, *, invited_by: User, name: str = "pat") -> User:
    """Return a new account on the side of *partner*."""
    user = person(name, User.Role.PARTNER)
    Membership.objects.create(partner=partner, user=user, invited_by=invited_by, since=NOON - timedelta(days=1))
    return user
