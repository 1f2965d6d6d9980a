"""How people are named on pages."""

from partners.models import User

__all__ = ["person_name"]


def person_name(user: User) -> str:
    """Return the full name of *user*, else the e-mail address."""
    return user.get_full_name() or user.email
