"""How long history is kept, and what stays however old it is."""

from datetime import timedelta

import pytest

from partners.actions.retention import prune
from partners.models import (
    Address,
    Alert,
    AlertDelivery,
    Certificate,
    ComplianceInterval,
    DnsSighting,
    DomainChange,
    Endpoint,
    Nexthop,
    Observation,
    Pin,
    Sighting,
)
from partners.tasks.retention import prune_history
from tests.actions.people import editor, proposed
from tests.actions.watched import NOON, ask_dns, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
YEAR, HOUR = timedelta(days=365), timedelta(hours=1)
OLD, NEW = self_signed("mx.example.com"), self_signed("mx.example.com")


@pytest.fixture
def renewed():
    """A nexthop whose server showed OLD two years ago, and NEW until a year and a half ago."""
    row = watched()
    for leaf, at in ((OLD, NOON - 2 * YEAR), (NEW, NOON - 1.5 * YEAR)):
        Nexthop.objects.update(due_at=at)
        ask_dns(row, at=at)
        Address.objects.update(due_at=at)
        see(leaf, at=at)
    return row


class TestFacts:
    def test_closed(self, renewed):
        """A sighting that ended longer ago goes, with its observation and its certificate."""
        pruned = prune(keep=YEAR, now=NOON)

        assert (pruned.sightings, pruned.observations, pruned.certificates) == (1, 1, 1)
        assert Certificate.objects.get().der == NEW.der

    def test_current(self, renewed):
        """What was seen last is kept, however long ago that was."""
        prune(keep=timedelta(days=30), now=NOON)

        assert Sighting.objects.filter(current=True).count() == DnsSighting.objects.count() == 1
        assert Observation.objects.count() == 2

    def test_younger(self, renewed):
        """What ended within the days that are kept stays."""
        assert prune(keep=3 * YEAR, now=NOON).sightings == 0

    def test_pinned_certificate(self, renewed):
        """A certificate that a pin names stays without a sighting."""
        pin = proposed(renewed.channel, by=editor())
        Pin.objects.filter(pk=pin.pk).update(certificate=Certificate.objects.order_by("pk")[0])

        assert prune(keep=YEAR, now=NOON).certificates == 0
        assert Certificate.objects.count() == 2

    def test_shared_observation(self, renewed):
        """An observation that is seen elsewhere stays."""
        old = Sighting.objects.get(current=False)
        other = Endpoint.objects.create(address=Address.objects.get(), port=587, profile_key="x")
        Sighting.objects.create(endpoint=other, observation=old.observation, first_seen=NOON, last_seen=NOON)
        pruned = prune(keep=YEAR, now=NOON)

        assert (pruned.sightings, pruned.observations) == (1, 0)


class TestRest:
    def test_intervals(self):
        """A state that ended longer ago goes; the open one stays."""
        row = watched(by=(eda := editor()), match=OLD.cert_fingerprint())
        publish(f"example.com\tfingerprint match={OLD.cert_fingerprint()}\n", by=eda)
        ask_dns(row)
        ComplianceInterval.objects.update(valid_from=NOON - 2 * YEAR, valid_to=NOON - 1.5 * YEAR)
        see(OLD)

        assert prune(keep=YEAR, now=NOON).intervals == 1
        assert ComplianceInterval.objects.get().state == "compliant"

    def test_address_of_nobody(self, renewed):
        """An address that no MX record names is due no more, and goes with all that was seen there in the end."""
        Nexthop.objects.update(due_at=NOON)
        ask_dns(renewed, "192.0.2.77", at=NOON)
        Address.objects.filter(address="192.0.2.1").update(due_at=NOON - 2 * HOUR)
        prune(keep=3 * YEAR, now=NOON)
        assert Address.objects.get(address="192.0.2.1").due_at is None

        assert prune(keep=YEAR, now=NOON).addresses == 1
        assert Address.objects.get().address == "192.0.2.77"
        assert not Certificate.objects.exists()

    def test_task(self, renewed, settings):
        """The task goes by the setting, and ends by itself."""
        settings.KEEP_DAYS = 365
        prune_history()

        assert not Sighting.objects.filter(current=False).exists()


class TestAlerts:
    def alert(self, closed_at, **delivery):
        opened = NOON - 3 * YEAR
        row = Alert.objects.create(
            cause="x",
            severity=2,
            grouping=f"g{Alert.objects.count()}",
            day=opened,
            opened_at=opened,
            closed_at=closed_at,
        )
        mail = {"kind": "raised", "via": "mail", "address": "a@house.example", "day": opened, "planned_at": opened}
        AlertDelivery.objects.create(alert=row, **mail, **delivery)
        return row

    def test_over(self):
        """An alert that ended longer ago goes with its messages; a younger one and an open one stay, however old."""
        self.alert(NOON - 2 * YEAR)
        kept = {self.alert(NOON - HOUR), self.alert(None)}

        assert prune(keep=YEAR, now=NOON).alerts == 1
        assert set(Alert.objects.all()) == kept
        assert AlertDelivery.objects.count() == 2

    def test_message_that_is_still_to_leave(self):
        """Nothing that was to be told is dropped unsaid."""
        self.alert(NOON - 2 * YEAR, next_try_at=NOON)

        assert prune(keep=YEAR, now=NOON).alerts == 0

    def test_moves_of_domains(self, renewed):
        """What moved of a domain longer ago goes too."""
        for at in (NOON - 2 * YEAR, NOON - HOUR):
            DomainChange.objects.create(nexthop=renewed, what="name-servers", before="a", after="b", seen_at=at)

        assert prune(keep=YEAR, now=NOON).moves == 1
        assert DomainChange.objects.count() == 1
