"""What recording costs: a fixed number of queries, so that a thousand partners are a round and not a day."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.actions.leases import claim_addresses, claim_nexthops
from partners.actions.probing import Answer, record_answers, record_dns, record_peers
from partners.actions.stored import facts_of
from partners.models import Endpoint, Nexthop, Sighting
from tests.actions.people import editor
from tests.actions.watched import NOON, ask_dns, dns_facts, measured, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=2)
LEAF, OTHER = self_signed("mx.example.com"), self_signed("mx.example.com")
BATCH = 10
MANY = [f"192.0.2.{number}" for number in range(1, BATCH + 1)]


class Cost(CaptureQueriesContext):
    """Counts queries; the beginning and the end of a transaction are none."""

    def __init__(self) -> None:
        super().__init__(connection)

    @property
    def queries(self) -> list[str]:
        """The statements that read or write rows."""
        ends = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
        return [one["sql"] for one in self.captured_queries if not one["sql"].startswith(ends)]


@pytest.fixture
def nexthop() -> Nexthop:
    """example.com with a released pin and ten addresses."""
    eda = editor()
    row = watched(by=eda, match=LEAF.cert_fingerprint())
    publish(f"example.com\tfingerprint match={LEAF.cert_fingerprint()}\n", by=eda)
    ask_dns(row, *MANY)
    return row


def all_seen(leaf, at) -> Cost:
    """Record that all ten addresses show *leaf*, as one batch."""
    batch = [measured(claim, leaf, at=at) for claim in claim_addresses(99, now=at)]
    assert len(batch) == BATCH
    with Cost() as cost:
        assert record_peers(batch, now=at) == BATCH
    return cost


class TestDns:
    def record(self, row, *addresses):
        """Record an answer of two hours later."""
        Nexthop.objects.filter(pk=row.pk).update(due_at=LATER)
        (claim,) = claim_nexthops(1, now=LATER, only=[row.pk])
        with Cost() as cost:
            assert record_dns(claim, dns_facts(row.key, *addresses, at=LATER), now=LATER)
        return cost

    def test_same_answer(self, nexthop):
        """The answer of the last round costs a handful, however many addresses it names; a pin costs one more."""
        plain = watched("plain.example", level="may", match="")
        ask_dns(plain, "198.51.100.1")
        cost, without_pin = self.record(nexthop, *MANY), self.record(plain, "198.51.100.1")

        assert len(without_pin.queries) <= 12, without_pin.queries
        assert len(cost.queries) == len(without_pin.queries) + 1, cost.queries
        assert nexthop.dns_sightings.get().times == 2

    def test_other_answer(self, nexthop):
        """Ten other addresses cost no more than one: rows are made together, and the channel is judged."""
        few = self.record(nexthop, "192.0.2.99")
        Nexthop.objects.update(due_at=LATER)
        many = self.record(nexthop, *(f"198.51.100.{number}" for number in range(1, BATCH + 1)))

        assert len(few.queries) <= 45, few.queries
        assert len(many.queries) <= len(few.queries)
        assert nexthop.endpoints.count() == BATCH

    def test_many_answers(self, nexthop):
        """Answers of ten nexthops, recorded together, cost what one does."""
        rows = [watched(f"p{number}.example") for number in range(BATCH)]
        for turn in (NOON, LATER):
            Nexthop.objects.update(due_at=turn)
            claims = claim_nexthops(99, now=turn, only=[row.pk for row in rows])
            answers = [Answer(claim, dns_facts(claim.key, at=turn)) for claim in claims]
            with Cost() as cost:
                assert record_answers(answers, now=turn) == BATCH

        assert len(cost.queries) <= 13, cost.queries
        assert set(rows[0].dns_sightings.values_list("times", flat=True)) == {2}


class TestPeers:
    def test_same_facts(self, nexthop):
        """A batch that sees what was seen before costs three queries for each peer, the row of the list included."""
        all_seen(LEAF, NOON)
        cost = all_seen(LEAF, LATER)

        assert len(cost.queries) <= 33, cost.queries
        assert set(Sighting.objects.values_list("times", flat=True)) == {2}

    def test_other_facts(self, nexthop):
        """Nor does a renewal everywhere cost more than five for each, its alarm included."""
        all_seen(LEAF, NOON)
        cost = all_seen(OTHER, LATER)

        assert len(cost.queries) <= 54, cost.queries
        assert Sighting.objects.filter(current=True).count() == BATCH

    def test_batch_of_one(self, nexthop):
        """A single result, as a person who waits gets it, costs no more than a batch."""
        all_seen(LEAF, NOON)
        (claim,) = claim_addresses(1, now=LATER)
        with Cost() as cost:
            record_peers([measured(claim, LEAF, at=LATER)], now=LATER)

        assert len(cost.queries) <= 33, cost.queries


class TestStoredFacts:
    def test_any_number(self, nexthop):
        """The facts of many nexthops are read in as many queries as those of one."""
        rows = [nexthop]
        for number in range(5):
            rows.append(watched(f"p{number}.example"))
            ask_dns(rows[-1], f"198.51.100.{number + 1}")
        while claim_addresses(1, now=NOON):
            pass
        with Cost() as one:
            facts_of(rows[:1])
        with Cost() as all_of_them:
            found = facts_of(rows)

        assert len(all_of_them.queries) == len(one.queries) <= 3
        assert {row.pk for row in rows} == set(found)
        assert found[rows[3].pk].dns.nexthop == "p2.example"

    def test_shared_facts_keep_their_names(self):
        """Two nexthops with one observation each read their own key."""
        first, second = watched("a.example"), watched("b.example")
        for row in (first, second):
            ask_dns(row)
        see(LEAF)
        found = facts_of([first, second])

        assert [found[row.pk].dns.nexthop for row in (first, second)] == ["a.example", "b.example"]
        assert found[first.pk].peers == found[second.pk].peers
        assert replace(found[first.pk].peers[0]).tls.chain == (LEAF.der,)
        assert Endpoint.objects.count() == 1
