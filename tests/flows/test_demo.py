"""`manage.py up --demo`: seventeen invented partners, each in the state that its oddity leads to."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.setup.portal import Portal, free_port, refusal

pytestmark = [pytest.mark.slow, pytest.mark.lab]
TURNED_SECONDS = 150.0  # the last turn comes a minute after the rows, the next tick of the workers up to 45 s later
GOOD = ("compliant", "")
AT_FIRST = {
    "aurora.example": GOOD,
    "borealis.example": GOOD,
    "cirrus.example": GOOD,
    "delta.example": ("violated", "certificate-host-mismatch"),
    "ember.example": ("violated", "starttls-not-supported"),
    "fjord.example": GOOD,
    "glacier.example": ("rolling", ""),
    "harbor.example": GOOD,
    "iris.example": GOOD,
    "jade.example": GOOD,
    "kelp.example": GOOD,
    "lumen.example": GOOD,
    "meridian.example": ("weaker", "below-agreed"),
    "nova-trading.example": GOOD,
    "nova.example": GOOD,
    "orchid.example": ("unknown", "temporary-reply"),
    "polar.example": ("violated", "null-mx"),
    "quartz.example": GOOD,
}
IN_THE_END = {
    **AT_FIRST,
    "fjord.example": ("violated", "fingerprint-mismatch"),
    "harbor.example": ("violated", "certificate-host-mismatch"),
}
SEEN_OF = """
    SELECT pin.seen_on, pin.seen_of FROM partners_pin pin
    JOIN partners_nexthop nexthop ON nexthop.channel_id = pin.channel_id
    WHERE nexthop.key = 'glacier.example' ORDER BY pin.id
"""
HOSTS = """
    SELECT verdict.hosts FROM partners_verdictrow verdict JOIN partners_nexthop nexthop
    ON nexthop.id = verdict.nexthop_id WHERE nexthop.key = 'quartz.example'
"""
STATES = """
    SELECT nexthop.key, state.state, state.cause FROM partners_complianceinterval state
    JOIN partners_nexthop nexthop ON nexthop.channel_id = state.channel_id WHERE state.valid_to IS NULL
"""


def query(directory: Path, text: str) -> list[tuple[str, ...]]:
    """What the demo's database answers to *text*."""
    with contextlib.closing(sqlite3.connect(f"file:{directory / 'db.sqlite3'}?mode=ro", uri=True)) as database:
        return database.execute(text).fetchall()


def states(directory: Path) -> dict[str, tuple[str, str]]:
    """State and cause by nexthop."""
    return {key: (state, cause) for key, state, cause in query(directory, STATES)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal(tmp_path_factory.mktemp("demo") / "data", "--demo")
    yield running
    running.close()


class TestDemo:
    def test_states_at_first(self, demo):
        """When the address is printed, all were looked at under a published map."""
        assert states(demo.directory) == AT_FIRST
        assert len(query(demo.directory, "SELECT number FROM partners_release")) == 4

    def test_two_people_stand_behind_what_weakens(self, demo):
        """A release that needs a second person, as the last one does, has one, outside single-operator mode."""
        columns = "author_id, approver_id, single_operator, needs_second"
        rows = query(demo.directory, f"SELECT {columns} FROM partners_release ORDER BY number")
        weaker = [(author, approver, alone) for author, approver, alone, needs_second in rows if needs_second]

        assert rows[-1][-1]
        assert all(approver not in {author, None} and not alone for author, approver, alone in weaker)

    def test_weeks_lie_behind(self, demo):
        """Releases, states and the audit trail have a past, in its order."""
        releases = query(demo.directory, "SELECT published_at FROM partners_release ORDER BY number")
        ended = query(demo.directory, "SELECT state FROM partners_complianceinterval WHERE valid_to IS NOT NULL")
        acts = query(demo.directory, "SELECT at FROM partners_auditentry WHERE act = 'release.published' ORDER BY id")

        age = datetime.now(UTC) - datetime.fromisoformat(f"{releases[0][0]}+00:00")
        assert age > timedelta(days=40)
        assert ("violated",) in ended
        assert acts == sorted(acts) == releases

    def test_decisions_wait(self, demo):
        """A partner's next certificate, and a candidate, wait for a second person."""
        pins = query(demo.directory, "SELECT id FROM partners_pin WHERE state = 'proposed'")
        candidates = query(demo.directory, "SELECT needs_second FROM partners_candidate WHERE state = 'open'")

        assert len(pins) == 1
        assert candidates == [(1,)]

    def test_trouble_over_one_address_family(self, demo):
        """One partner takes mail over IPv4, and defers it over IPv6 (elsewhere, where loopback has no IPv6)."""
        ((hosts,),) = query(demo.directory, HOSTS)

        assert {(row["address"] == "127.0.1.27", row["delivery"]) for row in json.loads(hosts)} == {
            (True, "deliver"),
            (False, "defer"),
        }

    def test_logins_are_told(self, demo):
        """Four people of the house and a partner's contact can sign in, and no link for a first person is made."""
        assert sum("demo login: " in line for line in demo.lines) == 5
        assert not any("/invitations/" in line for line in demo.lines)

    def test_keys_are_the_owners_alone(self, demo):
        """No certificate or key of the demo can be read by others."""
        kept = list((demo.directory / "demo").iterdir())

        assert len(kept) >= 19
        assert [path.name for path in kept if path.stat().st_mode & 0o077] == []

    def test_commands_see_the_world(self, demo):
        """With the line that `up` prints; without it nothing is recorded of what the real DNS does not know."""
        kept = demo.directory / "demo_settings"
        words = [sys.executable, "manage.py", "probe", "borealis.example"]
        lost = {**os.environ, "TLSPORTAL_DATA_DIR": str(demo.directory)}
        refused = subprocess.run(words, env=lost, capture_output=True, text=True, timeout=60, check=False)
        shell = f"set -a; . {kept}; set +a; exec {' '.join(words)}"
        seen = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=60, check=False)

        assert any(f". {kept}; " in line for line in demo.lines)
        assert kept.stat().st_mode & 0o077 == 0
        assert (refused.returncode, "which has its own DNS" in refused.stderr) == (1, True)
        assert (seen.returncode, "borealis.example" in seen.stdout) == (0, True)
        assert states(demo.directory)["borealis.example"] == GOOD

    def test_turns_are_seen(self, demo):
        """In the first minutes one renews without notice, one moves its MX records, and one rolls over half way."""
        deadline = time.monotonic() + TURNED_SECONDS
        while states(demo.directory) != IN_THE_END and time.monotonic() < deadline:
            time.sleep(1)

        assert states(demo.directory) == IN_THE_END
        assert query(demo.directory, SEEN_OF) == [(1, 2), (1, 2)]

    def test_restart_and_end(self, demo):
        """TERM leaves no process; the next start keeps rows and certificates, and tells no password again."""
        assert demo.stop() == 0
        assert demo.await_silence(10) == {}

        again = Portal(demo.directory, "--demo")
        try:
            assert states(again.directory) == IN_THE_END
            assert not any("demo login: " in line for line in again.lines)
        finally:
            again.close()
        assert again.await_silence(10) == {}


def test_real_partners_are_left_alone(tmp_path):
    """A directory with people of its own is refused before a worker or the web starts."""
    directory = tmp_path / "data"
    portal = Portal(directory)
    portal.close()
    with contextlib.closing(sqlite3.connect(directory / "db.sqlite3")) as database, database:
        columns = "name, tags, notes, created_at, version, probe_minutes"
        database.execute(f"INSERT INTO partners_partner ({columns}) VALUES ('Acme', '', '', '2026-01-01', 1, 60)")

    code, said = refusal("--demo", "--data-dir", str(directory), "--port", str(free_port()))

    assert code == 1
    assert "people or partners of its own" in said
    assert "web " not in said
