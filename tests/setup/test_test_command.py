"""`manage.py test`: what pytest is told, and what a run over several workers must still print."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.summary import SUMMARY
from tlsportal.command_line import WORKERS_MAX, pytest_words
from tlsportal.debian import INSTALL_ANYWAY

BASE = Path(__file__).resolve().parents[2]
WORKERS = ["--dist", "loadfile", "--no-loadscope-reorder"]
FOLDER = """
from tests.kit.summary import pytest_terminal_summary
"""
TESTS = f"""
def test_tells(record_property): record_property({SUMMARY!r}, "7 cases, 7 agree")
"""


class TestWords:
    @pytest.mark.parametrize(("processors", "workers"), [(2, 2), (3, 3), (64, WORKERS_MAX)])
    def test_the_whole_run_has_a_worker_per_processor(self, processors: int, workers: int) -> None:
        """Each has a whole file at a time, so that its fixtures are made once."""
        assert pytest_words([], processors) == ["-n", str(workers), *WORKERS]

    def test_one_processor_has_no_use_for_workers(self) -> None:
        """There the run is as pytest does it."""
        assert pytest_words([], 1) == []

    @pytest.mark.parametrize("words", [["tests/core", "-k", "name"], ["-x"], ["tests/oracle", "-n", "3"]])
    def test_words_go_to_pytest_as_they_are(self, words: list[str]) -> None:
        """A narrow run starts no worker unless it is asked for."""
        assert pytest_words(words, 2) == words

    def test_the_word_for_the_packages_is_ours(self) -> None:
        """What lets Debian packages be installed beside a mail server narrows nothing."""
        assert pytest_words([INSTALL_ANYWAY], 2) == ["-n", "2", *WORKERS]
        assert pytest_words([INSTALL_ANYWAY, "tests/core"], 2) == ["tests/core"]


@pytest.mark.parametrize("words", [[], ["-n", "2", *WORKERS]], ids=["alone", "workers"])
def test_what_tests_tell_is_printed_at_the_end(tmp_path: Path, words: list[str]) -> None:
    """The oracle's "N cases, N agree" comes back from a worker as from a run without any."""
    (tmp_path / "conftest.py").write_text(FOLDER)
    (tmp_path / "test_told.py").write_text(TESTS)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:django", "-c", "/dev/null", *words, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=BASE, timeout=60)

    assert "7 cases, 7 agree" in done.stdout.splitlines(), done.stdout + done.stderr
