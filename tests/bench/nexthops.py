"""Nexthops a second of predict --jsonl, beside posttls-finger two at a time: .venv/bin/python -m tests.bench.nexthops

Mail domains with an MX record each, asked through the kit's resolver. Two kinds of peers: some that answer at once, so
that both sides compete for the cores with the peers themselves, and some that take as long as a network does.
"""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from tests.bench.world import World, addresses, world
from tests.kit.dns import DnsServer

FINGERS = 120
NEXTHOPS = 4000
WANTED = 20


def main() -> None:
    """Measure and print."""
    with world() as bench:
        resolver = DnsServer(ttl=3600)
        resolver.start()
        try:
            for delay_ms in (0, 20):
                _compare(bench, resolver, delay_ms)
        finally:
            resolver.close()


def _compare(bench: World, resolver: DnsServer, delay_ms: int) -> None:
    names = _zone(resolver, f"after{delay_ms}ms.example", NEXTHOPS + FINGERS)
    with bench.peers(delay_ms=delay_ms):
        fingers = FINGERS if not delay_ms else FINGERS // 3
        begun = time.monotonic()
        with ThreadPoolExecutor(2) as pair:
            list(pair.map(_finger, names[:fingers]))
        reference = fingers / (time.monotonic() - begun)
        seconds, answering = bench.predict(names[FINGERS:])
    rate, steady = NEXTHOPS / seconds, NEXTHOPS / answering
    print(f"peers that answer after {delay_ms} ms")
    print(f"  posttls-finger, two at a time {reference:7.1f} nexthops/s")
    print(f"  predict --jsonl               {rate:7.1f} nexthops/s, {steady:.1f} once it runs")
    print(
        f"  ratio                         {rate / reference:7.1f} (wanted: {WANTED}), {steady / reference:.1f} once it runs"
    )


def _zone(resolver: DnsServer, origin: str, count: int) -> list[str]:
    hosts = enumerate(addresses(count))
    records = [text for number, address in hosts for text in (f"n{number} MX 10 mx{number}", f"mx{number} A {address}")]
    resolver.zone(origin).add(*records)
    return [f"n{number}.{origin}" for number in range(count)]


def _finger(nexthop: str) -> None:
    command = ["posttls-finger", "-l", "encrypt", "-L", "summary", nexthop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "TLS connection established" not in done.stdout:
        raise SystemExit(f"bench: posttls-finger {nexthop}: {done.stdout} {done.stderr}")


if __name__ == "__main__":
    main()
