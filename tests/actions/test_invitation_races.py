"""Browsers that accept at the same time, each a process of its own, on both databases: one account, one winner."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
BROWSERS = 4
SET_UP = """
from django.utils import timezone
from partners.actions.invitations import invite
from partners.models import User
for _ in range(2):
    print(invite("ann@house.example", User.Role.APPROVER, by=None, now=timezone.now()).token)
"""
ACCEPT = """
import sys
from django.utils import timezone
from partners.actions.invitations import accept
from partners.core.errors import PortalError
sys.stdin.readline()
try:
    accept("{token}", password="correct horse battery staple", now=timezone.now())
    print("won")
except PortalError as refusal:
    print(type(refusal).__name__)
"""
COUNT = """
from partners.models import AuditEntry, User
print(User.objects.count(), AuditEntry.objects.filter(act="invitation.accepted").count())
"""


def django(*arguments: str) -> subprocess.Popen[str]:
    """Start Django's command line."""
    command = [sys.executable, "-m", "django", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def finished(process: subprocess.Popen[str], words: str = "") -> list[str]:
    """What *process* said in the end."""
    out, err = process.communicate(words, timeout=90)
    assert process.returncode == 0, err[-2000:]
    return out.split()


@pytest.fixture(params=["sqlite", "postgresql"])
def links(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens of two links for one address."""
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").database(f"races{os.getpid()}_{tmp_path.name[-1]}")
    monkeypatch.setenv("TLSPORTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TLSPORTAL_DATABASE_URL", url)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tlsportal.settings")
    finished(django("migrate", "--verbosity", "0"))
    return finished(django("shell", "-v", "0", "-c", SET_UP))


@pytest.mark.parametrize(
    ("count", "refusals"),
    [
        pytest.param(1, {"StaleRefused", "NotAllowed"}, id="one link"),
        pytest.param(2, {"StaleRefused", "NotAllowed"}, id="two links for one address"),
    ],
)
def test_of_several_at_once_one_wins(links: list[str], count: int, refusals: set[str]) -> None:
    """Every other browser gets a refusal in words, never a fault of the database."""
    texts = [ACCEPT.format(token=links[number % count]) for number in range(BROWSERS)]
    browsers = [django("shell", "-v", "0", "-c", text) for text in texts]

    outcomes = [word for browser in browsers for word in finished(browser, "go\n")]

    assert outcomes.count("won") == 1
    assert set(outcomes) - {"won"} <= refusals
    assert finished(django("shell", "-v", "0", "-c", COUNT)) == ["1", "1"]
