"""The lab: a network of its own for each pytest process, without a way outside.

`enter()` moves the process into new network and mount namespaces at the start of the session, before any thread:
port 25 is free, nothing can reach a real mail system, and each xdist worker has its own. Children inherit it. Any
address of NETWORKS is local, so thousands of peers need no set-up:

    lab.address()            the next unused IPv4 address of 198.18.0.0/15        fixture `lab`
    lab.address(public=True) one that looks globally routable (93.184.0.0/16)
    lab.address(version=6)   2001:db8::/32; with public=True 2a02:2e0::/32
    lab.hole()               an address that swallows every packet: connecting to it times out
    198.51.100.1             any other address: "network is unreachable", at once

Who is not root has no lab: its fixtures and the tests marked `lab` are skipped, the rest runs.
"""

import contextlib
import ctypes
import errno
import ipaddress
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CLONE_NEWNS = 0x00020000  # linux/sched.h; os.unshare comes with Python 3.12
CLONE_NEWNET = 0x40000000
MS_BIND = 4096  # linux/mount.h
MS_REC = 16384
MS_PRIVATE = 1 << 18

V4 = ipaddress.ip_network("198.18.0.0/15")  # RFC 2544 benchmarking: not globally routable
V4_PUBLIC = ipaddress.ip_network("93.184.0.0/16")
V6 = ipaddress.ip_network("2001:db8::/32")
V6_PUBLIC = ipaddress.ip_network("2a02:2e0::/32")
DOCUMENTATION = ipaddress.ip_network("192.0.2.0/24")
NETWORKS = (V4, V4_PUBLIC, DOCUMENTATION, V6, V6_PUBLIC)
HOLE = ipaddress.ip_network("203.0.113.0/24")

_SYSCTLS = {
    "net/core/somaxconn": "8192",
    "net/ipv4/ip_local_port_range": "10240 65000",
    "net/ipv4/tcp_tw_reuse": "1",
    "net/ipv6/ip_nonlocal_bind": "1",  # a local route suffices to bind in IPv4, not in IPv6
}
_libc = ctypes.CDLL(None, use_errno=True)


class Lab:
    """The state of this process's lab."""

    def __init__(self) -> None:
        """Start outside."""
        self.why_not = "the lab was not entered: run the tests as root"
        self._next = {network: itertools.count(1) for network in (*NETWORKS, HOLE)}
        self._outside: tuple[int, ...] = ()

    @property
    def is_entered(self) -> bool:
        """Whether the process has its own network."""
        return not self.why_not

    def enter(self) -> None:
        """Move into the lab, if the process may; `why_not` tells the reason otherwise."""
        raise_file_limit()
        if self.is_entered:
            return
        self.why_not = _obstacle()
        if self.why_not:
            return
        namespaces = (os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt"))
        self._outside = (*namespaces, os.open("/", os.O_PATH | os.O_DIRECTORY))
        try:
            _check(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare")
            _make_mounts_private()
            _set_up_network()
        except OSError as cause:
            # Back to the network that works. The copy of the mounts stays: to leave it would leave a chroot as well.
            _libc.setns(self._outside[0], CLONE_NEWNET)
            self._outside = ()
            self.why_not = f"no namespaces here: {cause}"

    def outside(self, *command: str) -> list[str]:
        """Return *command* so that it runs in the network and mounts the session came from (package downloads)."""
        if not self._outside:
            return list(command)
        net, mnt, root = (f"/proc/{os.getpid()}/fd/{handle}" for handle in self._outside)
        return ["nsenter", f"--net={net}", f"--mount={mnt}", f"--root={root}", *command]

    def address(self, *, version: int = 4, public: bool = False) -> str:
        """Return an address of the lab that was not given out before."""
        network = {(4, False): V4, (4, True): V4_PUBLIC, (6, False): V6, (6, True): V6_PUBLIC}[version, public]
        return str(network[next(self._next[network])])

    def hole(self) -> str:
        """Return an address at which nothing answers, not even with a refusal."""
        return str(HOLE[next(self._next[HOLE])])


def bind_over(source: Path, target: Path) -> None:
    """Show *source* in the place of *target*, in this process's mounts only."""
    resolved = str(target.resolve()).encode()
    _check(_libc.mount(str(source).encode(), resolved, None, MS_BIND, None), f"bind {source} over {target}")


def unbind(target: Path) -> None:
    """Undo bind_over()."""
    _check(_libc.umount(str(target.resolve()).encode()), f"umount {target}")


def raise_file_limit() -> None:
    """Allow as many open files as the hard limit does: a test may hold thousands of sockets."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _obstacle() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "the lab needs root on Linux (network and mount namespaces)"
    if shutil.which("ip") is None:
        return "the lab needs ip: apt-get install iproute2"
    return ""


def _make_mounts_private() -> None:
    """Keep this process's mounts to itself; in a plain chroot "/" is first made a mount point, by a bind of itself."""
    if _libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0:
        return
    if ctypes.get_errno() != errno.EINVAL:
        _check(-1, "mount --make-rprivate /")
    here, aside = Path.cwd(), Path(tempfile.mkdtemp(prefix="lab."))
    # On a file system of its own the bind reaches no peer of the mount that holds the chroot.
    _check(_libc.mount(b"lab", bytes(aside), b"tmpfs", 0, None), f"mount tmpfs on {aside}")
    _check(_libc.mount(None, bytes(aside), None, MS_PRIVATE, None), f"mount --make-private {aside}")
    root = aside / "root"
    root.mkdir()
    _check(_libc.mount(b"/", bytes(root), None, MS_BIND | MS_REC, None), f"mount --rbind / {root}")
    _check(_libc.mount(None, bytes(root), None, MS_REC | MS_PRIVATE, None), f"mount --make-rprivate {root}")
    os.chroot(root)
    os.chdir(here)


def _set_up_network() -> None:
    _ip("link set lo up", *(f"route add local {network} dev lo" for network in NETWORKS))
    # What goes into one end of a pair comes out at the other, for an address that is nobody's: it is dropped.
    _ip("link add hole type veth peer name pit", "link set hole arp off up", "link set pit arp off up")
    _ip(f"route add {HOLE} dev hole")
    for name, value in _SYSCTLS.items():
        with contextlib.suppress(OSError):  # an older kernel may not know it per network
            Path("/proc/sys", name).write_text(value)


def _ip(*commands: str) -> None:
    batch = "\n".join(commands)
    try:
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True, capture_output=True, timeout=10)
    except subprocess.CalledProcessError as cause:
        raise OSError(f"ip: {cause.stderr.strip()}") from cause


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


lab = Lab()
