"""The files of a private Postfix: main.cf and master.cf, queue, chroot, queue file times."""

import grp
import os
import pwd
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.kit.rootfs import Root

MAIL_OWNER, SETGID_GROUP = "postfix", "postdrop"
_PRIVATE_QUEUES = [
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
    "trace",
]
_CHROOT_FILES = ["localtime", "services", "resolv.conf", "hosts", "host.conf", "nsswitch.conf"]  # configure-instance.sh
_FIRST_NUMBER = re.compile(rb"[0-9]+")

DEFAULTS: Mapping[str, str] = {
    "compatibility_level": "3.6",
    "myhostname": "relay.example",
    "myorigin": "relay.example",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8 [::1]/128",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "all",
    "alias_maps": "",
    "alias_database": "",
    "append_dot_mydomain": "no",
    "biff": "no",
    "hash_queue_names": "saved",  # every queue that matters is flat
    "enable_long_queue_ids": "yes",  # short ones come again
    "in_flow_delay": "0",
    "initial_destination_concurrency": "20",
    # A failed delivery says nothing about the next message: each is tried, and on a connection of its own.
    "default_destination_concurrency_failed_cohort_limit": "0",
    "smtp_connection_cache_on_demand": "no",
    "smtp_connect_timeout": "5s",
    "smtp_helo_timeout": "10s",
    "smtp_starttls_timeout": "10s",
    "smtp_tls_security_level": "may",
    "smtp_tls_loglevel": "1",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "smtpd_peername_lookup": "no",
    "smtpd_tls_security_level": "none",
    "transport_maps": "inline:{relay.example=discard:}",  # where bounces go
    "notify_classes": "",
}

# service type private unpriv chroot wakeup maxproc command; {chroot} is that of smtp(8), Debian's default is y
_MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{hold_port} inet n - n - - smtpd -o smtpd_client_restrictions=static:HOLD
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
tlsproxy unix - - n - 0 tlsproxy
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - {chroot} - - smtp
relay unix - - {chroot} - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Owners(NamedTuple):
    """The numbers of Postfix's user and of the group of its set-gid programs; another Debian has others."""

    user: int
    group: int


def owners(root: Root | None) -> Owners:
    """Return the owners of the Postfix in *root*, or of this machine's."""
    if root is not None:
        return Owners(root.user_id(MAIL_OWNER), root.group_id(SETGID_GROUP))
    return Owners(pwd.getpwnam(MAIL_OWNER).pw_uid, grp.getgrnam(SETGID_GROUP).gr_gid)


def make_directories(directory: Path, owned: Owners) -> None:
    """Make configuration, queue and state below *directory*, owned as postfix-files demands."""
    queue = directory / "queue"
    for path in (directory / "config", queue, queue / "pid"):
        path.mkdir(mode=0o755)
    (directory / "state").mkdir(mode=0o700)
    os.chown(directory / "state", owned.user, -1)
    for name in _PRIVATE_QUEUES:
        (queue / name).mkdir(mode=0o700)
        os.chown(queue / name, owned.user, -1)
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        (queue / name).mkdir()
        (queue / name).chmod(mode)
        os.chown(queue / name, *owned)


def main_cf(directory: Path, settings: Mapping[str, str]) -> str:
    """Return main.cf with *settings* over DEFAULTS."""
    places = {
        "queue_directory": str(directory / "queue"),
        "data_directory": str(directory / "state"),
        "maillog_file": str(directory / "maillog"),
        "maillog_file_prefixes": str(directory),
    }
    return "".join(f"{name} = {value}\n" for name, value in {**places, **DEFAULTS, **settings}.items())


def master_cf(port: int, hold_port: int, *, chroot: bool) -> str:
    """Return master.cf; the second smtpd(8) holds what it takes."""
    return _MASTER_CF.format(port=port, hold_port=hold_port, chroot="y" if chroot else "n")


def fill_chroot(queue: Path, root: Path = Path("/")) -> None:
    """Copy from *root* into *queue* what a chrooted smtp(8) needs, as Debian's configure-instance.sh does."""
    (queue / "etc").mkdir(exist_ok=True)
    for name in _CHROOT_FILES:
        source = root / "etc" / name
        if source.is_file():
            shutil.copyfile(source, queue / "etc" / name)
    for pattern in ("lib/*/libgcc_s*.so*", "lib/*/libnss*.so*", "lib/*/libresolv*.so*"):
        for library in root.glob(pattern):
            copy = queue / library.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(library, copy)


def settle(path: Path, text: str) -> None:
    """Write *text* to *path* as if some time ago.

    Postfix waits up to two seconds before it believes a main.cf or texthash file that was just written
    (src/util/dict.c, dict_load_file_xp).
    """
    path.write_text(text)
    past = time.time() - 10
    os.utime(path, (past, past))


def back_date(queue_file: Path, seconds: int) -> None:
    """Let the message in *queue_file* have arrived *seconds* earlier.

    Its arrival is the record T before the contents, "SECONDS MICROSECONDS"; its making, by which qmgr(8) tells when to
    give up, the record A "create_time=SECONDS" (src/global/rec_type.h). New times have as many digits: nothing moves.
    """
    octets = bytearray(queue_file.read_bytes())
    at, kind, found = 0, b"", 0
    while at < len(octets) and kind != b"M":
        kind, at = bytes(octets[at : at + 1]), at + 1
        size = shift = 0
        while True:
            octet, at = octets[at], at + 1
            size |= (octet & 0x7F) << shift
            shift += 7
            if not octet & 0x80:
                break
        record = bytes(octets[at : at + size])
        if kind == b"T" or record.startswith(b"create_time="):
            octets[at : at + size] = _FIRST_NUMBER.sub(lambda old: str(int(old[0]) - seconds).encode(), record, count=1)
            found += 1
        at += size
    if found != 2:
        raise ValueError(f"queue file {queue_file.name}: has {found} times instead of arrival and making")
    times = queue_file.stat()
    with queue_file.open("r+b") as file:
        file.write(octets)
    os.utime(queue_file, ns=(times.st_atime_ns, times.st_mtime_ns))
