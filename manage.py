#!/usr/bin/env python3
"""The one command of tlsportal: `python3 manage.py up` is the beginning; most other words go to Django."""

import sys

if sys.version_info < (3, 11):
    # This file must parse on every Python, so that the refusal is a sentence and not a traceback.
    sys.exit(
        "tlsportal: Python 3.11 or newer is needed, but this is Python %d.%d. "
        "Debian 12 and 13 have it as python3." % tuple(sys.version_info[:2])
    )

from tlsportal import bootstrap

if __name__ == "__main__":
    bootstrap.enter(sys.argv)  # starts again inside .venv; below it, the packages are there
    if sys.argv[1:2] == ["predict"] and "--jsonl" in sys.argv:
        from tlsportal.stream import run  # without Django it starts at once, and is a third of the size
    else:
        from tlsportal.command_line import run

    sys.exit(run(sys.argv))
