"""The triggers behind the second person and behind what was released: all there after all migrations, on both databases, and gone backwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from partners.migrations import _released, _second_person

FILES = ("second_person", "released_stays")
ROOT = Path(__file__).resolve().parents[2]
BACK_AND_FORTH = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from partners.migrations import _released, _second_person
NAMES = {"sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
         "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"}[connection.vendor]
def there():
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        return {row[0] for row in cursor.fetchall() if row[0].startswith(("second_person_", "released_"))}
ALL = _second_person.trigger_names(connection.vendor) | _released.RULES.trigger_names(connection.vendor)
for name in ("", "0014_standings", ""):
    call_command("migrate", "partners", *([name] if name else []), verbosity=0)
    print(there() == (set() if name else ALL))
"""


@pytest.mark.django_db
def test_no_trigger_is_lost() -> None:
    """A later migration that makes a table anew on SQLite takes its triggers along: then this tells."""
    if connection.vendor != "sqlite":
        pytest.skip("the test below asks PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        there = {name for (name,) in cursor.fetchall()}

    assert _second_person.trigger_names("sqlite") | _released.RULES.trigger_names("sqlite") <= there


@pytest.mark.slow
@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_they_come_and_go(vendor: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Forwards all of them, backwards none."""
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    if vendor == "postgresql":
        url = request.getfixturevalue("postgres_server").database("rules")
    settings = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path)}
    done = run(["-c", BACK_AND_FORTH], {f"TLSPORTAL_{name}": value for name, value in settings.items()})

    assert done.stdout.split() == ["True"] * 3, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.lab
def test_postgresql_refuses_the_same() -> None:
    """Both files of attacks, once more on PostgreSQL."""
    done = run(
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/actions/test_{name}.py" for name in FILES)],
        {"TLSPORTAL_TEST_DATABASE": "postgresql"},
    )

    assert done.returncode == 0, done.stdout[-3000:]


def run(arguments: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Return what Python printed, with *settings* in its environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tlsportal.settings", **settings},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
