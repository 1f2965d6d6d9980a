"""What is kept: the rows of the portal."""

from partners.models.accounts import User

__all__ = ["User"]
