"""Two workers beside one, and the memory of a worker: .venv/bin/python -m tests.bench.workers [N] [CYCLES]

N nexthops (2,000) whose peers answer each step after 100 ms, 200 slots for each worker; then CYCLES cycles (50), after
each of which the memory of the worker's processes is read.
"""

import os
import sys

from tests.bench.cycle import domains
from tests.bench.portal import BenchPortal, bench_portal
from tests.bench.slow_peers import _family, _memory
from tests.bench.world import world
from tests.kit.dns import DnsServer

COUNT, CYCLES, DELAY_MS, SLOTS = 2000, 50, 100, 200
WANTED_RATIO, WANTED_MEGABYTES = 1.8, 300


def main(count: int, cycles: int) -> None:
    """Measure and print."""
    with world() as bench:
        resolver = DnsServer(ttl=3600)
        resolver.start()
        try:
            names = domains(resolver, count)
            settings = {"TLSPORTAL_PROBE_PROVIDER_RATE": "0", "TLSPORTAL_PROBE_PAUSE": "0"}
            settings["TLSPORTAL_PROBE_SLOTS"] = str(SLOTS)
            where = f"{resolver.address}:{resolver.port}"
            with (
                bench.peers(delay_ms=DELAY_MS),
                bench_portal(bench.directory, where, **settings) as portal,
            ):
                portal.estate(names)
                portal.start_workers(1)
                portal.cycle()
                one = portal.cycle()
                sizes = []
                for _cycle in range(cycles):
                    portal.cycle()
                    sizes.append(_megabytes(portal))
                portal.start_workers(2)
                portal.cycle()
                two = portal.cycle()
        finally:
            resolver.close()
    print(f"one worker            {count / one:6.1f} nexthops/s, {one:.1f} s")
    print(f"two workers           {count / two:6.1f} nexthops/s, {two:.1f} s on {len(os.sched_getaffinity(0))} cores")
    print(f"ratio                 {one / two:6.2f} (wanted: {WANTED_RATIO})")
    middle = sizes[len(sizes) // 2]
    print(
        f"memory of a worker    {sizes[0]:6.0f} MB after the first cycle, {middle:.0f} in the middle, "
        f"{sizes[-1]:.0f} after {cycles} (wanted: at most {WANTED_MEGABYTES}, and flat)"
    )


def _megabytes(portal: BenchPortal) -> float:
    """Return what the processes of the first worker hold, shared pages counted once."""
    return sum(_memory(one)[1] for one in _family(portal.workers[0].pid)) / 1024


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]]
    main(*(numbers + [COUNT, CYCLES][len(numbers) :]))
