"""How a person is named on a page."""

from partners.models import User

__all__ = ["name_of"]


def name_of(user: User | None) -> str:
    """Return the full name of *user*, else the address; "" for nobody."""
    return (user.get_full_name() or user.email) if user else ""
