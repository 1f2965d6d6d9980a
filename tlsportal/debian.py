"""Debian packages that the tests need, installed without a question and without a service that starts by itself.

Standard library only: this runs before the virtual environment is complete.
"""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

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
    "chromium",
    "gettext",
    "debootstrap",
    "iproute2",
    "openssl",
)
OTHER_MTAS = ("exim4-base", "sendmail-bin", "opensmtpd", "courier-mta", "qmail", "nullmailer", "msmtp-mta", "dma")
POLICY = Path("/usr/sbin/policy-rc.d")  # invoke-rc.d asks it whether a service may start; 101 means no


def install_test_packages(*, override: bool) -> None:
    """Install what is missing of TEST_PACKAGES; say nothing where all is there.

    Errors: SystemExit where a mail server runs on this host (unless *override*), or where nobody may install.
    """
    if not shutil.which("dpkg-query"):
        return
    missing = [name for name in TEST_PACKAGES if not _is_installed(name)]
    if not missing:
        return
    print("tlsportal: the tests need these Debian packages: " + " ".join(missing), flush=True)
    if not override and (reason := _mail_server_here()):
        sys.exit(
            f"tlsportal: {reason}. Installing Postfix could disturb it, so nothing was done. "
            "Run the tests on another host, or add --install-anyway."
        )
    install(missing)


def install(packages: list[str]) -> None:
    """Install *packages* with apt-get, as root or through sudo, services kept from starting."""
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and not shutil.which("sudo"):
        sys.exit("tlsportal: become root and run: apt-get install --yes --no-install-recommends " + " ".join(packages))
    environment = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "DEBCONF_NONINTERACTIVE_SEEN=true",
        "RUNLEVEL=1",
    ]
    apt = [*prefix, *environment, "apt-get", "-o", "DPkg::Lock::Timeout=120", "--quiet", "--yes"]
    kept = _forbid_services(prefix)
    try:
        command = [*apt, "install", "--no-install-recommends", *packages]
        if _said(command) and (_said([*apt, "update"]) or _said(command)):
            sys.exit("tlsportal: apt-get could not install the packages; the lines above say why.")
    finally:
        if kept:
            subprocess.run([*prefix, "rm", "-f", str(POLICY)], check=False)


def _said(command: list[str]) -> int:
    """Run *command*; return its exit code, and show the end of what it said where it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        print("\n".join((done.stdout + done.stderr).strip().splitlines()[-8:]), file=sys.stderr, flush=True)
    return done.returncode


def _forbid_services(prefix: list[str]) -> bool:
    """Put a policy in place that lets no service start; False where the host has a policy of its own."""
    if POLICY.exists():
        return False
    script = f"printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"
    subprocess.run([*prefix, "sh", "-c", script], check=True)
    return True


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.strip() == "installed"


def _mail_server_here() -> str:
    """Return why this host seems to run a mail server, or nothing."""
    for package in OTHER_MTAS:
        if _is_installed(package):
            return f"the mail server package {package} is installed here"
    for address in (("127.0.0.1", 25), ("::1", 25)):
        try:
            with socket.create_connection(address, timeout=1):
                return f"something answers on {address[0]} port 25"
        except OSError:
            continue
    return ""
