"""Made-up rows for the kit page, in the shapes that the components take."""

from typing import Any


def kit_rows() -> dict[str, Any]:
    """Return one row or list for each component."""
    return {}
