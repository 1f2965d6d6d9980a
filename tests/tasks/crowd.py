"""A portal with real workers, and many partners whose servers answer one after the other."""

import contextlib
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

from celery import Celery

from tests.kit.ca import self_signed
from tests.kit.daemon import Daemon

ROOT = Path(__file__).resolve().parents[2]
PEERS = 24
STEP_SECONDS = 0.15  # each peer greets so much later than the one before
LEAF = self_signed("mx.example")
SET_UP = """
from django.utils import timezone
from partners.models import Channel, Nexthop, Partner
partner = Partner.objects.create(name="Many")
channel = Channel.objects.create(partner=partner, agreed="encrypted", level="encrypt")
Nexthop.objects.bulk_create(
    Nexthop(channel=channel, key=f"p{number}.example", due_at=timezone.now()) for number in range(%d)
)
"""


class Portal:
    """Database, broker and workers as in production, below a directory of their own.

    postgres: a running cluster and the name of a database in it; SQLite where there is none.
    """

    def __init__(self, directory, broker, postgres=None):
        self.directory, self.broker, self.postgres = directory, broker, postgres
        self.celery = Celery("test", broker=broker.url, set_as_current=False)
        self.workers = []

    def manage(self, *arguments):
        subprocess.run(
            [sys.executable, "-m", "django", *arguments], check=True, timeout=60, cwd=ROOT, capture_output=True
        )

    def worker(self, queue="probe"):
        """Start a worker of *queue* and return it."""
        number = len(self.workers)
        log = self.directory / f"worker{number}.log"
        command = [sys.executable, "-m", "celery", "-A", "tlsportal.celery", "worker", "--loglevel", "INFO"]
        options = ["-Q", queue, "-c", "1", "-n", f"{queue}{number}", "--without-gossip", "--without-mingle"]
        worker = Daemon(f"worker{number}", [*command, *options], log)
        self.workers.append(worker)
        worker.start(lambda: " ready." in log.read_text(), timeout=30)
        return worker

    def tick(self):
        self.celery.send_task("partners.tasks.probing.probe_due", queue="probe")

    def connect(self):
        """Return a connection to the database, to be closed by the caller."""
        if self.postgres is None:
            return contextlib.closing(sqlite3.connect(self.directory / "db.sqlite3", timeout=10, isolation_level=None))
        server, name = self.postgres
        return server.connect(name)

    def count(self, question):
        with self.connect() as database:
            return database.execute(question).fetchone()[0]

    def sightings(self):
        return self.count("SELECT count(*) FROM partners_sighting")

    def let_leases_end(self):
        """Let the time pass that a dead worker's leases take."""
        with self.connect() as database:
            for table in ("address", "nexthop"):
                database.execute(f"UPDATE partners_{table} SET lease_until='2001-01-01' WHERE lease_token<>''")


def visits(crowd):
    return Counter(visit.address for visit in crowd.visits)
