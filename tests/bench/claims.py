"""What claiming a batch costs among many rows: .venv/bin/python -m tests.bench.claims [ROWS]

PostgreSQL, one claimer; ROWS addresses and nexthops (1,000,000), of which all or few are due. The reference is the same
among a hundredth of the rows, in the same run: the cost is to be constant. EXPLAIN of both questions follows.
"""

import sys
import tempfile
from pathlib import Path

from tests.bench.portal import BenchPortal, bench_portal

ROWS, BATCH, TURNS, WANTED_MS = 1_000_000, 50, 20, 20
_ROWS = """
INSERT INTO partners_partner (id, name, tags, notes, created_at, version, probe_minutes)
  SELECT n, 'Partner ' || n, '', '', now(), 1, 60 FROM generate_series({first}, {last}) n;
INSERT INTO partners_channel (id, partner_id, agreed, basis, level, match, protocols, ciphers, exclude, servername,
    comment, lowered_reason, created_at, version)
  SELECT n, n, 'encrypted', '', 'encrypt', '', '', '', '', '', '', '', now(), 1 FROM generate_series({first}, {last}) n;
INSERT INTO partners_nexthop (id, channel_id, key, table_key, due_at, asked_by, lease_token, crashes)
  SELECT n, n, 'p' || n || '.example', 'p' || n || '.example', now() - random() * interval '1 hour', '', '', 0
  FROM generate_series({first}, {last}) n;
INSERT INTO partners_address (id, address, vantage, provider, due_at, lease_token, crashes)
  SELECT n, '10.0.0.0'::inet + n, 'here', 'p' || n || '.example', now() - random() * interval '1 hour', '', 0
  FROM generate_series({first}, {last}) n;
INSERT INTO partners_endpoint (id, address_id, port, profile, profile_key, not_measured, not_measured_detail)
  SELECT n, n, 25, '{{}}', 'x', '', '' FROM generate_series({first}, {last}) n;
INSERT INTO partners_endpoint_nexthops (endpoint_id, nexthop_id) SELECT n, n FROM generate_series({first}, {last}) n;
"""
_MEASURE = """
import statistics, time
from django.db import connection
from django.test.utils import CaptureQueriesContext
from partners.actions import leases
now = leases.database_now()
for claim in (leases.claim_nexthops, leases.claim_addresses):
    claim({batch}, now=now)
    took = []
    for _turn in range({turns}):
        begun = time.perf_counter()
        assert len(claim({batch}, now=now)) == {batch}
        took.append(1000 * (time.perf_counter() - begun))
    print(claim.__name__, round(statistics.median(took), 1), round(max(took), 1))
    with CaptureQueriesContext(connection) as seen:
        claim({batch}, now=now)
    longest = max((one for one in seen.captured_queries if " FOR " in one["sql"]), key=lambda one: float(one["time"]))
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + longest["sql"].replace("%", "%%"))
        print("".join(f"    {{line}}\\n" for (line,) in cursor.fetchall()))
"""


def main(count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, bench_portal(Path(directory), "") as portal:
        begun = 1
        for rows in (count // 100, count):
            _grow(portal, begun, rows)
            begun = rows + 1
            print(
                f"{rows:,} rows, all due; a batch of {BATCH}: median and longest of {TURNS} in ms (wanted: {WANTED_MS})"
            )
            print(portal.django("shell", "-v", "0", "-c", _MEASURE.format(batch=BATCH, turns=TURNS)))
        portal.sql("UPDATE partners_nexthop SET due_at = now() + interval '1 hour' WHERE id % 500 <> 0")
        portal.sql("UPDATE partners_address SET due_at = now() + interval '1 hour' WHERE id % 500 <> 0")
        portal.sql("VACUUM ANALYZE partners_nexthop")
        portal.sql("VACUUM ANALYZE partners_address")
        print(f"{count:,} rows, one in 500 due")
        print(portal.django("shell", "-v", "0", "-c", _MEASURE.format(batch=BATCH, turns=TURNS)))


def _grow(portal: BenchPortal, first: int, last: int) -> None:
    for statement in _ROWS.format(first=first, last=last).split(";"):
        if statement.strip():
            portal.sql(statement)
    portal.sql("VACUUM ANALYZE")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
