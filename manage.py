#!/usr/bin/env python3
"""The one command of tlsportal: `python3 manage.py up` is the beginning; any other word goes to Django."""

import os
import sys

if sys.version_info < (3, 11):
    # This file must parse on every Python, so that the refusal is a sentence and not a traceback.
    sys.exit(
        "tlsportal: Python 3.11 or newer is needed, but this is Python %d.%d. "
        "Debian 12 and 13 have it as python3." % tuple(sys.version_info[:2])
    )

from tlsportal import bootstrap


def main():
    """Enter .venv (made and filled if need be), then run the command."""
    bootstrap.enter(sys.argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tlsportal.settings")
    bootstrap.run(sys.argv)


if __name__ == "__main__":
    main()
