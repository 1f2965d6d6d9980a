"""A reader of the exported files sees the old set or the new one, at every moment and after a crash at every moment."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partners.management.map_files import is_linked, write_set

Seen = tuple[str, str]
OLD, NEW = ("old map\n", "old set\n"), ("new map\n", "new set\n")
CRASHED = 9
_watchers: list[Callable[[], None]] = []  # what sees each step in the file system; an audit hook cannot be taken off
_STEPS = {"open", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree"}


def _told(event: str, _given: Any) -> None:
    if event in _STEPS and _watchers:
        watcher = _watchers.pop()
        watcher()
        _watchers.append(watcher)


sys.addaudithook(_told)


def seen(target: Path) -> Seen:
    """What Postfix reads now; "" for a file that is not there."""
    paths = (target, target.parent / "ca.pem")
    return tuple(path.read_text() if path.exists() else "" for path in paths)  # type: ignore[return-value]


def write(target: Path, one: Seen) -> None:
    write_set(target, one[0], {"ca.pem": one[1]}, added={"00.pem": "own\n"})


def watched(act: Callable[[], None], watcher: Callable[[], None]) -> None:
    """Run *act* and call *watcher* before each of its steps."""
    _watchers.append(watcher)
    try:
        act()
    finally:
        _watchers.clear()


@pytest.fixture(params=["nothing", "plain files", "links"])
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Where a map goes: nothing is there, the files of an earlier version, or what an export left."""
    path = tmp_path / "tls_policy"
    if request.param == "plain files":
        path.write_text(OLD[0])
        (tmp_path / "ca.pem").write_text(OLD[1])
    if request.param == "links":
        write(path, OLD)
    return path


def test_no_moment_shows_a_mixed_set(target: Path) -> None:
    """The map and its CA set change in one step, and only one is ever left lying there."""
    before, moments = seen(target), []

    watched(lambda: write(target, NEW), lambda: moments.append(seen(target)))

    assert len(moments) > 10
    assert set(moments) == {before, NEW}
    assert seen(target) == NEW
    assert len(list(target.parent.glob(".tls_policy.set-*"))) == 1
    assert (target.parent / "00.pem").read_text() == "own\n"


def test_a_crash_at_any_moment_leaves_a_whole_set(target: Path) -> None:
    """The process dies before its first step, its second, ...; whoever comes next finds a set, and ends the work."""
    for step in range(200):
        before = seen(target)
        code = died_at(step, lambda: write(target, NEW))
        assert seen(target) in {before, NEW}
        if code == 0:
            break
    assert (step > 10, code, seen(target)) == (True, 0, NEW)
    assert sorted(path.name.partition(".set-")[0] for path in target.parent.iterdir()) == [
        *(".tls_policy", ".tls_policy.current", "00.pem", "ca.pem", "tls_policy"),
    ]


def died_at(step: int, act: Callable[[], None]) -> int:
    """Run *act* in a process of its own that ends at once before its step number *step*; return how it ended."""
    pid = os.fork()
    if pid == 0:
        left = [step]

        def count() -> None:
            if not left[0]:
                os._exit(CRASHED)
            left[0] -= 1

        watched(act, count)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_somebody_elses_link_stays(tmp_path: Path) -> None:
    """What it names is written, as it always was."""
    real = tmp_path / "etc"
    real.mkdir()
    link = tmp_path / "tls_policy"
    link.symlink_to(real / "policy")

    write(link, NEW)

    assert link.readlink() == real / "policy"
    assert seen(real / "policy") == NEW


def test_a_map_without_a_set_stays_a_plain_file(tmp_path: Path) -> None:
    """Links are made only where two files change together; the mode is kept."""
    target = tmp_path / "tls_policy"
    target.write_text("old\n")
    target.chmod(0o640)

    write_set(target, "new\n", {}, added={})
    plain = target.is_symlink()
    write(target, NEW)

    assert (plain, is_linked(target), target.stat().st_mode & 0o777) == (False, True, 0o640)
