"""What is kept is bounded, and found again by its key."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from partners.core.kept import Kept, joint_digest


@pytest.fixture
def restless() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_the_oldest_goes_first() -> None:
    """At most so many results, each made once while it is kept."""
    kept, made = Kept[int](2), []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in (1, 1, 2, 3, 1):
        assert kept.get(number, lambda number=number: make(number)) == number  # type: ignore[misc]
    assert (made, len(kept)) == ([1, 2, 3, 1], 2)


def test_a_digest_tells_where_parts_end() -> None:
    """The same bytes, cut elsewhere, are another key."""
    assert joint_digest((b"ab", b"c")) != joint_digest((b"a", b"bc"))
    assert joint_digest((b"ab", b"c")) == joint_digest([b"ab", b"c"])


@pytest.mark.usefixtures("restless")
def test_threads_share_it() -> None:
    """A page is judged by several threads of one process: each gets its own result, and the bound holds."""
    kept, threads = Kept[int](8), 6

    def ask(first: int) -> None:
        for turn in range(20_000):
            key = (turn * 7 + first) % 50
            assert kept.get(key, lambda key=key: key) == key  # type: ignore[misc]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(ask, range(threads)))

    assert len(kept) <= 8
