"""A real worker behind a real broker: what is due gets done, once, whatever dies meanwhile."""

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from celery import Celery

from tests.kit.ca import self_signed
from tests.kit.daemon import Daemon
from tests.kit.lab import V4
from tests.kit.script import Say, Script, Tls
from tests.kit.smtpd import wait_until
from tlsportal.children import GRACE_SECONDS

pytestmark = [pytest.mark.lab, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
PEERS = 24
ASK = """
from django.utils import timezone
from partners.actions.access import give_role
from partners.actions.leases import ask_now
from partners.models import Nexthop, User
eda = User.objects.create_user("eda@house.example")
give_role(eda, User.Role.EDITOR)
ask_now(Nexthop.objects.get(key="p0.example"), by=eda, now=timezone.now())
"""
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
    """Database, broker and workers as in production, below a directory of their own."""

    def __init__(self, directory, broker):
        self.database, self.directory = directory / "db.sqlite3", directory
        self.broker = broker
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

    def count(self, question):
        with sqlite3.connect(self.database, timeout=10) as database:
            return database.execute(question).fetchone()[0]

    def sightings(self):
        return self.count("SELECT count(*) FROM partners_sighting")

    def let_leases_end(self):
        """Let the time pass that a dead worker's leases take."""
        with sqlite3.connect(self.database, timeout=10) as database:
            for table in ("address", "nexthop"):
                database.execute(f"UPDATE partners_{table} SET lease_until='2001-01-01' WHERE lease_token<>''")


@pytest.fixture
def portal(tmp_path, redis_server, dns, monkeypatch):
    redis_server.client().flushall()
    environment = {
        "TLSPORTAL_DATA_DIR": str(tmp_path),
        "TLSPORTAL_BROKER_URL": redis_server.url,
        "TLSPORTAL_PROBE_NETWORKS": str(V4),
        "TLSPORTAL_PROBE_EHLO": "probe.house.example",
        "TLSPORTAL_RESOLVER": f"{dns.address}:{dns.port}",
        "DJANGO_SETTINGS_MODULE": "tlsportal.settings",
        "PYTHONPATH": str(ROOT),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    portal = Portal(tmp_path, redis_server)
    portal.manage("migrate", "--verbosity", "0")
    portal.manage("shell", "-c", SET_UP % PEERS)
    yield portal
    for worker in portal.workers:
        worker.kill()


@pytest.fixture
def crowd(lab, dns, smtpd):
    """PEERS mail servers of as many partners; each greets a moment after the one before."""
    turns = {lab.address(): number for number in range(PEERS)}
    with dns.batch():
        for address, number in turns.items():
            dns.zone(f"p{number}.example").add(f"@ A {address}")

    def script(address):
        greeting = Say("220 mx.example ESMTP", delay=STEP_SECONDS * turns[address])
        return Script(replies={"GREETING": greeting}, tls=Tls(LEAF))

    return smtpd.crowd(script)


def visits(crowd):
    return Counter(visit.address for visit in crowd.visits)


def test_kill_nine_loses_nothing(portal, crowd):
    """A worker is killed in the middle: what it recorded stays, the rest is done by the next one, each once more."""
    first = portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() >= 3, 30, "the first sightings")
    first.kill()
    recorded = portal.sightings()
    assert 3 <= recorded < PEERS

    portal.let_leases_end()
    portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() == PEERS, 30, "all sightings")

    seen = visits(crowd)
    assert len(seen) == PEERS
    assert max(seen.values()) <= 2
    assert sum(seen.values()) <= 2 * PEERS - recorded
    assert portal.count("SELECT count(*) FROM partners_sighting WHERE times > 1") == 0


def test_stopped_in_order(portal, crowd):
    """A worker that is asked to stop ends within the grace, and leaves no lease and no crash behind."""
    worker = portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() >= 3, 30, "the first sightings")
    begun = time.monotonic()
    worker.stop()

    assert time.monotonic() - begun < GRACE_SECONDS / 2
    assert portal.sightings() < PEERS
    assert portal.count("SELECT count(*) FROM partners_address WHERE lease_token <> '' OR crashes > 0") == 0
    assert portal.count("SELECT count(*) FROM partners_endpoint WHERE not_measured <> ''") == 0


def test_probe_now(portal, crowd):
    """What a person asks for is done by the control queue at once, without a tick, and nothing else with it."""
    portal.worker("control")
    portal.manage("shell", "-c", ASK)
    wait_until(lambda: portal.sightings() == 1, 10, "the sighting")

    assert len(visits(crowd)) == 1


def test_two_workers_share(portal, crowd):
    """Two workers at the same rows: each address is spoken to once."""
    portal.worker()
    portal.worker()
    portal.tick()
    portal.tick()
    wait_until(lambda: portal.sightings() == PEERS, 40, "all sightings")

    assert len(visits(crowd)) == PEERS
    assert set(visits(crowd).values()) == {1}
    assert portal.count("SELECT count(*) FROM partners_address WHERE crashes > 0") == 0


def test_broker_that_forgets(portal, crowd):
    """The broker loses its queue: the next tick finds the rows still due."""
    portal.tick()
    portal.broker.client().flushall()
    portal.worker()
    portal.tick()

    wait_until(lambda: portal.sightings() == PEERS, 30, "all sightings")
