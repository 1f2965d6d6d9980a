"""TLS handshakes a second of predict --jsonl, beside a C client with raw OpenSSL: .venv/bin/python -m tests.bench.handshakes

Both have the same dialogue with the same peers (client.c, peer.c), each address once, on the same cores, in turns; of
several rounds the best of each counts, as others may use the machine. Start-up is told apart: a stream has it once.
"""

import os

from tests.bench.world import addresses, world

COUNT = 4000
ROUNDS = 3
WANTED = 0.5


def main() -> None:
    """Measure and print."""
    cores = len(os.sched_getaffinity(0))
    with world() as bench, bench.peers():
        reference, whole, steady = [], [], []
        for _ in range(ROUNDS):
            reference.append(COUNT / bench.c_client(addresses(COUNT), processes=8 * cores))
            nexthops = [f"[{address}]" for address in addresses(COUNT)]
            seconds, answering = bench.predict(nexthops)
            whole.append(COUNT / seconds)
            steady.append(COUNT / answering)
    print(f"C client with raw OpenSSL   {max(reference):7.0f} handshakes/s on {cores} cores, peers on the same ones")
    print(f"predict --jsonl             {max(steady):7.0f} handshakes/s, with its start-up {max(whole):.0f}")
    ratio = max(steady) / max(reference)
    print(
        f"ratio                       {ratio:7.2f} (wanted: {WANTED}), with its start-up {max(whole) / max(reference):.2f}"
    )


if __name__ == "__main__":
    main()
