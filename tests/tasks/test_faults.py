"""Broker and database fail in the middle of a run: nothing is lost, and the portal catches up by itself."""

import pytest

from tests.kit.smtpd import wait_until
from tests.tasks.crowd import PEERS, visits

pytestmark = [pytest.mark.lab, pytest.mark.slow]
HELD = "SELECT count(*) FROM partners_address WHERE lease_token <> ''"
DUE_TWICE = "SELECT count(*) FROM partners_sighting WHERE times > 1"


def begun(portal):
    """A worker in the middle of a round: some peers are recorded, others are still being spoken to."""
    worker = portal.worker()
    portal.tick()
    wait_until(lambda: portal.sightings() >= 3, 30, "the first sightings")
    assert portal.sightings() < PEERS
    return worker


class TestBroker:
    def test_flushed_in_mid_run(self, portal, crowd):
        """The round that runs does not notice, and no address is spoken to twice."""
        begun(portal)
        portal.broker.client().flushall()
        portal.tick()
        wait_until(lambda: portal.sightings() == PEERS, 30, "all sightings")

        assert set(visits(crowd).values()) == {1}
        assert portal.count(HELD) == 0

    def test_restarted_in_mid_run(self, portal, crowd):
        """A broker that was killed and comes back empty: the round ends, and the worker takes the next tick."""
        worker = begun(portal)
        portal.broker.kill()
        wait_until(lambda: portal.sightings() == PEERS, 30, "all sightings, without a broker")
        portal.broker.start()
        with portal.connect() as database:
            database.execute("UPDATE partners_address SET due_at='2001-01-01'")
        wait_until(lambda: _ticked(portal) == PEERS, 60, "all sightings again")

        assert worker.is_running
        assert set(visits(crowd).values()) == {2}


@pytest.mark.parametrize("portal", ["postgresql"], indirect=True)
class TestDatabase:
    def test_restarted_in_mid_run(self, portal, crowd):
        """What was recorded stays; what was not is done by the next round of the same worker, each once more at most."""
        worker = begun(portal)
        server, _name = portal.postgres
        server.kill()
        server.start()
        recorded = portal.sightings()
        wait_until(lambda: "event=task_failed" in worker.log.read_text(), 30, "the end of the round that broke")
        portal.let_leases_end()
        portal.tick()
        wait_until(lambda: portal.sightings() == PEERS, 60, "all sightings")

        seen = visits(crowd)
        assert worker.is_running
        assert (len(seen), max(seen.values())) == (PEERS, 2)
        assert sum(seen.values()) <= 2 * PEERS - recorded
        assert portal.count(DUE_TWICE) == portal.count(HELD) == 0


def _ticked(portal):
    """Send a tick, as beat does, and say how many addresses were seen twice by now."""
    portal.tick()
    return portal.count(DUE_TWICE)
