"""predict --jsonl, started without Django: the first answer is to come soon, and no line waits for apps or models."""

import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

from partners.management.jsonl.command import main
from tlsportal import environment

__all__ = ["ProbeVariables", "run"]


class ProbeVariables:
    """What the engine is told: the values that settings.py has under these names, and no other."""

    def __init__(self) -> None:
        """Read them. Errors: ImproperlyConfigured."""
        self.PROBE_NETWORKS: Sequence[str] = environment.words("PROBE_NETWORKS")
        self.PROBE_PORTS: Sequence[str] = environment.words("PROBE_PORTS")
        self.PROBE_PORT_MAP: Sequence[str] = environment.words("PROBE_PORT_MAP")
        self.PROBE_EHLO = environment.text("PROBE_EHLO")
        self.PROBE_SOURCE = environment.text("PROBE_SOURCE")
        self.PROBE_CLIENT_CERT = environment.text("PROBE_CLIENT_CERT")
        self.PROBE_CLIENT_KEY = environment.text("PROBE_CLIENT_KEY")
        self.RESOLVER = environment.text("RESOLVER")


def run(argv: list[str]) -> int:
    """Answer standard input line by line; return the exit status."""
    try:
        return main(argv[2:], ProbeVariables())
    except ImproperlyConfigured as refused:
        print(f"tlsportal: {refused}", file=sys.stderr)
        return 1
