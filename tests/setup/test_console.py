"""Commands at the console where `up` has never run."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.setup.portal import console


@pytest.mark.slow
class TestBeforeTheFirstStart:
    def test_a_table_is_tried_in_a_new_clone(self, tmp_path: Path) -> None:
        """A dry run needs neither a start nor a person: who only wants to know is told line by line."""
        (tmp_path / "table").write_text("example.com secure match=mx.example.net\nb.example strong\n")

        done = console("import_policy", str(tmp_path / "table"), "--dry-run", "--json", directory=tmp_path / "kept")

        assert done.returncode == 1, done.stderr
        assert [line["state"] for line in json.loads(done.stdout)["lines"]] == ["taken", "refused"]

    @pytest.mark.parametrize(
        ("words", "cause"),
        [
            (("probe", "b.example"), "b.example"),
            (("import_policy", "/dev/null"), "invite an approver first"),
            (("relay_token", "main", "--by", "ann@house.example"), "there is none of that name"),
        ],
    )
    def test_what_needs_more_says_so_in_one_line(self, tmp_path: Path, words: tuple[str, ...], cause: str) -> None:
        """The database is made on the way; what else is missing is named."""
        done = console(*words, directory=tmp_path)

        assert done.returncode == 1
        assert cause in done.stderr
        assert done.stderr.count("\n") == 1

    def test_a_first_person_can_be_invited(self, tmp_path: Path) -> None:
        """The link is printed before there is a portal to open it in."""
        done = console("invite", "ann@house.example", "--role", "approver", directory=tmp_path)

        assert (done.returncode, "/invitations/" in done.stdout) == (0, True), done.stderr


class TestAnotherDatabase:
    def test_one_of_another_release_is_not_touched(self, tmp_path: Path) -> None:
        """A command never migrates what somebody keeps; it names the one that does."""
        kept = sqlite3.connect(tmp_path / "db.sqlite3")
        kept.execute("CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied datetime)")
        kept.execute("INSERT INTO django_migrations VALUES (1, 'contenttypes', '0001_initial', '2026-01-01')")
        kept.commit()

        done = console("probe", "--all", directory=tmp_path)

        assert done.returncode == 1
        assert "manage.py prepare" in done.stderr
        assert done.stderr.count("\n") == 1

    def test_a_file_that_is_none_is_one_line(self, tmp_path: Path) -> None:
        """Damage is named, not traced back."""
        (tmp_path / "db.sqlite3").write_bytes(b"x" * 4096)

        done = console("probe", "--all", directory=tmp_path)

        assert done.returncode == 1
        assert done.stderr.startswith("CommandError: database: ")
        assert done.stderr.count("\n") == 1
