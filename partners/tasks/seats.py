"""One seat for each lane in a worker: its two processes never both work in one lane while the other lane waits.

A file without a name, opened before the fork, and a lock of the kernel on one byte of it per lane: a process that is
killed leaves none behind.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from typing import Final

__all__ = ["FAST", "SLOW", "seat"]

FAST: Final = 0
SLOW: Final = 1
_file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process


@contextlib.contextmanager
def seat(lane: int) -> Iterator[bool]:
    """Take the seat of *lane*, and say whether it was free."""
    try:
        fcntl.lockf(_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lane, os.SEEK_SET)
    except OSError:  # another process of this worker has it
        yield False
        return
    try:
        yield True
    finally:
        fcntl.lockf(_file, fcntl.LOCK_UN, 1, lane, os.SEEK_SET)
