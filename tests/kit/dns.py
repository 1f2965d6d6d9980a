"""The kit's DNS: an authoritative knot for every zone from the root down, and a validating unbound in front.

    dns.zone("example.com", signed=True).add("@ MX 10 mx", "mx A 198.18.0.1")     fixture `dns`, see tests.kit.zones
    dns.address, dns.port                      the resolver: 127.0.0.1, 53 in the lab, a free port elsewhere
    dns.silent("slow.example")                 its servers never answer
    dns.servfail("dead.example")               a lookup below it fails at once (a bogus zone)
    dns.stop_resolver(); dns.start_resolver()  the resolver itself
    with dns.batch(): ...                      many changes, served together at the end

Nothing is cached from one change to the next. In the lab /etc/resolv.conf points here for this process and its
children, so that Postfix and the probe ask it as they would in production; unknown names are proven not to exist.
`dns` forgets all zones after each test. A module with zones of its own takes `dns_server`, and not `dns`.
"""

import contextlib
import functools
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from tests.kit.daemon import Daemon, DaemonError, private_directory, program
from tests.kit.lab import bind_over, lab, unbind
from tests.kit.smtpd import free_port, wait_until
from tests.kit.zones import NAMESERVER, Zone

LOOPBACK = "127.0.0.1"
RESOLV_CONF = Path("/etc/resolv.conf")
SERVED_TIMEOUT_SECONDS = 5.0

_KNOT = """\
server:
  rundir: "{directory}"
  listen: {address}@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
control:
  listen: "{directory}/knot.sock"
log:
  - target: stderr
    any: warning
database:
  storage: "{directory}"
template:
  - id: default
    storage: "{directory}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
{zones}"""

_UNBOUND = """\
server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  logfile: ""
  num-threads: 1
  interface: {address}@{port}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor: "{anchor}"
  aggressive-nsec: no
  qname-minimisation: no
  target-fetch-policy: "0 0 0 0 0"
  unblock-lan-zones: yes
  local-zone: "test." nodefault
  local-zone: "kit-dns." nodefault
  val-log-level: 1
remote-control:
  control-enable: yes
  control-interface: "{directory}/unbound.sock"
  control-use-cert: no
stub-zone:
  name: "."
  stub-addr: {address}@{authority}
"""


class DnsServer:
    """Authority and resolver of one test process."""

    def __init__(self, *, ttl: int = 0, port: int | None = None) -> None:
        """Prepare both; start() runs them. port: of the resolver; default 53 in the lab, else a free one."""
        self.directory = private_directory("dns")
        self.address = LOOPBACK
        self.port = port or (53 if lab.is_entered else free_port())
        self._authority = free_port()
        self._ttl = ttl
        self._zones: dict[dns.name.Name, Zone] = {}
        self._dirty: set[dns.name.Name] = set()
        self._stubs: dict[str, int] = {}  # names that the resolver asks at a port of their own
        self._batches = 1  # nothing is served before start()
        self._silence = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._silence.bind((LOOPBACK, 0))
        self._knotc = program("knotc", "knot")
        self._knot = Daemon(
            "knotd", [program("knotd", "knot"), "-c", self.directory / "knot.conf"], self.directory / "knot.log"
        )
        unbound = [program("unbound", "unbound"), "-d", "-c", str(self.directory / "unbound.conf")]
        self._unbound = Daemon("unbound", unbound, self.directory / "unbound.log")
        self._root = self._make(".", signed=True)
        self._root.put(f"{NAMESERVER} A {LOOPBACK}")

    def start(self) -> None:
        """Start both servers and serve the root."""
        self._write_zones()
        self._knot.start(lambda: self._is_served(self._root))
        anchor = f". 0 IN DNSKEY {self._root.dnskey}"
        settings = {"directory": self.directory, "address": self.address, "port": self.port}
        conf = _UNBOUND.format(**settings, authority=self._authority, anchor=anchor)
        Path(self.directory, "unbound.conf").write_text(conf)
        self.start_resolver()
        self._batches = 0
        resolv_conf = Path(self.directory, "resolv.conf")
        resolv_conf.write_text(f"nameserver {self.address}\noptions edns0 trust-ad timeout:3 attempts:2\n")
        if lab.is_entered and self.port == 53:
            bind_over(resolv_conf, RESOLV_CONF)

    def start_resolver(self) -> None:
        """Start the resolver."""
        self._unbound.start(lambda: self._resolver_rcode() is not None)
        for name, port in self._stubs.items():
            self._control(f"stub_add {name} {LOOPBACK}@{port}")

    def stop_resolver(self) -> None:
        """Stop the resolver: whoever asks is refused by the kernel."""
        self._unbound.kill()

    def close(self) -> None:
        """Stop all and give /etc/resolv.conf back."""
        if lab.is_entered and self.port == 53:
            with contextlib.suppress(OSError):
                unbind(RESOLV_CONF)
        self._unbound.kill()
        self._knot.kill()
        self._silence.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def zone(self, name: str, *, signed: bool = False) -> Zone:
        """Return the zone *name*, new unless it exists already."""
        origin = dns.name.from_text(name)
        if origin not in self._zones:
            self._serve(self._make(name, signed=signed))
        return self._zones[origin]

    def drop(self, name: str) -> None:
        """Serve zone *name* no longer: it does not exist."""
        origin = dns.name.from_text(name)
        parent = self._parent(origin)
        del self._zones[origin]
        self._unstub(str(origin))
        self._dirty.discard(origin)
        self._serve(self._zones[parent])

    def silent(self, name: str) -> None:
        """Let questions about *name* and below go unanswered."""
        self._stub(f"{name.rstrip('.')}.", self._silence.getsockname()[1])
        self._control(f"flush_zone {name}")

    def servfail(self, name: str) -> None:
        """Let every lookup of *name* and below fail at once."""
        self.zone(name, signed=True).signatures = "broken"

    def reset(self) -> None:
        """Forget every zone and fault, and run again."""
        if not self._unbound.is_running:
            self.start_resolver()
        if self._silence.getsockname()[1] in self._stubs.values():
            self._control("flush_requestlist")  # else a new question waits with an old one for the silent servers
        for name in list(self._stubs):
            self._unstub(name)
        self._zones = {self._root.origin: self._root}
        self._dirty.clear()
        self._serve(self._root)

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Serve the changes made inside together at the end."""
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
        self._publish()

    def ask(self, name: str, rdtype: str = "A", *, timeout: float = 10.0) -> dns.message.Message:
        """Return what the resolver says, with DO set: look at .rcode(), .answer and the AD flag."""
        query = dns.message.make_query(name, rdtype, want_dnssec=True)
        return dns.query.udp_with_fallback(query, self.address, timeout=timeout, port=self.port)[0]

    def _make(self, name: str, *, signed: bool) -> Zone:
        zone = Zone(name, signed=signed, ttl=self._ttl, commit=self._serve)
        self._zones[zone.origin] = zone
        self._dirty |= {zone.origin, self._parent(zone.origin)}
        return zone

    def _parent(self, origin: dns.name.Name) -> dns.name.Name:
        while origin != dns.name.root:
            origin = origin.parent()
            if origin in self._zones:
                break
        return origin

    def _serve(self, zone: Zone) -> None:
        self._dirty.add(zone.origin)
        self._publish()

    def _publish(self) -> None:
        if self._batches or not self._dirty:
            return
        changed = self._write_zones()
        self._run_knotc("reload")
        for zone in changed:
            served = functools.partial(self._is_served, zone)
            wait_until(served, SERVED_TIMEOUT_SECONDS, f"zone {zone.name}: serve")
        for zone in changed:
            # The delegation tells an address, and no port: a nested zone would be asked for at port 53.
            if zone is not self._root and str(zone.origin) not in self._stubs:
                self._stub(str(zone.origin), self._authority)
        if self._unbound.is_running:
            for order in ("flush_zone .", "flush_infra all"):
                self._control(order)

    def _write_zones(self) -> list[Zone]:
        changed = [self._zones[origin] for origin in sorted(self._dirty) if origin in self._zones]
        self._dirty.clear()
        children: dict[dns.name.Name, list[Zone]] = {}
        for zone in self._zones.values():
            if zone is not self._root:
                children.setdefault(self._parent(zone.origin), []).append(zone)
        for zone in changed:
            self._file(zone).write_text(zone.text(children.get(zone.origin, [])))
        zones = "".join(f'  - domain: "{z.origin}"\n    file: "{self._file(z)}"\n' for z in self._zones.values())
        settings = {"directory": self.directory, "address": LOOPBACK, "port": self._authority}
        Path(self.directory, "knot.conf").write_text(_KNOT.format(**settings, zones=zones))
        return changed

    def _file(self, zone: Zone) -> Path:
        return self.directory / f"{'root' if zone is self._root else zone.name.encode().hex()}.zone"

    def _is_served(self, zone: Zone) -> bool:
        query = dns.message.make_query(zone.origin, "SOA")
        try:
            answer = dns.query.udp(query, LOOPBACK, timeout=0.5, port=self._authority)
        except (OSError, dns.exception.DNSException):
            return False
        return any(f" {zone.serial} " in str(rrset) for rrset in answer.answer)

    def _resolver_rcode(self) -> int | None:
        try:
            return self.ask(".", "SOA", timeout=0.3).rcode()
        except (OSError, dns.exception.DNSException):
            return None

    def _stub(self, name: str, port: int) -> None:
        self._stubs[name] = port
        if self._unbound.is_running:
            self._control(f"stub_add {name} {LOOPBACK}@{port}")

    def _unstub(self, name: str) -> None:
        if self._stubs.pop(name, None) and self._unbound.is_running:
            self._control(f"stub_remove {name}")

    def _control(self, order: str) -> str:
        """Send *order* to unbound as unbound-control(8) does, without a process for each."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(5)
            control.connect(str(self.directory / "unbound.sock"))
            control.sendall(f"UBCT1 {order}\n".encode())
            with control.makefile() as reply:
                answer = reply.read()
        if answer.startswith("error"):
            raise DaemonError(f"unbound: {order}: {answer.strip()}")
        return answer

    def _run_knotc(self, order: str) -> None:
        command = [self._knotc, "-c", str(self.directory / "knot.conf"), order]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        if done.returncode:
            raise DaemonError(f"knotc {order}: {done.stdout}{done.stderr}")
