"""What is there before the folded keys comes through their migration, on both databases."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
BEFORE, AFTER = "0002_watch", "0003_own_keys"
SCRIPT = f"""
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

def at(name):
    executor = MigrationExecutor(connection)
    executor.migrate([("partners", name)])
    return MigrationExecutor(connection).loader.project_state([("partners", name)]).apps

apps, now = at({BEFORE!r}), timezone.now()
new = lambda kind, **fields: apps.get_model("partners", kind).objects.create(**fields)
channel = new("Channel", partner=new("Partner", name="Acme"), agreed="encrypted", level="encrypt")
rows = [new("Nexthop", channel=channel, key=key, due_at=now) for key in KEYS]
verdict = dict(delivery="deliver", tls_status="Verified", dsn="2.0.0", judged_at=now)
new("VerdictRow", nexthop=rows[0], group=new("RelayGroup", name="main"), **verdict)
apps = at({AFTER!r})
print(*sorted(apps.get_model("partners", "Nexthop").objects.values_list("table_key", flat=True)))
print(apps.get_model("partners", "VerdictRow").objects.count())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated(request, tmp_path, monkeypatch):
    """Run the migration over rows with the keys given, and return what ended and what it printed."""
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").database(f"keys{abs(hash(request.node.name)) % 10**9}")
    monkeypatch.setenv("TLSPORTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TLSPORTAL_DATABASE_URL", url)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tlsportal.settings")

    def run(*keys):
        script = SCRIPT.replace("KEYS", repr(keys))
        return subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )

    return run


def test_keys_are_folded(migrated):
    """Each row gets its folded key; verdicts that do not say on whose key they rest are judged again."""
    done = migrated("straße.example", "xn--strae-oqa.example", "[MX.example]:25")

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["[mx.example]:25 strasse.example xn--strae-oqa.example", "0"]


def test_two_that_fold_alike(migrated):
    """Which of the two is meant only a person knows: the migration says so, and leaves everything as it was."""
    done = migrated("straße.example", "strasse.example")

    assert done.returncode != 0
    assert "nexthop strasse.example: Postfix folds it to the key of straße.example" in done.stderr
