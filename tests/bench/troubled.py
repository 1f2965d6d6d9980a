"""A cycle in which one server in twenty is dead, beside the healthy one: .venv/bin/python -m tests.bench.troubled [N]

N nexthops (10,000); at the dead ones nobody answers, not even with a refusal. Both cycles find all known and nothing
moved, so that the time-out comes once for each.
"""

import subprocess
import sys

from partners.probe.limits import Limits
from tests.bench.cycle import domains
from tests.bench.portal import bench_portal
from tests.bench.world import world
from tests.kit.dns import DnsServer

COUNT, DEAD, WORKERS, WANTED = 10_000, 20, 2, 1.25
_NOWHERE = "10.66.0.0/16"


def main(count: int) -> None:
    """Measure and print."""
    patience = Limits().connect.total_seconds()
    with world() as bench:
        # What arrives over lo for an address that is not ours is dropped without a word: nothing is forwarded here.
        subprocess.run(f"ip route add {_NOWHERE} dev lo".split(), check=True, timeout=10)
        resolver = DnsServer(ttl=3600)
        resolver.start()
        try:
            names = domains(resolver, count)
            settings = {"TLSPORTAL_PROBE_PROVIDER_RATE": "0", "TLSPORTAL_PROBE_PAUSE": "0"}
            settings["TLSPORTAL_PROBE_NETWORKS"] = f"198.18.0.0/15,{_NOWHERE}"
            where = f"{resolver.address}:{resolver.port}"
            with bench.peers(), bench_portal(bench.directory, where, **settings) as portal:
                portal.estate(names)
                portal.start_workers(WORKERS)
                portal.cycle()
                healthy = portal.cycle()
                records = [
                    f"mx.d{number} A 10.66.{number // 250}.{number % 250 + 1}" for number in range(0, count, DEAD)
                ]
                resolver.zone("bench.example").replace(*records)
                portal.cycle()
                troubled = portal.cycle()
                known = dict(portal.sql("SELECT not_measured, count(*) FROM partners_endpoint GROUP BY 1"))
        finally:
            resolver.close()
    allowed = WANTED * healthy + patience
    print(f"healthy               {healthy:6.1f} s for {count} nexthops")
    print(
        f"one in {DEAD} dead       {troubled:6.1f} s (wanted: at most {allowed:.1f} s, {patience:.0f} s of it the time-out)"
    )
    print(f"endpoints by what was not measured: {known}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
