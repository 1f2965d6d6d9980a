"""Private Postfix instances of the installed release: the judge of everything the portal says.

    relay = postfix(cafile=[ca], policy="example.com secure\\n", smtp_dns_support_level="dnssec")     fixture, a factory
    queue_id = relay.send("someone@example.com")         age=600: as if it had arrived ten minutes ago
    relay.outcome(queue_id)                              Outcome: status, dsn, reason, mx_host, address, tls, lines
    relay.deliver("someone@example.com")                 both
    relay.retry(queue_id)                                flushes one deferred message, returns the next outcome
    relay.flush()                                        all of them
    relay.policy("example.com encrypt\\n")               new policy map; holds from the next delivery on
    relay.change(smtp_tls_security_level="encrypt")         main.cf, and reload
    relay.postmap_query("example.com"), relay.postmap_queries(keys), relay.postconf("mail_version")

Values of main.cf are keywords; tests.kit.postfix_files.DEFAULTS shows what the kit sets. `policy` is compiled into
`maptype` (hash; "texthash" is read as it is). chroot=True runs smtp(8) as Debian does; root=… another Debian's Postfix (tests.kit.rootfs);
services="…" are further lines of master.cf. A sender other than the default
gets its bounces into the same queue. Mail cannot leave the lab; without a lab the fixture skips.
"""

import contextlib
import re
import shutil
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.kit import postfix_files as files
from tests.kit.ca import Certificate, bundle
from tests.kit.daemon import Daemon, DaemonError, private_directory, program
from tests.kit.maillog import MailLog, Outcome
from tests.kit.rootfs import Root
from tests.kit.smtpd import free_port, wait_until

SENDER = "sender@relay.example"
_DAEMON_DIRECTORIES = ("/usr/lib/postfix/sbin", "/usr/libexec/postfix")
_CHROOTED = re.compile(r"^\S+ unix \S+ \S+ y ", re.MULTILINE)
_RELOADED = {"smtp", "smtpd", "cleanup", "trivial-rewrite", "qmgr", "tlsproxy", "tlsmgr", "proxymap"}


def release_of(root: Root | None = None) -> tuple[str, str]:
    """Return the releases of Postfix and of its OpenSSL, such as "3.7.11" and "3.0.19", here or in *root*."""
    postconf = [program("postconf", "postfix")] if root is None else root.command("/usr/sbin/postconf")
    words = [["-d", "-h", "mail_version"], ["-T", "run-version"]]
    postfix, tls = (
        subprocess.run([*postconf, *word], capture_output=True, text=True, check=True, timeout=10).stdout.split()
        for word in words
    )
    return postfix[0], tls[1]


class PostfixError(RuntimeError):
    """A Postfix command failed; its words are in the message."""


class Postfix:
    """One instance. Commands work once it is made, mail flows between start() and close()."""

    def __init__(
        self,
        *,
        cafile: Sequence[Certificate] = (),
        policy: str | None = None,
        maptype: str = "hash",
        chroot: bool = False,
        root: Root | None = None,
        services: str = "",
        **main_cf: str,
    ) -> None:
        """Write the configuration."""
        self._root, self._services = root, services
        self._program("postconf")
        self.directory = private_directory("postfix")
        self.config, self.queue = self.directory / "config", self.directory / "queue"
        self.maptype, self._chroot = maptype, chroot
        self.log = MailLog(self.directory / "maillog")
        self.port, self._hold_port = free_port(), free_port()
        files.make_directories(self.directory, files.owners(root))
        self._settings = dict(main_cf)
        if cafile:
            self.write("CAfile.pem", bundle(*cafile))
            self._settings.setdefault("smtp_tls_CAfile", str(self.config / "CAfile.pem"))
        if policy is not None:
            self._settings.setdefault("smtp_tls_policy_maps", f"{maptype}:{self.policy_path}")
        files.settle(self.config / "main.cf", files.main_cf(self.directory, self._settings))
        master_cf = files.master_cf(self.port, self._hold_port, chroot=chroot) + services
        (self.config / "master.cf").write_text(master_cf)
        if policy is not None:
            self._compile(policy)
        command = [*self._program("master"), "-d", "-c", str(self.config)]
        self.daemon = Daemon("postfix", command, self.directory / "master.log")

    @property
    def policy_path(self) -> Path:
        """The policy table, without its map type."""
        return self.config / "tls_policy"

    @property
    def version(self) -> str:
        """The release, such as "3.7.11"."""
        return self.postconf("mail_version")["mail_version"]

    def start(self) -> None:
        """Start the mail system."""
        if self._chroot or _CHROOTED.search(self._services):
            files.fill_chroot(self.queue, self._root.path if self._root else Path("/"))
        try:
            self.daemon.start(self._answers, timeout=20)
        except DaemonError as cause:
            raise PostfixError(f"{cause}\n{self.log.text()}") from cause

    def stop(self) -> None:
        """Stop the mail system; the queue stays."""
        self.daemon.stop()

    def close(self) -> None:
        """Stop the mail system and remove everything."""
        self.daemon.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def write(self, name: str, text: str) -> Path:
        """Write a file beside main.cf (a CA file, a tafile, a table) and return its path."""
        path = self.config / name
        files.settle(path, text)
        return path

    def policy(self, text: str) -> None:
        """Replace the policy map; processes that read the old one end before they take another delivery."""
        self._compile(text)
        if self.maptype == "texthash":
            self.reload()

    def configure(self, **main_cf: str) -> None:
        """Change values of main.cf for the next start or reload."""
        self._settings |= main_cf
        files.settle(self.config / "main.cf", files.main_cf(self.directory, self._settings))

    def change(self, **main_cf: str) -> None:
        """Change values of main.cf and reload."""
        self.configure(**main_cf)
        self.reload()

    def reload(self) -> None:
        """Read the configuration again and wait until no process with the old one is left."""
        old = self._children()
        self.daemon.signal(signal.SIGHUP)
        wait_until(lambda: not old & self._children(), 15, "postfix: reload")

    def send(
        self, to: str | Sequence[str], *, sender: str = SENDER, text: str = "Subject: kit\n\nHello.\n", age: int = 0
    ) -> str:
        """Queue a message and return its queue id; *age* in seconds lets it have arrived so long ago."""
        recipients = [to] if isinstance(to, str) else list(to)
        with self.session(held=age > 0) as session:
            queue_id = session.send(sender, recipients, text)
        if age:
            self.release([queue_id], age)
        return queue_id

    @contextlib.contextmanager
    def session(self, *, held: bool = False) -> Iterator["Session"]:
        """Return a session that queues many messages, each with send(); held: they wait for release()."""
        port = self._hold_port if held else self.port
        with smtplib.SMTP("127.0.0.1", port, "kit.example", timeout=20) as client:
            client.ehlo()
            yield Session(client)

    def release(self, queue_ids: Iterable[str], age: int) -> None:
        """Let held messages go, as if they had arrived *age* seconds ago."""
        for queue_id in queue_ids:
            held = self._path("hold", queue_id)
            files.back_date(held, age)
            held.rename(self._path("incoming", queue_id))
        # What postkick(1) does; that one fails now and then if qmgr(8) is the faster to close.
        with socket.socket(socket.AF_UNIX) as trigger:
            trigger.connect(str(self.queue / "public" / "qmgr"))
            trigger.sendall(b"I")

    def outcome(self, queue_id: str, timeout: float = 30.0, *, number: int = 1) -> Outcome:
        """Return outcome *number* of message *queue_id* (one per recipient and attempt), waiting for it."""
        try:
            wait_until(lambda: len(self.log.outcomes(queue_id)) >= number, timeout, f"message {queue_id}: outcome")
        except TimeoutError as cause:
            raise TimeoutError(f"{cause}; the log ends:\n{self.log.text()[-3000:]}") from cause
        return self.log.outcomes(queue_id)[number - 1]

    def deliver(self, to: str, *, age: int = 0, timeout: float = 30.0) -> Outcome:
        """Send a message and return the outcome of its first attempt."""
        return self.outcome(self.send(to, age=age), timeout)

    def retry(self, queue_id: str, timeout: float = 30.0) -> Outcome:
        """Try deferred message *queue_id* again and return the outcome."""
        known = len(self.log.outcomes(queue_id))
        wait_until(lambda: self._path("deferred", queue_id).exists(), 10, f"message {queue_id}: be deferred")
        self.run("postqueue", "-i", queue_id)
        return self.outcome(queue_id, timeout, number=known + 1)

    def age(self, queue_id: str, seconds: int) -> None:
        """Let deferred message *queue_id* have arrived *seconds* earlier."""
        path = self._path("deferred", queue_id)
        wait_until(path.exists, 10, f"message {queue_id}: be deferred")
        files.back_date(path, seconds)

    def flush(self) -> None:
        """Try every deferred message again."""
        self.run("postqueue", "-f")

    def is_queued(self, queue_id: str) -> bool:
        """Whether the message still waits."""
        return any(self._path(queue, queue_id).exists() for queue in ("incoming", "active", "deferred", "hold"))

    def postconf(self, *names: str) -> dict[str, str]:
        """Return the effective values of *names*, or of all parameters."""
        lines = self.run("postconf", "-x", *names).splitlines()
        return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}

    def postmap_query(self, key: str, table: str | None = None) -> str | None:
        """Return what `postmap -q` finds for *key* in the policy map, or in *table* ("type:path")."""
        done = self._command("postmap", "-q", key, table or f"{self.maptype}:{self.policy_path}")
        if done.returncode > 1 or "fatal" in done.stderr or "error" in done.stderr:
            raise PostfixError(f"postmap -q {key}: {done.stderr.strip()}")
        return None if done.returncode else done.stdout.removesuffix("\n")

    def postmap_queries(self, keys: Iterable[str], table: str | None = None) -> dict[str, str]:
        """Return what is found for each of many *keys*; those not found are missing."""
        done = self._command(
            "postmap",
            "-q",
            "-",
            table or f"{self.maptype}:{self.policy_path}",
            stdin="".join(f"{key}\n" for key in keys),
        )
        if done.returncode > 1 or "fatal" in done.stderr:
            raise PostfixError(f"postmap -q -: {done.stderr.strip()}")
        return dict(line.split("\t", 1) for line in done.stdout.splitlines())

    def run(self, *command: str) -> str:
        """Run a Postfix command on this instance and return its output."""
        done = self._command(*command)
        if done.returncode:
            raise PostfixError(f"{' '.join(command)}: {done.stderr.strip() or self.log.text()[-2000:]}")
        return done.stdout

    def _command(self, name: str, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = [*self._program(name), "-c", str(self.config), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=30)

    def _program(self, name: str) -> list[str]:
        if self._root is None:
            return [program(name, "postfix", *_DAEMON_DIRECTORIES)]
        places = ("/usr/sbin", *_DAEMON_DIRECTORIES)
        return self._root.command(str(next(Path(place, name) for place in places if self._root.has(place, name))))

    def _compile(self, text: str) -> None:
        if self.maptype == "texthash":
            aside = self.write("tls_policy.new", text)
            aside.replace(self.policy_path)
            return
        # Made aside and renamed: a process that has the old file open sees that it is gone, whatever its time says.
        aside = self.write("next_policy", text)
        self.run("postmap", f"{self.maptype}:{aside}")
        for made in self.config.glob("next_policy.*"):
            made.replace(self.policy_path.with_suffix(made.suffix))
        aside.replace(self.policy_path)

    def _path(self, queue: str, queue_id: str) -> Path:
        return self.queue / queue / queue_id

    def _answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, "kit.example", timeout=5) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def _children(self) -> set[int]:
        """Return the processes of the mail system that read main.cf or a table."""
        pid = self.daemon.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child) for child in children if _program_name(int(child)) in _RELOADED}


class Session:
    """An SMTP session with the relay's smtpd(8)."""

    def __init__(self, client: smtplib.SMTP) -> None:
        """Send through *client*."""
        self._client = client

    def send(self, sender: str, to: str | Sequence[str], text: str) -> str:
        """Queue a message and return its queue id."""
        recipients = [to] if isinstance(to, str) else list(to)
        needs_utf8 = not all(address.isascii() for address in (sender, *recipients))
        self._client.mail(sender, ["SMTPUTF8"] if needs_utf8 else [])
        for recipient in recipients:
            code, answer = self._client.rcpt(recipient)
            if code >= 300:
                raise PostfixError(f"relay refuses {recipient}: {answer.decode()}")
        code, answer = self._client.data(text.encode())
        if b"queued as " not in answer:
            raise PostfixError(f"relay refuses the message: {code} {answer.decode()}")
        return answer.rpartition(b" ")[2].decode()


def _program_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
