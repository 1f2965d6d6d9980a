"""How many verdicts a second judge() gives from stored facts, beside what it costs to read those facts at all.

    .venv/bin/python -m tests.bench.judge [NEXTHOPS]

One MX host each, every nexthop with a chain of its own, four entries; CPU time of one process. The references are
measured in the same run: SHA-256 and json.loads() of the same facts, and the first verdict of each chain, when nothing
is kept of it yet.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from partners.core.facts_json import facts_to_json
from partners.core.grammar import parse_value
from partners.core.observation import (
    PERMISSIVE,
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    PeerFacts,
    Stage,
    TlsFacts,
)
from partners.core.outcome import JudgedPolicy
from partners.core.relay import RelaySettings
from partners.core.verdict import PeerKey, judge
from tests.kit.ca import bundle, root_ca

NOW = datetime.now(UTC).replace(microsecond=0)
NEXTHOPS, ROUNDS, ROOTS = 200, 20, 140
GOAL = 20_000

Question = tuple[JudgedPolicy, NexthopFacts, dict[PeerKey, PeerFacts]]


def questions(count: int) -> tuple[list[Question], RelaySettings]:
    """Return four entries for each of *count* nexthops, and a relay that trusts as many roots as a browser does."""
    root = root_ca("Bench root")
    issuer = root.intermediate("Bench issuer")
    others = [root_ca(f"Bench root {number}") for number in range(ROOTS - 1)]
    relay = RelaySettings(smtp_tls_CAfile="ca.pem", ca_pem=bundle(root, *others).encode())
    found: list[Question] = []
    for number in range(count):
        leaf = issuer.leaf(f"mx{number}.example.com")
        host = HostFacts(f"mx{number}.example.com", 10, LookupStatus.FOUND, Dnssec.INSECURE, ("192.0.2.1",))
        facts = NexthopFacts("example.com", NOW, True, LookupStatus.FOUND, Dnssec.INSECURE, (host,))
        chain = tuple(link.der for link in leaf.chain)
        peer = PeerFacts(
            "192.0.2.1", 25, PERMISSIVE, NOW, Stage.DONE, greeting_code=220, ehlo_code=250, starttls_offered=True,
            starttls_code=220, tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", chain), ehlo_tls_code=250,
        )  # fmt: skip
        peers: dict[PeerKey, PeerFacts] = {("192.0.2.1", 25, PERMISSIVE): peer}
        values = ("may", "encrypt", "secure match=hostname", f"fingerprint match={leaf.cert_fingerprint()}")
        found += [(parse_value(value, relay.postfix, relay), facts, peers) for value in values]
    return found, relay


def per_second(count: int, work: Callable[[], None]) -> float:
    """Return how many of *count* things *work* does in a second of CPU time."""
    begun = time.process_time()
    work()
    return count / (time.process_time() - begun)


def main(count: int) -> None:
    """Print the figures."""
    asked, relay = questions(count)
    texts = [json.dumps(facts_to_json(peer)) for _policy, _facts, peers in asked for peer in peers.values()]

    def verdicts() -> None:
        for policy, facts, peers in asked:
            judge(policy, facts, peers, relay, NOW)

    def many() -> None:
        for _round in range(ROUNDS):
            verdicts()

    def reading() -> None:
        for text in texts:
            hashlib.sha256(text.encode()).digest()
            json.loads(text)

    first = per_second(len(asked), verdicts)
    kept = per_second(len(asked) * ROUNDS, many)
    read = per_second(len(texts), reading)
    sample = judge(*asked[2], replace(relay), NOW)
    print(f"judge, chains kept      {kept:10,.0f} verdicts/s   (goal {GOAL:,}; {kept / GOAL:.2f} of it)")
    print(f"judge, each chain new   {first:10,.0f} verdicts/s   ({kept / first:.1f} times slower)")
    print(f"sha256 and json.loads   {read:10,.0f} facts/s      ({kept / read:.2f} verdicts for each)")
    print(f"{count} nexthops, {len(asked)} entries, {ROOTS} roots; e.g. {sample.status} {sample.tls_status.value}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else NEXTHOPS)
