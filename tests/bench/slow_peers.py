"""A thousand nexthops whose peers answer each step after 100 ms, and the memory: .venv/bin/python -m tests.bench.slow_peers

The time of one such peer by itself is measured in the same run with the C client; predict may take WANTED_SECONDS more,
its start-up included. Memory is that of all its processes while a thousand probes are open.
"""

import contextlib
import os
import threading
import time
from pathlib import Path

from tests.bench.world import addresses, world

COUNT = 1000
DELAY_MS = 100
WANTED_SECONDS = 5.0
WANTED_MEGABYTES = 300


def main() -> None:
    """Measure and print."""
    with world() as bench, bench.peers(delay_ms=DELAY_MS):
        own = bench.c_client(addresses(1), processes=1)
        watch = _Watch()
        watch.start()
        seconds, _answering = bench.predict(
            [f"[{address}]" for address in addresses(COUNT)], "--concurrency", str(COUNT)
        )
        watch.stop()
    print(f"one peer's own time         {own:6.2f} s")
    print(f"predict --jsonl, {COUNT} peers {seconds:6.2f} s (wanted: at most {own + WANTED_SECONDS:.2f} s)")
    print(
        f"memory                      {watch.resident / 1024:6.0f} MB resident in all its processes, "
        f"{watch.proportional / 1024:.0f} MB with shared pages counted once (wanted: at most {WANTED_MEGABYTES} MB)"
    )


class _Watch(threading.Thread):
    """Looks at the memory of the processes below this one, five times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.resident = self.proportional = 0
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(0.2):
            sums = [_memory(process) for process in _family(os.getpid()) if b"--jsonl" in _command(process)]
            self.resident = max(self.resident, sum(resident for resident, _ in sums))
            self.proportional = max(self.proportional, sum(proportional for _, proportional in sums))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _family(number: int) -> list[Path]:
    """Return the process *number* and all below it."""
    process = Path("/proc", str(number))
    found = [process]
    for thread in (process / "task").iterdir():
        with contextlib.suppress(OSError):
            found += [one for child in (thread / "children").read_text().split() for one in _family(int(child))]
    return found


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _memory(process: Path) -> tuple[int, int]:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return values["Rss"], values["Pss"]


if __name__ == "__main__":
    begun = time.monotonic()
    main()
    print(f"in all                      {time.monotonic() - begun:6.2f} s")
