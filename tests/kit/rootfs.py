"""Another Debian release in a directory, made once by debootstrap(8): the Postfix that it ships runs beside ours.

    debian13 = fixture `debian13`              a Root, or the test is skipped with the reason
    Postfix(root=debian13, policy=...)         tests.kit.postfix, everything else as usual

Kept in TLSPORTAL_TEST_CACHE, default tlsportal-tests below XDG_CACHE_HOME (~/.cache). The mirror is the one of this
machine's apt. Made in the network and mounts the session came from, in a process namespace of its own, so that nothing
that a package starts outlives it; at most BUILD_SECONDS. enter() shows the lab's resolver, /dev, /proc and the
directory for temporary files inside, in the mounts of this process alone: paths are the same on both sides.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.lab import bind_over, lab, unbind

CACHE_VARIABLE = "TLSPORTAL_TEST_CACHE"
BUILD_SECONDS = 420
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PACKAGES = ("postfix", "postfix-sqlite")
APT_SOURCES = Path("/etc/apt")
_DEB822_FIELD = re.compile(r"^(\w[\w-]*):[ \t]*(.*)$", re.MULTILINE)
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$", re.MULTILINE)
_SHOWN = ("/proc", "/dev")


class RootUnavailable(RuntimeError):
    """There is no such release here; the message says why."""


@dataclass(frozen=True)
class Root:
    """The directory that holds another Debian."""

    path: Path

    def command(self, name: str, *arguments: str | Path) -> list[str]:
        """Return the command that runs program *name* (a path, or found in PATH) inside."""
        return ["chroot", str(self.path), name, *(str(argument) for argument in arguments)]

    def has(self, place: str, name: str) -> bool:
        """Whether there is a file *name* in directory *place*."""
        return (self.path / place.lstrip("/") / name).is_file()

    def user_id(self, name: str) -> int:
        """Return the number of user *name* inside."""
        return self._number("passwd", name)

    def group_id(self, name: str) -> int:
        """Return the number of group *name* inside."""
        return self._number("group", name)

    @contextlib.contextmanager
    def entered(self) -> Iterator["Root"]:
        """Show what a mail system needs inside, as it is now; the lab's resolver must run already."""
        temporary = Path(tempfile.gettempdir())
        (self.path / temporary.relative_to("/")).mkdir(parents=True, exist_ok=True)
        resolv_conf = self.path / "etc/resolv.conf"
        if resolv_conf.is_symlink():
            resolv_conf.unlink()
        resolv_conf.touch()
        places = [Path(place) for place in (*_SHOWN, temporary, "/etc/resolv.conf")]
        with contextlib.ExitStack() as shown:
            for place in places:
                target = self.path / place.relative_to("/")
                bind_over(place, target)
                shown.callback(unbind, target)
            yield self

    def _number(self, table: str, name: str) -> int:
        for line in (self.path / "etc" / table).read_text().splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return int(fields[2])
        raise LookupError(f"{self.path}/etc/{table}: has no {name}")


def debian(suite: str) -> Root:
    """Return the root of Debian *suite*, made now unless it is there; RootUnavailable says why there is none."""
    if not lab.is_entered:
        raise RootUnavailable(lab.why_not)
    cache = _cache()
    path = cache / f"debian-{suite}"
    with (cache / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be making it
        if not (path / "usr/lib/postfix/sbin/smtp").exists():
            _make(suite, path)
    return Root(path)


def skip_without(suite: str) -> Root:
    """Return debian(suite), or skip the test with the reason."""
    try:
        return debian(suite)
    except RootUnavailable as cause:
        pytest.skip(f"Debian {suite}: {cause}")


def mirror(sources: Path = APT_SOURCES) -> str:
    """Return the first archive of apt's sources that is not for security updates; RootUnavailable without one."""
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    for lines in (file.read_text().splitlines() for file in files if file.is_file()):
        text = "\n".join(line for line in lines if not line.startswith("#"))
        found = [(uri, suite) for uri, suite, components in _ONE_LINE.findall(text) if "main" in components.split()]
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(_DEB822_FIELD.findall(stanza))
            if "deb" in fields.get("Types", "").split() and "main" in fields.get("Components", "").split():
                found += [(uri, fields.get("Suites", "")) for uri in fields.get("URIs", "").split()]
        for uri, suites in found:
            if "-security" not in suites and "debian" in uri:
                return str(uri)
    raise RootUnavailable(f"no Debian archive in {sources}/sources.list")


def alone(*command: str) -> list[str]:
    """Return *command* with processes and mounts of its own: what a package starts ends with it, and no mount stays."""
    # In a plain chroot "/" is no mount point and cannot be made private; /proc can.
    own = ["unshare", "--mount", "--propagation=unchanged", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return [*own, "sh", "-c", 'mount --make-rprivate / 2>/dev/null; exec "$0" "$@"', *command]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    cache = Path(os.environ.get(CACHE_VARIABLE) or Path(base, "tlsportal-tests"))
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise RootUnavailable(f"{cache} cannot be made ({cause.strerror}); set {CACHE_VARIABLE}") from cause
    return cache


def _make(suite: str, path: Path) -> None:
    if shutil.which("debootstrap") is None:
        raise RootUnavailable("debootstrap is missing: apt-get install debootstrap")
    if not KEYRING.exists():
        raise RootUnavailable(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    aside = path.with_name(f"{path.name}.new")
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)
    options = ["--variant=minbase", f"--keyring={KEYRING}", f"--include={','.join(PACKAGES)}"]
    log = path.with_name(f"{suite}.log")
    _run(lab.outside(*alone("debootstrap", *options, suite, str(aside), mirror())), log)
    aside.rename(path)


def _run(command: Sequence[str], log: Path) -> None:
    """Run *command* for BUILD_SECONDS at most; RootUnavailable with the end of its log where it fails."""
    with log.open("w") as output:
        running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            code = running.wait(BUILD_SECONDS)
        except subprocess.TimeoutExpired as cause:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            raise RootUnavailable(f"debootstrap took more than {BUILD_SECONDS} s, see {log}") from cause
    if code:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise RootUnavailable(f"debootstrap failed: {' '.join(last)} (see {log})")
