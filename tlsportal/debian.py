"""Debian packages that the tests need, installed without a question and without a service that starts by itself.

Standard library only: this runs before the virtual environment is complete.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

# What the tests start privately: mail, broker, database, name servers, browser; and the tools that look at them.
TEST_PACKAGES = (
    "postfix",
    "postfix-sqlite",
    "redis-server",
    "postgresql",
    "unbound",
    "knot",
    "knot-dnsutils",
    "bind9-dnsutils",
    "curl",
    "chromium",
    "gettext",
    "debootstrap",
    "iproute2",
    "openssl",
)
MTA_PROGRAMS = frozenset({"master", "exim", "exim4", "sendmail", "sendmail-mta", "smtpd", "qmail-send", "courierd"})
SMTP_PORT = 25
LISTEN = "0A"  # the state in /proc/net/tcp
POLICY = Path("/usr/sbin/policy-rc.d")  # asked by invoke-rc.d and deb-systemd-invoke whether a service may start
POLICY_KEPT = POLICY.with_name("policy-rc.d.before-tlsportal")
POLICY_TEXT = "#!/bin/sh\n# Put here by tlsportal while it installs packages; 101 means: start nothing.\nexit 101\n"
APT = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold", "--quiet", "--yes"]
POSTFIX_ANSWER = "postfix postfix/main_mailer_type select Local only\n"  # debconf's default would listen to the world
INSTALL_ANYWAY = "--install-anyway"


def install_test_packages(*, override: bool) -> None:
    """Install what is missing of TEST_PACKAGES; say nothing where all is there.

    Errors: SystemExit where a mail server runs on this host (unless *override*), or where nobody may install.
    """
    missing = [name for name in TEST_PACKAGES if not _is_installed(name)] if shutil.which("dpkg-query") else []
    if not missing:
        return
    print("tlsportal: the tests need these Debian packages: " + " ".join(missing), flush=True)
    if os.geteuid() != 0:
        _refuse(f"run this line, then again: sudo apt-get install --yes --no-install-recommends {' '.join(missing)}")
    if not override and (reason := _running_mta()):
        _refuse_beside_mta(reason)
    removed = _would_remove(missing)
    if removed and not override:
        _refuse_beside_mta(f"apt would remove {' '.join(removed)}")
    print("tlsportal: installing them (a minute or more); no service of theirs is started now", flush=True)
    install(missing)


def install(packages: list[str]) -> None:
    """Install *packages* with apt-get, as root, services kept from starting.

    Errors: SystemExit with the end of what apt said.
    """
    if "postfix" in packages:
        _run(["debconf-set-selections"], POSTFIX_ANSWER)
    command = [*APT, "install", "--no-install-recommends", *packages]
    with _nothing_starts():
        code, said = _run(command)
        if code:  # often the lists are old, or were never fetched
            code, said = _run([*APT, "update"])
            code, said = (code, said) if code else _run(command)
    if code:
        end = "\n".join(said.strip().splitlines()[-8:])
        sys.exit(f"{end}\ntlsportal: apt-get could not install {' '.join(packages)}; the lines above say why.")


def _run(command: list[str], told: str = "") -> tuple[int, str]:
    """Run *command* with *told* on its standard input; return exit code and output. No question is asked."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none", "NEEDRESTART_MODE": "l"}
    environment = {**os.environ, **quiet, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=told, env=environment)
    return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def _nothing_starts() -> Iterator[None]:
    """Hold a policy in place that lets no service start; the host's own comes back, also after TERM."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        _restore_policy()  # of a run that was killed
        if POLICY.exists():
            POLICY.rename(POLICY_KEPT)
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
        yield
    finally:
        _restore_policy()
        signal.signal(signal.SIGTERM, before)


def _restore_policy() -> None:
    """Take our policy away, and put the host's own back."""
    if POLICY.exists() and POLICY.read_text(errors="replace") == POLICY_TEXT:
        POLICY.unlink()
    if POLICY_KEPT.exists():
        POLICY_KEPT.rename(POLICY)


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip() == "installed"


def _would_remove(packages: list[str]) -> list[str]:
    """Return what apt would remove to install *packages*: another mail server, on most hosts."""
    simulate = ["apt-get", "--simulate", "install", "--no-install-recommends", *packages]
    code, said = _run(simulate)
    if code:
        _run([*APT, "update"])
        code, said = _run(simulate)
    return [line.split()[1] for line in said.splitlines() if line.startswith("Remv ")]


def _running_mta(proc: Path = Path("/proc")) -> str:
    """Return why this host seems to run a mail server, or nothing."""
    for table in (proc / "net" / "tcp", proc / "net" / "tcp6"):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            _number, local, _remote, state = line.split()[:4]
            if state == LISTEN and int(local.rpartition(":")[2], 16) == SMTP_PORT:
                return f"something listens on port {SMTP_PORT}"
    for name in proc.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # the process ended meanwhile
            if (program := name.read_text().strip()) in MTA_PROGRAMS:
                return f"a mail server runs here (process {name.parent.name}, {program})"
    return ""


def _refuse_beside_mta(reason: str) -> NoReturn:
    _refuse(
        f"{reason}. Installing Postfix could disturb it, so nothing was done. "
        f"Run the tests on another host, or add {INSTALL_ANYWAY}."
    )


def _refuse(sentence: str) -> NoReturn:
    """End with one line."""
    sys.exit(f"tlsportal: {sentence}")
