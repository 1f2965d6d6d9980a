"""How often, and when, partners' mail servers are spoken to."""

from datetime import datetime, time, timedelta

import pytest

from partners.actions.leases import LEASE, ask_now, claim_addresses, claim_nexthops, database_now, due_soon, renew
from partners.actions.manners import PACE_SECONDS
from partners.core.schedule import SOON_INTERVAL
from partners.models import Address, Endpoint, Nexthop, Partner, Pin
from tests.actions.people import editor, proposed
from tests.actions.watched import NOON, ask_dns, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LEAF, OTHER = self_signed("mx.example.com"), self_signed("mx.example.com")


def quiet(since: int, until: int, **partners: object) -> None:
    Partner.objects.filter(**partners).update(quiet_from=time(since), quiet_until=time(until))


class TestQuietHours:
    def test_nobody_connects(self):
        """In a partner's quiet hours its address is nobody's work; at their end it is due."""
        ask_dns(watched())
        quiet(11, 14)

        assert claim_addresses(9, now=NOON) == []
        assert Address.objects.get().due_at == NOON + 2 * HOUR
        assert len(claim_addresses(9, now=NOON + 2 * HOUR)) == 1

    def test_a_person_may(self):
        """What a person asks for is looked at all the same, once."""
        row = watched()
        quiet(11, 14)
        ask_now(row, by=editor(), now=NOON)
        ask_dns(row)
        see(LEAF)

        assert Address.objects.get().asked_at is None
        Address.objects.update(due_at=NOON)
        assert claim_addresses(9, now=NOON) == []

    def test_shared(self):
        """An address behind which another partner has no quiet hours is looked at."""
        ask_dns(watched("a.example"))
        ask_dns(watched("b.example"))
        quiet(11, 14, name="Partner a.example")

        assert len(claim_addresses(9, now=NOON)) == 1


class TestPace:
    ADDRESSES = [f"192.0.2.{number}" for number in range(1, 31)]

    def test_provider(self, settings):
        """Of a provider's addresses no more are claimed at a time than its pace allows; the others follow soon."""
        settings.PROBE_PROVIDER_RATE = 2
        ask_dns(watched(), *self.ADDRESSES)

        assert len(claim_addresses(99, now=NOON)) == 2 * PACE_SECONDS
        assert claim_addresses(99, now=NOON) == []
        assert due_soon(timedelta(seconds=3), now=NOON)
        assert Address.objects.filter(due_at__gt=NOON).count() == 30 - 2 * PACE_SECONDS

    def test_any_number_of_providers(self, settings):
        """Addresses of many providers wait for nobody."""
        settings.PROBE_PROVIDER_RATE = 1
        ask_dns(watched(), *self.ADDRESSES)
        for row in Address.objects.all():
            Address.objects.filter(pk=row.pk).update(provider=f"p{row.pk}.example")

        assert len(claim_addresses(99, now=NOON)) == 30

    def test_named_by_the_mx_host(self):
        """The provider is the base domain of the MX host that led to the address."""
        ask_dns(watched())

        assert Address.objects.get().provider == "example.com"

    def test_pause(self, settings):
        """Between two visits to one address there is a pause, whoever asks."""
        settings.PROBE_PAUSE_SECONDS = 5
        row = watched()
        ask_dns(row)
        see(LEAF)
        Endpoint.objects.update(tried_at=NOON - timedelta(days=365))
        ask_now(row, by=editor(), now=NOON)
        ask_dns(row)

        assert claim_addresses(9, now=NOON) == []
        Address.objects.update(claimed_at=database_now() - timedelta(seconds=6))
        assert len(claim_addresses(9, now=NOON)) == 1


class TestInterval:
    def due_in(self, row) -> timedelta:
        """Look *row* up again, where nothing moved, and return when it and its address are due."""
        Nexthop.objects.update(due_at=NOON)
        Address.objects.update(due_at=NOON)
        ask_dns(row)
        see(LEAF)
        row.refresh_from_db()
        return row.due_at - NOON, Address.objects.get().due_at - NOON

    def test_of_the_partner(self):
        """A partner that wants to be looked at once a day is."""
        row = watched()
        Partner.objects.update(probe_minutes=1440)
        self.due_in(row)

        assert min(self.due_in(row)) > 20 * HOUR

    def test_the_fastest_counts(self):
        """Of two partners behind one address the more anxious one is served."""
        row, other = watched("a.example", level="may"), watched("b.example")
        ask_dns(other)
        Partner.objects.filter(name="Partner b.example").update(probe_minutes=5)
        at_once, address = self.due_in(row)

        assert (at_once > 50 * MINUTE, address < 6 * MINUTE) == (True, True)

    def test_key_announced(self):
        """While a key is announced that no address shows, its channel is looked at every few minutes."""
        row = watched()
        self.due_in(row)
        proposed(row.channel, by=editor())

        assert max(self.due_in(row)) <= SOON_INTERVAL * 1.1
        Pin.objects.update(seen_everywhere_at=NOON)
        assert min(self.due_in(row)) > 50 * MINUTE

    def test_moved(self):
        """What moved is looked at again soon: the address after a renewal, the nexthop after its MX moved."""
        row = watched()
        self.due_in(row)
        Address.objects.update(due_at=NOON)
        see(OTHER)
        Nexthop.objects.update(due_at=NOON)
        ask_dns(row, "192.0.2.99")
        row.refresh_from_db()

        assert row.due_at - NOON <= SOON_INTERVAL * 1.1
        assert Address.objects.get(address="192.0.2.1").due_at - NOON <= SOON_INTERVAL * 1.1


class TestRenewal:
    def test_short_and_prolonged(self):
        """A lease is short; whoever is at work prolongs it, and nobody else can."""
        watched()
        claims = claim_nexthops(9, now=NOON)
        assert self.left() <= LEASE <= MINUTE

        Nexthop.objects.update(lease_until=database_now() + timedelta(seconds=1))
        renew(claims)
        assert self.left() > LEASE / 2

    def test_lost(self):
        """What went to another worker is not prolonged by the one before."""
        watched()
        late = claim_nexthops(9, now=NOON)
        Nexthop.objects.update(lease_until=datetime(2001, 1, 1, tzinfo=NOON.tzinfo))
        assert claim_nexthops(9, now=NOON)
        Nexthop.objects.update(lease_until=database_now() + timedelta(seconds=1))
        renew(late)

        assert self.left() <= timedelta(seconds=1)

    def left(self) -> timedelta:
        return Nexthop.objects.get().lease_until - database_now()
