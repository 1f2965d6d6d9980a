"""How long demo_data takes on PostgreSQL, beside one INSERT of as many rows: .venv/bin/python -m tests.bench.demo_data [N]

The reference is what PostgreSQL itself needs for the same number of rows of the same mean size in one plain table.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.bench.portal import bench_portal

COUNT, DAYS, WANTED_SECONDS = 100_000, 90, 120


def main(count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, bench_portal(Path(directory), "") as portal:
        begun = time.monotonic()
        said = portal.django("demo_data", "--partners", str(count), "--history-days", str(DAYS))
        seconds = time.monotonic() - begun
        portal.sql("ANALYZE")
        tables = portal.sql(
            "SELECT relname, reltuples::bigint, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relname LIKE 'partners_%' AND reltuples > 0 ORDER BY 3 DESC"
        )
        rows, size = sum(row[1] for row in tables), sum(row[2] for row in tables)
        begun = time.monotonic()
        portal.sql("CREATE TABLE plain (id bigserial primary key, filler text)")
        portal.sql(f"INSERT INTO plain (filler) SELECT repeat('x', {size // rows}) FROM generate_series(1, {rows})")
        reference = time.monotonic() - begun
    print(said.strip())
    for name, count_of, bytes_of in tables[:12]:
        print(f"  {name:34s} {count_of:10,d} rows {bytes_of / 1e6:8.1f} MB")
    print(f"demo_data             {seconds:7.1f} s for {rows:,} rows, {size / 1e6:.0f} MB (wanted: {WANTED_SECONDS} s)")
    print(f"one INSERT of as many {reference:7.1f} s; ratio {seconds / reference:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
