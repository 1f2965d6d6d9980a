"""The files that a described relay would read, on this machine; sizes are bounded, and what did not change is kept."""

import os
import pwd
import stat
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

__all__ = ["FILE_BYTES_MAX", "RelayFiles"]

FILE_BYTES_MAX = 8_000_000
NAMES_MAX = 10_000
KEPT_MAX = 1024

_Stamp = tuple[int, int, int]
_Question = tuple[str, str, str, bytes | list[str] | None]  # path, who opens it, from where, the answer


class RelayFiles:
    """Reads regular files alone: a FIFO or a device in a tafile= would never end."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[_Stamp, bytes]] = OrderedDict()
        self.asked: list[_Question] = []

    def read(self, path: str, *, reader: str = "", within: str = "") -> bytes | None:
        """Return the contents of *path*; None where it cannot be read, is no regular file, or is too large.

        reader: the user who opens it on the relay; root may read all, and smtp(8) is not root any more.
        within: the directory that the reader is in; who may enter those above it does not count.
        """
        content = self._content_for(reader, within, path)
        self.asked.append((path, reader, within, content))
        return content

    def names(self, path: str) -> list[str]:
        """Return the names in the directory *path*, [] where it cannot be read or holds too many."""
        found = _names(path)
        self.asked.append((path, "", "", found))
        return found

    def forget_asked(self) -> tuple[_Question, ...]:
        """Return what was asked since the last call, each with the answer."""
        asked, self.asked = tuple(self.asked), []
        return asked

    def is_as_before(self, asked: Iterable[_Question]) -> bool:
        """Whether all that was *asked* would be answered in the same way now."""
        return all(
            _names(path) == answer if isinstance(answer, list) else self._content_for(reader, within, path) is answer
            for path, reader, within, answer in asked
        )

    def _content_for(self, reader: str, within: str, path: str) -> bytes | None:
        return self._content(path) if not reader or _may_read(reader, within, path) else None

    def _content(self, path: str) -> bytes | None:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):  # ValueError: a NUL in the path
            return None
        try:
            status = os.fstat(handle)
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_BYTES_MAX:
                return None
            kept = self._kept.get(path)
            if kept is not None and kept[0] == stamp:
                return kept[1]
            content = os.read(handle, FILE_BYTES_MAX)
        except OSError:
            return None
        finally:
            os.close(handle)
        self._kept[path] = (stamp, content)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return content


def _may_read(user: str, within: str, path: str) -> bool:
    """Whether the permissions let *user*, or a stranger where this machine has no such user, read *path*."""
    try:
        entry = pwd.getpwnam(user)
        owner, groups = entry.pw_uid, set(os.getgrouplist(user, entry.pw_gid))
    except KeyError:
        owner, groups = -1, set[int]()
    try:
        place = Path(path).resolve(strict=True)
        above = Path(within).resolve().parents if within else ()
        entered = (parent for parent in place.parents if parent not in above)
        steps = [(place.stat(), stat.S_IRUSR), *((parent.stat(), stat.S_IXUSR) for parent in entered)]
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links that lead round in a circle
        return False
    return owner == 0 or all(_grants(status, bit, owner, groups) for status, bit in steps)


def _grants(status: os.stat_result, bit: int, owner: int, groups: set[int]) -> bool:
    """Whether *bit*, of the owner's three, is set for the class of users that *owner* and *groups* fall into."""
    if status.st_uid == owner:
        return bool(status.st_mode & bit)
    return bool(status.st_mode & (bit >> 3 if status.st_gid in groups else bit >> 6))


def _names(path: str) -> list[str]:
    try:
        found = sorted(entry.name for entry in Path(path).iterdir())
    except (OSError, ValueError):
        return []
    return found if len(found) <= NAMES_MAX else []
