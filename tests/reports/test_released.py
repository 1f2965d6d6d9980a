"""Maps that were read are kept, whoever else reads at the same moment."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from partners.reports import released
from partners.reports.released import keep, kept

THREADS, ROUNDS, MAPS = 4, 400, 12


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let threads take turns as often as they can, and the place be too small for all maps."""
    monkeypatch.setattr(released, "_KEPT_CHARACTERS", 200)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    released._read.clear()


@pytest.mark.usefixtures("restless")
def test_threads_that_read_at_once() -> None:
    """Each gets the map it asked for, and what is kept stays bounded."""
    texts = {(number, "x"): f"{number}.example\tsecure\n" * 3 for number in range(MAPS)}

    def read(seed: int) -> None:
        for turn in range(ROUNDS):
            key = list(texts)[(seed + turn) % MAPS]
            found = kept([key]).get(key) or keep(key, texts[key])
            assert found.text == texts[key]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, range(THREADS)))

    assert sum(len(one.text) for one in released._read.values()) <= 200
