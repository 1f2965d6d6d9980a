"""One connection per remote address, also where several processes of this machine probe at once.

Each process locks one byte of a file that they share, far out, where the hash of the address says; the file stays
empty. A process that dies gives its locks back. Two addresses with one hash wait for each other, which does no harm.
"""

import fcntl
import hashlib
import os
import tempfile

__all__ = ["Turnstile"]

_PLACES = (1 << 62) - 1


class Turnstile:
    """The side of one process. Two sides in one process do not see each other: POSIX locks belong to the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def several(cls, count: int) -> list["Turnstile"]:
        """Return *count* sides of one file without a name, each for a process that is forked later."""
        with tempfile.TemporaryFile() as file:
            return [cls(os.dup(file.fileno())) for _ in range(count)]

    def enter(self, address: str) -> bool:
        """Whether *address* was free and is this process's now."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(address))
        except BlockingIOError:
            return False
        return True

    def leave(self, address: str) -> None:
        """Let the others have *address*."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _place(address))


def _place(address: str) -> int:
    return int.from_bytes(hashlib.blake2b(address.encode(), digest_size=8).digest()) & _PLACES
