"""Whose clock counts: the database's, which all workers share."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from partners.actions.leases import claim_addresses, claim_nexthops, database_now
from partners.models import Address, Nexthop
from partners.tasks.rounds import Round
from tests.actions.watched import ask_dns, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
LEAF = self_signed("mx.example.com")


@pytest.fixture(params=[HOUR, -HOUR], ids=["fast", "slow"])
def wrong(request, monkeypatch):
    """What a clock says that is an hour off."""
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + request.param)
    return request.param


class TestLeases:
    def test_fast_clock_ends_no_lease(self):
        """A worker that believes the lease is over gets nothing of what another one holds."""
        now = datetime.now(UTC)
        row = watched()
        Nexthop.objects.update(due_at=now)
        assert claim_nexthops(9, now=now)

        assert claim_nexthops(9, now=now + HOUR) == []
        assert Nexthop.objects.get(pk=row.pk).crashes == 0

    def test_slow_clock_gives_a_whole_lease(self):
        """Nor is the claim of a worker that is behind over as soon as it is made."""
        now = datetime.now(UTC)
        ask_dns(watched(), at=now + 999 * HOUR)
        Address.objects.update(due_at=now - 2 * HOUR)
        assert claim_addresses(9, now=now - HOUR)

        assert claim_addresses(9, now=now) == []

    def test_lease_ends_by_the_databases_clock(self):
        """Once the deadline has passed there, the row is free."""
        watched()
        now = datetime.now(UTC) + 999 * HOUR
        assert claim_nexthops(9, now=now)
        Nexthop.objects.update(lease_until=datetime.now(UTC) - HOUR)

        assert claim_nexthops(9, now=now)


class TestRounds:
    def test_database_now(self, wrong):
        """The shared clock does not follow the worker's."""
        assert abs(database_now() - datetime.now(UTC)) < timedelta(minutes=1)

    @pytest.mark.django_db(transaction=True)
    def test_a_wrong_clock_makes_nothing_due(self, wrong):
        """A round of a worker whose clock is off finds due what is due, and no more."""
        now = datetime.now(UTC)
        ask_dns(watched(), at=now + 999 * HOUR)
        Nexthop.objects.update(due_at=now + HOUR / 2)
        see(LEAF, at=now + 999 * HOUR)
        Address.objects.update(due_at=now + HOUR / 2)

        assert Round(stops=lambda: False).run().nexthops == 0
        assert not Nexthop.objects.exclude(lease_token="").exists()

    @pytest.mark.django_db(transaction=True)
    def test_what_it_did_is_due_an_hour_later(self, wrong):
        """Nobody looks again at once what a worker that is behind has just looked at."""
        watched("nowhere.invalid")
        Nexthop.objects.update(due_at=datetime.now(UTC))
        Round(stops=lambda: False).run()

        left = Nexthop.objects.get().due_at - datetime.now(UTC)
        assert timedelta(minutes=1) < left < 2 * HOUR
