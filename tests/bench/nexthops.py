"""Nexthops a second of predict --jsonl, beside posttls-finger two at a time: .venv/bin/python -m tests.bench.nexthops

Mail domains with an MX record each, asked through the kit's resolver. Verified with a CA file as large as a relay's, as
one asks about a secure channel, and only encrypted; peers that answer at once, so that both sides compete for the cores
with the peers and the resolver, and peers that take as long as a network does.
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
            for number, (delay_ms, verified) in enumerate(((20, True), (20, False), (0, True), (0, False))):
                _compare(
                    bench, _zone(resolver, f"part{number}.example", NEXTHOPS + FINGERS), delay_ms, verified=verified
                )
        finally:
            resolver.close()


def _compare(bench: World, names: list[str], delay_ms: int, *, verified: bool) -> None:
    options = ["-l", "encrypt"]
    if verified:
        options = ["-l", "secure", "-F", str(bench.ca_file)]
    with bench.peers(delay_ms=delay_ms):
        fingers = FINGERS // 3 if delay_ms else FINGERS
        begun = time.monotonic()
        with ThreadPoolExecutor(2) as pair:
            list(pair.map(lambda name: _finger(name, options, verified=verified), names[:fingers]))
        reference = fingers / (time.monotonic() - begun)
        seconds, answering = bench.predict(names[FINGERS:], verified=verified)
    rate, steady = NEXTHOPS / seconds, NEXTHOPS / answering
    print(f"{'verified' if verified else 'encrypted'}, peers that answer after {delay_ms} ms")
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


def _finger(nexthop: str, options: list[str], *, verified: bool) -> None:
    command = ["posttls-finger", "-L", "summary", *options, nexthop, *(["mx.example.com"] if verified else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    word = "Verified" if verified else "Untrusted"
    if f"{word} TLS connection established" not in done.stdout:
        raise SystemExit(f"bench: posttls-finger {nexthop}: {done.stdout} {done.stderr}")


if __name__ == "__main__":
    main()
