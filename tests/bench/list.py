"""The list and the other pages at 10,000 and 100,000 partners: .venv/bin/python -m tests.bench.list [N]

On PostgreSQL; each beside a Django admin changelist over the same rows in the same process (pages.py).
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from tests.bench.pages_wanted import WANTED, shares
from tests.bench.portal import ROOT
from tests.kit.postgres import PostgresServer

COUNT, SMALL = 100_000, 10_000


def measured(url: str, count: int, directory: str) -> Mapping[str, float]:
    """Fill the database at *url* with *count* partners and return what pages cost there, in milliseconds."""
    settings = {"TLSPORTAL_DATA_DIR": directory, "TLSPORTAL_DATABASE_URL": url, "TLSPORTAL_LOG_LEVEL": "ERROR"}
    environment = {**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "tlsportal.settings", "PYTHONPATH": str(ROOT)}

    def run(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"bench: {words}: {done.stderr[-2000:]}")
        return done.stdout

    run("django", "migrate", "--verbosity", "0")
    run("django", "collectstatic", "--noinput", "--verbosity", "0")
    run("django", "demo_data", "--partners", str(count), "--history-days", "90")
    return dict(json.loads(run("tests.bench.pages").splitlines()[-1]))


def main(count: int) -> None:
    """Measure and print."""
    server = PostgresServer()
    server.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            small = measured(server.database("small"), SMALL, directory)
            large = measured(server.database("large"), count, directory)
    finally:
        server.close()
    print(f"CPU of process and backend, ms a page; {SMALL:,} and {count:,} partners")
    for name, cost in large.items():
        print(f"  {name:26s} {small[name]:9.1f} {cost:9.1f}")
    for name, share in shares(large, small).items():
        wanted = WANTED.get(name)
        print(f"  {name:34s} {share:7.3f}" + (f"  (wanted: {wanted})" if wanted else ""))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
