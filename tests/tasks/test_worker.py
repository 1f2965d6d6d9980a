"""A real worker behind a real broker: what is due gets done, once, whatever dies meanwhile."""

import time

import pytest

from tests.kit.smtpd import wait_until
from tests.tasks.crowd import LEAF, PEERS, visits
from tlsportal.children import GRACE_SECONDS

pytestmark = [pytest.mark.lab, pytest.mark.slow]
ASK = """
from django.utils import timezone
from partners.actions.access import give_role
from partners.actions.leases import ask_now
from partners.models import Nexthop, User
eda = User.objects.create_user("eda@house.example")
give_role(eda, User.Role.EDITOR)
ask_now(Nexthop.objects.get(key="p0.example"), by=eda, now=timezone.now())
"""
PUBLISH = """
from django.utils import timezone
from partners.actions.access import give_role
from partners.actions.partners import add_partner
from partners.actions.relay_groups import ensure_group
from partners.actions.releases import approve, cut, publish
from partners.models import User
now = timezone.now()
eda, ann = (User.objects.create_user(f"{name}@house.example") for name in ("eda", "ann"))
give_role(eda, User.Role.EDITOR)
give_role(ann, User.Role.APPROVER)
ensure_group(now=now)
candidate = cut([add_partner("New", "new.example", "encrypt", "encrypted", by=eda, now=now)], by=eda, now=now)
seen = (candidate.sha256, candidate.findings_sha256)
approve(candidate, seen=seen, by=ann, now=now, word="a drill", accept_stops=True)
publish(candidate, by=eda, now=timezone.now())
"""
SHARED = 40
SHARE = """
from django.utils import timezone
from partners.actions.relay_groups import ensure_group
from partners.models import Channel, Nexthop, Partner
ensure_group(now=timezone.now())
Nexthop.objects.all().delete()
for number in range(%d):
    partner = Partner.objects.create(name=f"Partner {number}")
    channel = Channel.objects.create(partner=partner, agreed="encrypted", level="encrypt")
    Nexthop.objects.create(channel=channel, key=f"s{number}.example")
"""
UNDER_WAY = "SELECT count(*) FROM partners_address WHERE lease_token <> ''"
JUDGED = """
SELECT count(*) FROM partners_verdictrow
WHERE delivery = 'deliver' AND %d <= (SELECT min(times) FROM partners_sighting)
"""


def test_kill_nine_loses_nothing(portal, crowd):
    """A worker is killed in the middle: what it recorded stays, the rest is done by the next one, each once more."""
    first = portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() >= 3, 30, "the first sightings")
    first.kill()
    recorded = portal.sightings()
    assert 3 <= recorded < PEERS

    portal.let_leases_end()
    portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() == PEERS, 30, "all sightings")

    seen = visits(crowd)
    assert len(seen) == PEERS
    assert max(seen.values()) <= 2
    assert sum(seen.values()) <= 2 * PEERS - recorded
    assert portal.count("SELECT count(*) FROM partners_sighting WHERE times > 1") == 0


def test_stopped_in_order(portal, crowd):
    """A worker that is asked to stop ends within the grace, and leaves no lease and no crash behind."""
    worker = portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() >= 3, 30, "the first sightings")
    begun = time.monotonic()
    worker.stop()

    assert time.monotonic() - begun < GRACE_SECONDS / 2
    assert portal.sightings() < PEERS
    assert portal.count("SELECT count(*) FROM partners_address WHERE lease_token <> '' OR crashes > 0") == 0
    assert portal.count("SELECT count(*) FROM partners_endpoint WHERE not_measured <> ''") == 0


def test_probe_now(portal, crowd):
    """What a person asks for is done by the control queue at once, without a tick, and nothing else with it."""
    portal.worker("control")
    portal.manage("shell", "-c", ASK)
    wait_until(lambda: portal.sightings() == 1, 10, "the sighting")

    assert len(visits(crowd)) == 1


def test_release_is_judged_at_once(portal, crowd):
    """A release wakes the judge: every nexthop that was looked at has its verdict, without a tick and a new probe."""
    portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() == PEERS, 40, "all sightings")
    portal.worker("control")
    assert portal.count("SELECT count(*) FROM partners_verdictrow") == 0  # there was no relay group yet
    portal.manage("shell", "-c", PUBLISH)

    wait_until(lambda: portal.count("SELECT count(*) FROM partners_verdictrow") >= PEERS, 15, "the verdicts")
    assert set(visits(crowd).values()) == {1}


@pytest.mark.parametrize("portal", ["sqlite", "postgresql"], indirect=True)
def test_two_workers_share(portal, crowd):
    """Two workers at the same rows, and two beats that wake them: each address is spoken to once."""
    portal.worker()
    portal.worker()
    for _beat in range(2 * 2):
        portal.tick()
    wait_until(lambda: portal.sightings() == PEERS, 40, "all sightings")

    assert len(visits(crowd)) == PEERS
    assert set(visits(crowd).values()) == {1}
    assert portal.count("SELECT count(*) FROM partners_address WHERE crashes > 0") == 0


@pytest.mark.parametrize("portal", ["sqlite", "postgresql"], indirect=True)
def test_forty_partners_of_one_provider(portal, lab, dns, smtpd):
    """Forty partners behind one server are one handshake a cycle, also for two workers, and one verdict each."""
    peer = smtpd.peer(lab.address(), leaf=LEAF)
    dns.zone("provider.example").add(f"mx A {peer.address}")
    with dns.batch():
        for number in range(SHARED):
            dns.zone(f"s{number}.example").add("@ MX 10 mx.provider.example.")
    portal.manage("shell", "-c", SHARE % SHARED)
    portal.worker()
    portal.worker()
    for cycle in (1, 2):
        with portal.connect() as database:
            database.execute("UPDATE partners_address SET due_at='2001-01-01'")
            database.execute("UPDATE partners_nexthop SET due_at='2001-01-01'")
        portal.tick()
        portal.tick()
        wait_until(lambda cycle=cycle: portal.count(JUDGED % cycle) == SHARED, 30, "a verdict for each")
        wait_until(lambda: portal.count(UNDER_WAY) == 0, 30, "the end of the cycle")

        assert len(peer.visits) == cycle
    assert portal.count("SELECT count(*) FROM partners_sighting") == 1


def test_broker_that_forgets(portal, crowd):
    """The broker loses its queue: the next tick finds the rows still due."""
    portal.tick()
    portal.broker.client().flushall()
    portal.worker()
    portal.tick()

    wait_until(lambda: portal.sightings() == PEERS, 30, "all sightings")
