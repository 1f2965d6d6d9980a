"""The files that predict --jsonl reads in a relay's place: who may read them, and when they are read again."""

import os
from pathlib import Path

import pytest

from partners.management.jsonl.relay_files import FILE_BYTES_MAX, RelayFiles

STRANGER = "nobody"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory that everybody may enter, as /etc is."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.owner() == Path.home().owner() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o111)
    return tmp_path


@pytest.mark.parametrize(("mode", "readable"), [(0o644, True), (0o640, False), (0o600, False)])
def test_smtp_is_not_root(shared: Path, mode: int, readable: bool):
    """What root reads may be closed to the user postfix."""
    path = shared / "ta.pem"
    path.write_text("x")
    path.chmod(mode)

    assert RelayFiles().read(str(path), reader=STRANGER) == (b"x" if readable else None)
    assert RelayFiles().read(str(path)) == b"x"


def test_a_closed_directory_closes_what_is_in_it(shared: Path):
    """Each of the way has to be open."""
    (shared / "private").mkdir(mode=0o700)
    (shared / "private" / "ta.pem").write_text("x")

    assert RelayFiles().read(str(shared / "private" / "ta.pem"), reader=STRANGER) is None


def test_who_is_within_does_not_pass_what_lies_above(shared: Path):
    """In a chroot, or where a relative path begins, the directories above the queue are not asked."""
    queue = shared / "private" / "queue"
    queue.mkdir(parents=True)
    queue.parent.chmod(0o700)
    (queue / "ta.pem").write_text("x")

    assert RelayFiles().read(str(queue / "ta.pem"), reader=STRANGER, within=str(queue)) == b"x"


def test_a_file_that_changed_is_read_again(tmp_path: Path):
    """And what was made of it is made anew."""
    path, files = tmp_path / "ca.pem", RelayFiles()
    path.write_text("old")
    files.read(str(path))
    files.names(str(tmp_path))
    asked = files.forget_asked()
    before = files.is_as_before(asked)
    path.write_text("newer")

    assert (before, files.is_as_before(asked), files.read(str(path))) == (True, False, b"newer")


def test_what_would_not_end_is_not_read(tmp_path: Path):
    """A FIFO, a device, a directory, a file without measure, a name that is none."""
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(FILE_BYTES_MAX + 1)
    paths = [str(tmp_path / "fifo"), str(tmp_path / "large"), str(tmp_path), "/dev/zero", "a\0b", ""]

    assert [RelayFiles().read(path) for path in paths] == [None] * len(paths)
    assert RelayFiles().names(str(tmp_path / "nowhere")) == []
