"""The memory of a worker over many cycles: .venv/bin/python -m tests.bench.memory [N] [CYCLES]

N nexthops (300) and one worker that looks at all of them CYCLES times (50); after each tenth of the cycles its processes
are read from /proc, shared pages counted once.
"""

import sys

from tests.bench.cycle import domains
from tests.bench.portal import BenchPortal, bench_portal
from tests.bench.slow_peers import _family, _memory
from tests.bench.world import world
from tests.kit.dns import DnsServer

COUNT, CYCLES, WANTED_MEGABYTES = 300, 50, 300


def main(count: int, cycles: int) -> None:
    """Measure and print."""
    with world() as bench:
        resolver = DnsServer(ttl=3600)
        resolver.start()
        try:
            settings = {"TLSPORTAL_PROBE_PROVIDER_RATE": "0", "TLSPORTAL_PROBE_PAUSE": "0"}
            where = f"{resolver.address}:{resolver.port}"
            with bench.peers(), bench_portal(bench.directory, where, **settings) as portal:
                portal.estate(domains(resolver, count))
                portal.start_workers(1)
                print(
                    f"{megabytes(portal):6.1f} MB before the first cycle (wanted: at most {WANTED_MEGABYTES}, and flat)"
                )
                for number in range(1, cycles + 1):
                    portal.cycle()
                    if number == 1 or number % max(cycles // 10, 1) == 0:
                        print(f"{megabytes(portal):6.1f} MB after {number} cycles of {count} nexthops", flush=True)
        finally:
            resolver.close()


def megabytes(portal: BenchPortal) -> float:
    """Return what the processes of the first worker hold, shared pages counted once."""
    return sum(_memory(one)[1] for one in _family(portal.workers[0].pid)) / 1024


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]]
    main(*(numbers + [COUNT, CYCLES][len(numbers) :]))
