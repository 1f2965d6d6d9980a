"""predict --jsonl by itself: it needs the probe's settings, but no app, model or database, and so starts at once."""

import argparse
import sys
import warnings

from cryptography.utils import CryptographyDeprecationWarning

from partners.core.errors import PortalError
from partners.management.jsonl.run import CONCURRENCY, CONCURRENCY_MAX, run
from partners.probe.configured import ProbeSettings, configured_engine
from partners.probe.engine import Engine
from partners.probe.turnstile import Turnstile

__all__ = ["main"]


def main(words: list[str], settings: ProbeSettings) -> int:
    """Answer standard input line by line; return the exit status."""

    def engine(turnstile: Turnstile | None) -> Engine:
        return configured_engine(settings, turnstile=turnstile)

    warnings.filterwarnings("ignore", category=CryptographyDeprecationWarning)  # odd certificates are not ours to mend
    parser = argparse.ArgumentParser(
        prog="manage.py predict", description="One JSON object a line in, one a line out, as they finish."
    )
    parser.add_argument("--jsonl", action="store_true", required=True)
    parser.add_argument(
        "--concurrency", metavar="N", type=_concurrency, default=CONCURRENCY, help="nexthops under way at once"
    )
    options = parser.parse_args(words)
    try:
        engine(None)  # a setting that cannot be used is told once, before any worker starts
        return run(engine, concurrency=options.concurrency)
    except PortalError as refused:
        print(f"tlsportal: {refused}", file=sys.stderr)
        return 1


def _concurrency(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number <= CONCURRENCY_MAX:
        raise argparse.ArgumentTypeError(f"it is a number from 1 to {CONCURRENCY_MAX}")
    return number
