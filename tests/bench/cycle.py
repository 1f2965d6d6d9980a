"""A full cycle with storing and judging, beside predict --jsonl on the same peers: .venv/bin/python -m tests.bench.cycle [N]

N nexthops (2,000) with an MX host and an endpoint each; PostgreSQL, Redis and two workers on the cores that the peers
and the DNS use as well. The first cycle stores everything, the second one finds nothing moved.
"""

import os
import sys

from tests.bench.portal import bench_portal
from tests.bench.world import addresses, world
from tests.kit.dns import DnsServer

COUNT, WORKERS = 2000, 2
WANTED, WANTED_SHARE = 150, 0.5


def domains(resolver: DnsServer, count: int, shared: int = 0, *, origin: str = "bench.example") -> list[str]:
    """Return *count* names, each with an MX host of its own below it; or all on *shared* addresses."""
    hosts = addresses(shared or count)
    records = []
    for number in range(count):
        records += [f"d{number} MX 10 mx.d{number % len(hosts)}"]
        records += [f"mx.d{number} A {hosts[number]}"] if number < len(hosts) else []
    resolver.zone(origin).add(*records)
    return [f"d{number}.{origin}" for number in range(count)]


def main(count: int) -> None:
    """Measure and print."""
    with world() as bench:
        resolver = DnsServer(ttl=3600)
        resolver.start()
        try:
            names = domains(resolver, count)
            with bench.peers():
                seconds, answering = bench.predict(names)
                reference = count / answering
                where = f"{resolver.address}:{resolver.port}"
                with bench_portal(
                    bench.directory, where, TLSPORTAL_PROBE_PROVIDER_RATE="0", TLSPORTAL_PROBE_PAUSE="0"
                ) as portal:
                    portal.estate(names)
                    portal.start_workers(WORKERS)
                    cycles = [portal.cycle() for _ in range(2)]
                    judged = portal.sql("SELECT delivery, tls_status, count(*) FROM partners_verdictrow GROUP BY 1, 2")
                    seen = portal.sql("SELECT count(*), sum(times) FROM partners_sighting")
        finally:
            resolver.close()
    print(f"predict --jsonl      {reference:7.1f} nexthops/s, with its start-up {count / seconds:.1f}")
    for name, one in zip(("everything new", "nothing moved"), cycles, strict=True):
        rate = count / one
        print(
            f"{name:20s} {rate:7.1f} nexthops/s (wanted: {WANTED}), "
            f"{rate / reference:.2f} of predict (wanted: {WANTED_SHARE}), {one:.1f} s"
        )
    print(
        f"{count} nexthops, {WORKERS} workers, {len(os.sched_getaffinity(0))} cores; verdicts {judged}; sightings {seen}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
