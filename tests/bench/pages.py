"""What pages cost in a process of its own, for list.py: .venv/bin/python -m tests.bench.pages; prints JSON.

Cost is CPU time of this process and of its PostgreSQL backend together, per request, in milliseconds. The reference is
a Django admin changelist over the same rows, in the same process: columns, order and search of the list.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.db import connection

django.setup()
from partners.models import Channel  # noqa: E402  models need the apps
from partners.tasks.figures import count_estate  # noqa: E402
from tests.bench.changelist import last_key, prepared  # noqa: E402
from tests.bench.pages_wanted import PAGES  # noqa: E402

ROUNDS, WARM = 5, 2
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    client, admin, query = prepared()
    cost = _meter()
    found: dict[str, float] = {"changelist": cost(admin, ""), "changelist search": cost(admin, f"q={query}")}
    for sort in ("harm", "name", "level", "owner", "seen"):
        found[f"list by {sort}"] = cost(client.get, f"/partners/?sort={sort}")
    found["list search"] = cost(client.get, f"/partners/?q={query}")
    found["list search, nothing"] = cost(client.get, "/partners/?q=nobody-has-this")
    found["list violated"] = cost(client.get, "/partners/?state=violated")
    found["list deepest"] = cost(client.get, f"/partners/?after={last_key()}")
    begun = time.monotonic()
    count_estate()  # as the task does; its own time is told beside
    found["counting ahead, s"] = round(time.monotonic() - begun, 2)
    found |= {name: cost(client.get, path.format(pk=Channel.objects.earliest("pk").pk)) for name, path in PAGES.items()}
    json.dump(found, sys.stdout)


def _meter() -> Callable[[Callable[[str], Any], str], float]:
    """Return a function that calls another one and tells its cost."""
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # a worker's time would be nobody's
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/stat")

    def used() -> float:
        fields = backend.read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / TICKS

    def cost(call: Callable[[str], Any], given: str) -> float:
        spent = []
        for turn in range(WARM + ROUNDS):
            begun = used()
            many = 0
            while not many or (turn >= WARM and many < 10 and used() - begun < 0.3):
                answer = call(given)
                assert answer.status_code == 200, (given, answer.status_code)
                many += 1
            if turn >= WARM:
                spent.append((used() - begun) / many * 1000)
        return round(statistics.median(spent), 2)

    return cost


if __name__ == "__main__":
    main()
