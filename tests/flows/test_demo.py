"""`manage.py up --demo`: six invented partners, each in the state that its oddity leads to."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.setup.portal import Portal, free_port, refusal

pytestmark = [pytest.mark.slow, pytest.mark.lab]
RENEWED_SECONDS = 150.0  # the renewal comes a minute after the start, the next tick of the workers up to 45 s later
AT_FIRST = {
    "aurora.example": ("compliant", ""),
    "borealis.example": ("compliant", ""),
    "cirrus.example": ("compliant", ""),
    "delta.example": ("violated", "certificate-host-mismatch"),
    "ember.example": ("violated", "starttls-not-supported"),
    "fjord.example": ("compliant", ""),
}
IN_THE_END = {**AT_FIRST, "fjord.example": ("violated", "fingerprint-mismatch")}
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
        """When the address is printed, all six were looked at under a published map."""
        assert states(demo.directory) == AT_FIRST
        assert len(query(demo.directory, "SELECT number FROM partners_release")) == 1

    def test_two_people_stand_behind_the_release(self, demo):
        """The first release is approved by somebody other than its author, outside single-operator mode."""
        ((author, approver, alone),) = query(
            demo.directory, "SELECT author_id, approver_id, single_operator FROM partners_release"
        )

        assert approver not in {author, None}
        assert not alone

    def test_logins_are_told(self, demo):
        """Four people of the house and a partner's contact can sign in, and no link for a first person is made."""
        assert sum("demo login: " in line for line in demo.lines) == 5
        assert not any("/invitations/" in line for line in demo.lines)

    def test_keys_are_the_owners_alone(self, demo):
        """No certificate or key of the demo can be read by others."""
        kept = list((demo.directory / "demo").iterdir())

        assert len(kept) >= 7
        assert [path.name for path in kept if path.stat().st_mode & 0o077] == []

    def test_renewal_without_notice_is_seen(self, demo):
        """A minute after the start one partner shows a new certificate: mail to it would be deferred."""
        deadline = time.monotonic() + RENEWED_SECONDS
        while states(demo.directory) != IN_THE_END and time.monotonic() < deadline:
            time.sleep(1)

        assert states(demo.directory) == IN_THE_END

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
        columns = "name, tags, notes, created_at, version"
        database.execute(f"INSERT INTO partners_partner ({columns}) VALUES ('Acme', '', '', '2026-01-01', 1)")

    code, said = refusal("--demo", "--data-dir", str(directory), "--port", str(free_port()))

    assert code == 1
    assert "people or partners of its own" in said
    assert "web " not in said
