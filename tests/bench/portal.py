"""A portal for the benches: PostgreSQL, Redis, an estate of partners, and workers as in production."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from celery import Celery

from tests.kit.daemon import Daemon
from tests.kit.postgres import PostgresServer
from tests.kit.redis import RedisServer

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 600
_OPEN = """
SELECT (SELECT count(*) FROM partners_nexthop WHERE due_at <= now() OR lease_token <> '')
     + (SELECT count(*) FROM partners_address a WHERE (due_at <= now() OR lease_token <> '') AND EXISTS (
          SELECT 1 FROM partners_endpoint e JOIN partners_endpoint_nexthops t ON t.endpoint_id = e.id
          WHERE e.address_id = a.id))
"""
_ESTATE = """
import hashlib, sys
from django.utils import timezone
from partners.actions.relay_groups import ensure_group
from partners.models import Artefact, Channel, Nexthop, Partner, Release, User
from tests.actions.at_head import at_head
now, keys = timezone.now(), sys.stdin.read().split()
made = Partner.objects.bulk_create([Partner(name=f"Partner {key}") for key in keys])
made = Channel.objects.bulk_create([Channel(partner=one, agreed="encrypted", level="encrypt") for one in made])
Nexthop.objects.bulk_create(
    [Nexthop(channel=one, key=key, table_key=key) for one, key in zip(made, keys, strict=True)], batch_size=2000
)
eda = User.objects.create_user("eda@house.example")
text = "".join(f"{key}\\tencrypt\\n" for key in sorted(keys))
release = Release.objects.create(number=1, author=eda, needs_second=False, published_at=now, published_by=eda)
sha256 = hashlib.sha256(text.encode()).hexdigest()
Artefact.objects.create(release=release, group=ensure_group(now=now), text=text, sha256=sha256)
at_head(release)
"""


class BenchPortal:
    """Database, broker and workers below one directory. settings: TLSPORTAL_* variables beyond the usual ones."""

    def __init__(self, directory: Path, resolver: str, **settings: str) -> None:
        """Start PostgreSQL and Redis and make the tables; no worker runs yet."""
        self.directory = directory
        self.postgres, self.redis = PostgresServer(), RedisServer()
        self.postgres.start()
        self.redis.start()
        self.workers: list[Daemon] = []
        self.environment = {
            "TLSPORTAL_DATA_DIR": str(directory),
            "TLSPORTAL_DATABASE_URL": self.postgres.database("bench"),
            "TLSPORTAL_BROKER_URL": self.redis.url,
            "TLSPORTAL_PROBE_NETWORKS": "198.18.0.0/15",
            "TLSPORTAL_PROBE_EHLO": "probe.house.example",
            "TLSPORTAL_RESOLVER": resolver,
            "TLSPORTAL_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "tlsportal.settings",
            "PYTHONPATH": str(ROOT),
            **settings,
        }
        os.environ.update(self.environment)
        self.django("migrate", "--verbosity", "0")
        self._celery = Celery("bench", broker=self.redis.url, set_as_current=False)

    def django(self, *arguments: str, given: str = "") -> str:
        """Run a command of Django's and return what it prints."""
        command = [sys.executable, "-m", "django", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            sys.exit(f"bench: {arguments[0]}: {done.stderr[-2000:]}")
        return done.stdout

    def estate(self, keys: Sequence[str]) -> None:
        """Make a partner for each of *keys*, with an entry "encrypt" on the relays."""
        self.django("shell", "-v", "0", "-c", _ESTATE, given="\n".join(keys))

    def start_workers(self, count: int) -> None:
        """Start *count* workers of the queue probe, one process each."""
        for number in range(len(self.workers), count):
            log = self.directory / f"worker{number}.log"
            command = [sys.executable, "-m", "celery", "-A", "tlsportal.celery", "worker", "--loglevel", "INFO"]
            options = ["-Q", "probe", "-c", "1", "-n", f"bench{number}", "--without-gossip", "--without-mingle"]
            worker = Daemon(f"worker{number}", [*command, *options], log)
            self.workers.append(worker)
            worker.start(lambda log=log: " ready." in log.read_text(), timeout=60)

    def cycle(self) -> float:
        """Make all nexthops due, and return the seconds until nothing is due any more; beat ticks each second."""
        self.sql("UPDATE partners_nexthop SET due_at = now()")
        self.sql("UPDATE partners_address SET due_at = now()")
        begun = time.monotonic()
        ticked = 0.0
        with self.postgres.connect("bench") as watch:
            while time.monotonic() - begun < LIMIT_SECONDS:
                if time.monotonic() - ticked > 1:
                    ticked = time.monotonic()
                    for _worker in self.workers:
                        self._celery.send_task("partners.tasks.probing.probe_due", queue="probe", expires=1)
                (left,) = watch.execute(_OPEN).fetchone() or (1,)
                if not left:
                    return time.monotonic() - begun
                time.sleep(0.1)
        sys.exit(f"bench: after {LIMIT_SECONDS} s {left} rows are still due; see {self.directory}")

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run *statement* and return its rows."""
        with self.postgres.connect("bench") as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def close(self) -> None:
        """Stop all and leave nothing."""
        for worker in self.workers:
            worker.stop()
        self.redis.close()
        self.postgres.close()


@contextlib.contextmanager
def bench_portal(directory: Path, resolver: str, **settings: str) -> Iterator[BenchPortal]:
    """Give a portal of its own."""
    portal = BenchPortal(directory, resolver, **settings)
    try:
        yield portal
    finally:
        portal.close()
