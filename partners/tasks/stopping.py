"""How a worker that is asked to stop tells the round in its child process.

TERM reaches the parent alone, and a child may be in the middle of a session that takes a minute. One byte of shared
memory, made before the fork, is all that both need; it has no lock that a killed child could leave behind.
"""

import mmap
from typing import Any

from celery.signals import worker_shutting_down

__all__ = ["is_stopping"]

_byte = mmap.mmap(-1, 1)


def is_stopping() -> bool:
    """Whether this worker was asked to stop."""
    return bool(_byte[0])


@worker_shutting_down.connect  # type: ignore[untyped-decorator]  # celery has no types
def _tell_children(**_signal: Any) -> None:
    _byte[0] = 1
