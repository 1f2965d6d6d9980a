"""Claimers at the same time, each a process of its own: no row is ever held by two."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
ROWS, CLAIMERS = 120, 4
SET_UP = f"""
from django.utils import timezone
from partners.models import Address, Channel, Endpoint, Nexthop, Partner
channel = Channel.objects.create(partner=Partner.objects.create(name="Many"), agreed="encrypted", level="encrypt")
now = timezone.now()
for number in range({ROWS}):
    nexthop = Nexthop.objects.create(channel=channel, key=f"p{{number}}.example", due_at=now)
    address = Address.objects.create(address=f"192.0.2.{{number + 1}}", due_at=now)
    Endpoint.objects.create(address=address, port=25, profile_key="x").nexthops.add(nexthop)
"""
CLAIM = """
from django.utils import timezone
from partners.actions.leases import claim_addresses, claim_nexthops
for claim in (claim_nexthops, claim_addresses):
    while claims := claim(3, now=timezone.now()):
        print(*(f"{claim.__name__}:{one.pk}" for one in claims), flush=True)
"""


def django(*arguments):
    """Start Django's command line."""
    command = [sys.executable, "-m", "django", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err[-2000:]
    return out.split()


@pytest.fixture(params=["sqlite", "postgresql"])
def rows(request, tmp_path, monkeypatch):
    """A database with ROWS nexthops and as many addresses, all due."""
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").database("claims")
    for name, value in {
        "TLSPORTAL_DATA_DIR": str(tmp_path),
        "TLSPORTAL_DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tlsportal.settings",
    }.items():
        monkeypatch.setenv(name, value)
    finished(django("migrate", "--verbosity", "0"))
    finished(django("shell", "-v", "0", "-c", SET_UP))


def test_each_row_has_one_holder(rows):
    """Together the claimers get every row, and no row twice."""
    claimers = [django("shell", "-v", "0", "-c", CLAIM) for _ in range(CLAIMERS)]
    claimed = [row for claimer in claimers for row in finished(claimer)]

    assert len(claimed) == 2 * ROWS
    assert len(set(claimed)) == 2 * ROWS
