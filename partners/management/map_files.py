"""A map and the CA set that belongs to it, in files that are switched together by one rename.

A release is judged as a whole: a new CA set under an old map is a state that nobody looked at. So both lie in a
directory of their own, and what Postfix opens are links through one other link:

    tls_policy          -> .tls_policy.current/tls_policy
    ca.pem              -> .tls_policy.current/ca.pem
    .tls_policy.current -> .tls_policy.set-XXXXXXXX

The directory is complete and on disk before `.current` is renamed. tafiles lie beside the map, as tafile= names them;
their name is the hash of what they hold, so they are added before and are never another's.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from pathlib import Path

__all__ = ["is_linked", "write_set", "write_whole"]


def write_set(target: Path, text: str, beside: Mapping[str, str], *, added: Mapping[str, str]) -> None:
    """Put *text* in the place of *target* and *beside* (name -> text) next to it, all at once.

    added: files that do not change once they are there; they come first. A crash at any moment leaves the old set or
    the new one. What crashed runs left is removed by the next. Raises OSError.
    """
    if target.is_symlink() and not is_linked(target):
        target = target.resolve()  # somebody else's link stays, and what it names is written
    with _locked(target.parent):
        _sweep_drafts(target.parent, (*added, target.name))
        for name, content in added.items():
            write_whole(target.parent / name, content.encode())
        if not beside and not is_linked(target):
            write_whole(target, text.encode())
            return
        names = (*beside, target.name)
        if not all(is_linked(target, name) for name in names):
            _link(target, names)
        files = {**beside, target.name: text}
        _switch(target, {name: content.encode() for name, content in files.items()}, _mode_of(target))
        _sweep(target)


def is_linked(target: Path, name: str = "") -> bool:
    """Whether *target*, or *name* beside it, is a link that write_set() made for *target*."""
    path = target.parent / (name or target.name)
    return path.is_symlink() and str(path.readlink()) == _shown(target, path.name)


def write_whole(path: Path, content: bytes) -> None:
    """Put *content* in the place of *path* at once: a reader sees the old file or the new one, never a part.

    The draft lies in the same directory (a rename does not cross file systems) and is on disk before it is renamed. The
    mode of an existing file is kept.
    """
    path = path.resolve()
    mode = _mode_of(path)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.draft-")
    try:
        _fill(handle, content, mode)
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
    _to_disk(path.parent)


def _current(target: Path) -> Path:
    """The link whose rename is the switch."""
    return target.parent / f".{target.name}.current"


def _shown(target: Path, name: str) -> str:
    """What the link *name* beside *target* shows."""
    return f"{_current(target).name}/{name}"


def _link(target: Path, names: tuple[str, ...]) -> None:
    """Turn the files *names* into links, such that each shows at every moment what it showed before."""
    there = [name for name in names if (target.parent / name).is_file()]
    _switch(target, {name: (target.parent / name).read_bytes() for name in there}, _mode_of(target))
    for name in names:
        if not is_linked(target, name):
            _point(target.parent / name, _shown(target, name))


def _switch(target: Path, files: Mapping[str, bytes], mode: int) -> None:
    """Write *files* into a new directory and let `.current` name it; the map has *mode*."""
    place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.set-"))
    try:
        place.chmod(0o755)
        for name, content in files.items():
            handle = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            _fill(handle, content, mode if name == target.name else 0o644)
        _to_disk(place)
        _point(_current(target), place.name)
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _point(link: Path, shown: str) -> None:
    """Make *link* show *shown*, by one rename."""
    draft = link.with_name(f"{link.name}.new")
    draft.unlink(missing_ok=True)  # of a run that crashed; this one holds the lock
    draft.symlink_to(shown)
    draft.replace(link)
    _to_disk(link.parent)


def _sweep(target: Path) -> None:
    """Remove the sets that `.current` does not name."""
    named = str(_current(target).readlink())
    for place in target.parent.glob(f".{escape(target.name)}.set-*"):
        if place.name != named:
            shutil.rmtree(place, ignore_errors=True)


def _sweep_drafts(directory: Path, names: tuple[str, ...]) -> None:
    """Remove what write_whole() began for *names* when it was killed; the caller holds the lock."""
    for name in names:
        for draft in directory.glob(f".{escape(name)}.draft-*"):
            draft.unlink(missing_ok=True)


def _mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o644


def _fill(handle: int, content: bytes, mode: int) -> None:
    """Write *content* to *handle*, to the disk, and close it."""
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())


def _to_disk(directory: Path) -> None:
    """Let the names in *directory* outlive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one run at a time write in *directory*; the lock ends with the process."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
