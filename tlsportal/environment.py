"""The readers of the TLSPORTAL_* variables; what they are for stands in settings.py.

Each variable can be given as TLSPORTAL_*_FILE too: then its value is read from that file (for secrets). An empty one is
taken as not set. Errors, of all: ImproperlyConfigured names the variable and what it must be.
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

__all__ = ["text", "whole_number", "words"]


def text(name: str, default: str = "") -> str:
    """Return the variable TLSPORTAL_*name* (or the content of its file) without outer space, else *default*."""
    path = os.environ.get(f"TLSPORTAL_{name}_FILE", "")
    if not path:
        return os.environ.get(f"TLSPORTAL_{name}", "").strip() or default
    try:
        return Path(path).read_text(encoding="utf-8").strip() or default
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "this is no text"
        raise ImproperlyConfigured(
            f"TLSPORTAL_{name}_FILE: {path}: {reason}. It must be a file that user {os.geteuid()} may read."
        ) from cause


def words(name: str) -> list[str]:
    """Return the comma separated words of TLSPORTAL_*name*."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def whole_number(name: str, default: int, *, least: int, most: int) -> int:
    """Return TLSPORTAL_*name* as a number between *least* and *most*."""
    given = text(name, str(default))
    if not given.isascii() or not given.isdecimal() or not least <= int(given) <= most:
        raise ImproperlyConfigured(f"TLSPORTAL_{name}: {given!r} is not a whole number from {least} to {most}.")
    return int(given)
