"""Results that are kept for the next time, a bounded number of them.

An lru_cache keeps its arguments too, and a hostile peer makes those long; here the key is short, a digest of them.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["Kept", "joint_digest"]

V = TypeVar("V")


class Kept(Generic[V]):
    """At most *maximum* results by key; the oldest goes first.

    Threads may share it: each step on the dict and on the order is one of its own, and nothing iterates over either.
    """

    def __init__(self, maximum: int) -> None:
        """Keep nothing yet."""
        self._found: dict[Hashable, V] = {}
        self._order: deque[Hashable] = deque()  # a key made by two at once stands here twice, and goes a little early
        self._maximum = maximum

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return what is kept under *key*, or what *make* returns, which must depend on the key alone."""
        try:
            return self._found[key]
        except KeyError:
            made = make()
        self._found[key] = made
        self._order.append(key)
        while len(self._order) > self._maximum:
            try:
                self._found.pop(self._order.popleft(), None)
            except IndexError:  # somebody else took the last one
                break
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
