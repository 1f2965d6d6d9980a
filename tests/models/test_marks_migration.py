"""What 0019 and 0020 make of rows that are there: drafts of the portal are marked, dates clipped; and back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
from datetime import UTC, datetime
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

def at(name):
    MigrationExecutor(connection).migrate([("partners", name)])
    return MigrationExecutor(connection).loader.project_state([("partners", name)]).apps

apps, now = at("0018_domains"), timezone.now()
new = lambda kind, **fields: apps.get_model("partners", kind).objects.create(**fields)
person = new("User", email="eda@house.example")
channel = new("Channel", partner=new("Partner", name="Acme"), agreed="encrypted", level="encrypt")
new("Nexthop", channel=channel, key="acme.example", table_key="acme.example", set_aside_at=now)
shots = {"before": {"lowered_until": now.isoformat()}, "after": {"lowered_until": ""}}
by_portal, by_person = (new("Change", channel=channel, author=person, made_at=now, **shots) for _ in "ab")
detail = {"change": by_portal.pk, "lowered_by": 0}
new("AuditEntry", at=now, act="channel.relaxation-ended", subject="x", detail=detail, prev_hash="", entry_hash="a")
for name in ("0019_relaxed_until", "0018_domains", "0019_relaxed_until"):
    change = at(name).get_model("partners", "Change")
    if name.startswith("0019"):
        print(*(row.relaxed_until == now for row in change.objects.order_by("pk")))

end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
new("Certificate", der=b"", sha256="a", spki_sha256="b", subject="", issuer="", not_after=end, first_seen_at=now)
print(at("0020_dates_everywhere").get_model("partners", "Certificate").objects.get().not_after.day)
at("0019_relaxed_until")
"""


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_only_what_the_portal_wrote_is_marked(vendor: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What a person wrote is never released by the clock, however much it looks the same."""
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    if vendor == "postgresql":
        url = request.getfixturevalue("postgres_server").database("relaxed")
    settings = {
        "TLSPORTAL_DATABASE_URL": url,
        "TLSPORTAL_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tlsportal.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.stdout.splitlines() == [*["True False"] * 2, "30"], done.stderr[-2000:]
