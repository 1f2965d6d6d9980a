"""What a year of watching costs on PostgreSQL, from rows that were really written: .venv/bin/python -m tests.bench.retention

An estate of NEXTHOPS (2,000) is probed by real recording: cycles in which nothing moves, and DAYS (60) days on each of
which one in a hundred shows a new certificate with a chain of two. Bytes a change and bytes a quiet cycle are measured
with all indexes; the year of 10,000 nexthops is their sum. The reference is the plain size of the same facts as JSON.
"""

import sys
import tempfile
from pathlib import Path

from tests.bench.portal import bench_portal

NEXTHOPS, DAYS, QUIET, WANTED = 2000, 60, 12, 1e9
_SIZE = """
SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'partners_%'
"""
_SET_UP = """
from datetime import timedelta
from partners.actions.answers import Answer, record_answers
from partners.actions.leases import claim_addresses, claim_nexthops, database_now
from partners.actions.probing import Result, record_peers
from partners.core.observation import *
from partners.models import Address, Nexthop, Observation, Sighting
from tests.kit.ca import root_ca
from tests.actions.watched import measured
import dataclasses, random
ROOT = root_ca("Bench root")
ISSUER = ROOT.intermediate("Bench issuer")
NOW = database_now()
def leaf(number, turn):
    return ISSUER.leaf(f"mx.d{number}.example.com")
def peers(shows, at):
    claims = []
    while more := claim_addresses(500, now=at):
        claims += more
    for start in range(0, len(claims), 100):
        batch = []
        for claim in claims[start:start + 100]:
            one = measured(claim, shows(claim), at=at)
            tls = dataclasses.replace(one.facts.tls, chain=tuple(link.der for link in shows(claim).chain))
            batch.append(dataclasses.replace(one, facts=dataclasses.replace(one.facts, tls=tls)))
        record_peers(batch, now=at)
    return len(claims)
"""
_FIRST = (
    _SET_UP
    + """
claims = []
Nexthop.objects.update(due_at=NOW)
while more := claim_nexthops(500, now=NOW):
    claims += more
for start in range(0, len(claims), 100):
    answers = []
    for claim in claims[start:start + 100]:
        n = int(claim.key.split(".")[0][1:])
        host = HostFacts(f"mx.{claim.key}", 10, LookupStatus.FOUND, Dnssec.INSECURE, (f"10.1.{n // 250}.{n % 250 + 1}",))
        answers.append(Answer(claim, NexthopFacts(claim.key, NOW, True, LookupStatus.FOUND, Dnssec.INSECURE, (host,))))
    record_answers(answers, now=NOW)
shown = {}
def shows(claim):
    return shown.setdefault(claim.pk, leaf(claim.pk, 0))
peers(shows, NOW)
def size(text):
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute(text)
        return int(cursor.fetchone()[0])
SIZE = @SIZE
sizes = [size(SIZE)]
for turn in range(@QUIET):
    Address.objects.update(due_at=NOW)
    peers(shows, NOW + timedelta(hours=turn + 1))
    sizes.append(size(SIZE))
rows = Observation.objects.count(), Sighting.objects.count()
lot = random.Random(1)
changes = 0
for day in range(@DAYS):
    at = NOW + timedelta(days=day + 1)
    moved = lot.sample(sorted(shown), len(shown) // 100)
    for pk in moved:
        shown[pk] = leaf(pk, day)
    Address.objects.filter(pk__in=moved).update(due_at=NOW)
    Address.objects.exclude(pk__in=moved).update(due_at=None)
    changes += peers(shows, at)
print(sizes[0], sizes[1], sizes[-1], size(SIZE), changes, *rows, Observation.objects.count(), Sighting.objects.count())
"""
)


def main(count: int) -> None:
    """Measure and print."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        bench_portal(Path(directory), "", TLSPORTAL_PROBE_PAUSE="0", TLSPORTAL_PROBE_PROVIDER_RATE="0") as portal,
    ):
        portal.estate([f"d{number}.example.com" for number in range(count)])
        script = _FIRST.replace("@SIZE", repr(_SIZE)).replace("@QUIET", str(QUIET)).replace("@DAYS", str(DAYS))
        said = portal.django("shell", "-v", "0", "-c", script)
        facts = portal.sql("SELECT avg(length(facts::text)) FROM partners_observation WHERE facts ->> 'kind' = 'peer'")
    first, after_one, quiet, after, changes, *rows = (int(one) for one in said.split()[-9:])
    scale, each = 10_000 / count, (after - quiet) / changes
    year = first * scale + (quiet - first) * scale + each * 100 * 365
    print(f"{count} nexthops, first cycle       {first / 1e6:8.1f} MB, {first / count:.0f} bytes each")
    print(
        f"{QUIET} cycles without a change    {(quiet - first) / 1e6:8.1f} MB more, after the first of them {(after_one - first) / 1e6:.1f}"
    )
    print(f"  observations and sightings   {rows[0]}, {rows[1]}: none of them is new")
    print(f"{changes} changes                  {(after - quiet) / 1e6:8.1f} MB more, {each:.0f} bytes each")
    print(f"  plain JSON of one            {float(facts[0][0]):8.0f} bytes; ratio {each / float(facts[0][0]):.1f}")
    print(
        f"a year of 10,000 nexthops, hourly, 100 changes a day: {scale:.0f} x {quiet / 1e6:.1f} MB"
        f" + 36,500 x {each:.0f} bytes = {year / 1e6:.0f} MB (wanted: {WANTED / 1e6:.0f})"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else NEXTHOPS)
