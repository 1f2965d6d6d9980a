"""A probe elsewhere, as its own process over HTTPS: it does the work of its vantage, and loses nothing when it dies."""

import pytest

from tests.kit.smtpd import wait_until
from tests.tasks.crowd import PEERS, visits
from tests.tasks.elsewhere import Doors

pytestmark = [pytest.mark.lab, pytest.mark.slow]
BOTH = pytest.mark.parametrize("portal", ["sqlite", "postgresql"], indirect=True)
UNDER_WAY = "SELECT count(*) FROM partners_address WHERE lease_token <> ''"
LOOKED_UP = "SELECT count(*) FROM partners_address WHERE vantage = 'dmz'"
JUDGED = "SELECT count(*) FROM partners_verdictrow WHERE delivery = 'deliver'"


@pytest.fixture
def doors(portal, crowd, monkeypatch):
    """A portal whose worker looked all names up: the addresses are for the vantage dmz alone."""
    made = Doors(portal, monkeypatch)
    worker = portal.worker()
    portal.tick()
    wait_until(lambda: portal.count(LOOKED_UP) == PEERS, 30, "all lookups")
    worker.stop()
    made.open()
    yield made
    made.close()


@BOTH
def test_the_work_of_its_vantage(doors, portal, crowd):
    """The portal's worker speaks to nobody; the probe elsewhere speaks to each address once, and verdicts follow."""
    assert visits(crowd) == {}
    assert portal.count("SELECT count(*) FROM partners_address WHERE vantage <> 'dmz'") == 0

    probe = doors.probe()
    wait_until(lambda: portal.sightings() == PEERS, 40, "all sightings")

    assert set(visits(crowd).values()) == {1}
    assert len(visits(crowd)) == PEERS
    wait_until(lambda: portal.count(JUDGED) == PEERS, 10, "a verdict for each")
    probe.stop()
    assert portal.count(UNDER_WAY) == 0


@BOTH
def test_kill_nine_loses_nothing(doors, portal, crowd):
    """Killed in the middle: what it reported stays, the rest is done by the next one, each once more at most."""
    first = doors.probe()
    wait_until(lambda: portal.sightings() >= 3, 30, "the first sightings")
    first.kill()
    recorded = portal.sightings()
    assert 3 <= recorded < PEERS

    portal.let_leases_end()
    doors.probe()
    wait_until(lambda: portal.sightings() == PEERS, 40, "all sightings")

    seen = visits(crowd)
    assert len(seen) == PEERS
    assert max(seen.values()) <= 2
    assert portal.count("SELECT count(*) FROM partners_sighting WHERE times > 1") == 0


def test_stopped_in_order(doors, portal, crowd):
    """Asked to stop, it gives back what it holds: no lease stays, and nothing counts as a fault of the peers."""
    probe = doors.probe()
    wait_until(lambda: portal.sightings() >= 3, 30, "the first sightings")
    probe.stop()

    assert portal.sightings() < PEERS
    assert portal.count(UNDER_WAY) == 0
    assert portal.count("SELECT count(*) FROM partners_endpoint WHERE not_measured <> ''") == 0


def test_portal_that_is_away(doors, portal, crowd):
    """While the portal does not answer, the probe keeps what it saw, and reports it when the portal is back."""
    probe = doors.probe()
    wait_until(lambda: crowd.visits, 30, "the first session")
    doors.daemons[0].kill()
    wait_until(lambda: len(visits(crowd)) == PEERS, 30, "all sessions")
    assert portal.sightings() < PEERS
    doors.open()

    wait_until(lambda: portal.sightings() == PEERS, 60, "all sightings")
    assert set(visits(crowd).values()) == {1}
    assert probe.is_running
