"""The portal's door over HTTPS, and the real process that probes elsewhere."""

import contextlib
import os
import socket
import subprocess
import sys

from tests.kit.ca import root_ca
from tests.kit.daemon import Daemon
from tests.tasks.crowd import ROOT

GROUP = """
from django.utils import timezone
from partners.actions.access import give_role
from partners.actions.relay_groups import ensure_group
from partners.models import RelayGroup, User
ensure_group(now=timezone.now())
RelayGroup.objects.update(vantage="dmz")
ann = User.objects.create_user("ann@house.example")
give_role(ann, User.Role.APPROVER)
"""


class Doors:
    """A portal behind HTTPS whose relays stand elsewhere, and the probes that stand with them."""

    def __init__(self, portal, monkeypatch):
        self.portal = portal
        self.files = root_ca("Portal CA").leaf("localhost", ips=["127.0.0.1"]).write(portal.directory, "portal")
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        monkeypatch.setenv("TLSPORTAL_URL", self.url)
        portal.manage("createcachetable")
        portal.manage("shell", "-c", GROUP)
        self.token_file = portal.directory / "token"
        self.token_file.write_text(self.new_token())
        self.daemons = []

    def new_token(self, vantage="dmz"):
        command = [sys.executable, "-m", "django", "vantage_token", vantage]
        done = subprocess.run(command, check=True, timeout=60, cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    def open(self):
        """Start the web server."""
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        options = ["--port", str(self.port), "--workers", "1", "--http", "1", "--no-ws"]
        tls = ["--ssl-certificate", str(self.files.chain), "--ssl-keyfile", str(self.files.key)]
        web = self._daemon("web", [*command, *options, *tls, "tlsportal.wsgi:application"])
        web.start(lambda: answers(self.port), timeout=30)
        return web

    def probe(self):
        """Start `tlsportal-probe` in an environment that knows neither database nor broker."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TLSPORTAL_PROBE_NETWORKS")}
        words = [f"{name}={text}" for name, text in {**kept, "TLSPORTAL_PROBE_EHLO": "dmz.house.example"}.items()]
        command = ["/usr/bin/env", "-i", *words, sys.executable, "-m", "partners.probe.elsewhere"]
        options = ["--portal", self.url, "--token-file", str(self.token_file), "--ca", str(self.files.anchor)]
        probe = self._daemon(f"elsewhere{len(self.daemons)}", [*command, *options])
        probe.start(lambda: "probing for" in probe.log.read_text(), timeout=20)
        return probe

    def close(self):
        for daemon in self.daemons:
            daemon.kill()

    def _daemon(self, name, command):
        daemon = Daemon(name, command, self.portal.directory / f"{name}.log")
        self.daemons.append(daemon)
        return daemon


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False
