"""Many nexthops behind few servers: .venv/bin/python -m tests.bench.sharing [N]

N nexthops (10,000) on N/20 shared endpoints beside N/20 nexthops on as many endpoints of their own: handshakes and
seconds of a cycle in which nothing moves.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.cycle import domains
from tests.bench.portal import bench_portal
from tests.bench.world import world
from tests.kit.dns import DnsServer

COUNT, SHARE, WORKERS = 10_000, 20, 2
WANTED_HANDSHAKES, WANTED_SECONDS = 1.3, 15


def main(count: int) -> None:
    """Measure and print."""
    few = count // SHARE
    with world() as bench:
        resolver = DnsServer(ttl=3600)
        resolver.start()
        try:
            where = f"{resolver.address}:{resolver.port}"
            with bench.peers():
                alone = _measured(bench.directory / "alone", where, domains(resolver, few, origin="alone.example"))
                names = domains(resolver, count, few, origin="shared.example")
                shared = _measured(bench.directory / "shared", where, names)
        finally:
            resolver.close()
    for name, (handshakes, seconds) in ((f"{few} on {few}", alone), (f"{count} on {few}", shared)):
        print(f"{name:20s} {handshakes:7d} handshakes in {seconds:6.1f} s")
    print(
        f"ratio {shared[0] / alone[0]:.2f} (wanted: {WANTED_HANDSHAKES}), "
        f"{shared[1] - alone[1]:.1f} s more (wanted: {WANTED_SECONDS})"
    )


def _measured(directory: Path, where: str, names: Sequence[str]) -> tuple[int, float]:
    """Return handshakes and seconds of a cycle that finds all known."""
    directory.mkdir()
    settings = {"TLSPORTAL_PROBE_PROVIDER_RATE": "0", "TLSPORTAL_PROBE_PAUSE": "0"}
    with bench_portal(directory, where, **settings) as portal:
        portal.estate(names)
        portal.start_workers(WORKERS)
        portal.cycle()
        (before,) = portal.sql("SELECT sum(times) FROM partners_sighting")[0]
        seconds = portal.cycle()
        (after,) = portal.sql("SELECT sum(times) FROM partners_sighting")[0]
    return int(after - before), seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
