"""Results that are kept for the next time, a bounded number of them.

An lru_cache keeps its arguments too, and a hostile peer makes those long; here the key is short, a digest of them.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["Kept", "joint_digest"]

V = TypeVar("V")


class Kept(Generic[V]):
    """At most *maximum* results by key; the oldest goes first."""

    def __init__(self, maximum: int) -> None:
        """Keep nothing yet."""
        self._found: dict[Hashable, V] = {}
        self._maximum = maximum

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return what is kept under *key*, or what *make* returns, which must depend on the key alone."""
        try:
            return self._found[key]
        except KeyError:
            made = make()
        self._found[key] = made
        while len(self._found) > self._maximum:
            self._found.pop(next(iter(self._found)), None)
        return made

    def __len__(self) -> int:
        return len(self._found)


def joint_digest(parts: Iterable[bytes]) -> bytes:
    """Return a digest of *parts* that tells where each ends."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(4, "big"))
        hashed.update(part)
    return hashed.digest()
