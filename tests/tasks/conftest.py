"""A portal with workers, and the mail servers they speak to."""

from itertools import count

import pytest

from tests.kit.lab import V4
from tests.kit.script import Say, Script, Tls
from tests.tasks.crowd import LEAF, PEERS, ROOT, SET_UP, STEP_SECONDS, Portal

_numbers = count()


@pytest.fixture
def portal(request, tmp_path, redis_server, dns, monkeypatch):
    """A portal with PEERS partners that are due; "postgresql" as parameter: on a cluster in place of SQLite."""
    redis_server.client().flushall()
    postgres, url = None, f"sqlite:///{tmp_path}/db.sqlite3"
    if getattr(request, "param", "sqlite") == "postgresql":
        postgres = request.getfixturevalue("postgres_server"), f"crowd{next(_numbers)}"
        url = postgres[0].database(postgres[1])
    environment = {
        "TLSPORTAL_DATA_DIR": str(tmp_path),
        "TLSPORTAL_DATABASE_URL": url,
        "TLSPORTAL_BROKER_URL": redis_server.url,
        "TLSPORTAL_PROBE_NETWORKS": str(V4),
        "TLSPORTAL_PROBE_EHLO": "probe.house.example",
        "TLSPORTAL_PROBE_PAUSE": "0",
        "TLSPORTAL_RESOLVER": f"{dns.address}:{dns.port}",
        "DJANGO_SETTINGS_MODULE": "tlsportal.settings",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),  # where a killed worker leaves its own directory
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    portal = Portal(tmp_path, redis_server, postgres)
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
