"""Claims, leases, and what the probe saw as rows."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from partners.actions import leases
from partners.actions.leases import ask_now, claim_addresses, claim_nexthops, give_back
from partners.actions.probing import record_dns, record_peers
from partners.core.errors import NotAllowed
from partners.core.facts_json import facts_from_json
from partners.core.observation import LookupStatus, NotMeasuredCause
from partners.core.schedule import CRASHES_MAX
from partners.core.slow_lane import TIMEOUTS_TO_ENTER
from partners.models import Address, AuditEntry, Certificate, DnsSighting, Endpoint, Nexthop, Observation, Sighting
from tests.actions.people import editor, member
from tests.actions.watched import (
    NOON,
    ask_dns,
    dns_facts,
    let_leases_end,
    measured,
    not_measured,
    publish,
    see,
    watched,
)
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LATER, BEFORE = NOON + 2 * HOUR, NOON - timedelta(days=365)
LEAF = self_signed("mx.example.com")


class TestClaims:
    def test_one_holder(self):
        """What one worker has claimed, no other one gets."""
        watched()

        assert len(claim_nexthops(9, now=NOON)) == 1
        assert claim_nexthops(9, now=NOON) == []

    def test_not_before_due(self):
        """A row that is not due is nobody's work."""
        watched()

        assert claim_nexthops(9, now=NOON - MINUTE) == []

    def test_asked_first(self):
        """Whom somebody waits for goes first."""
        watched("a.example")
        asked = watched("b.example")
        ask_now(asked, by=editor(), now=NOON)

        assert [claim.key for claim in claim_nexthops(1, now=NOON)] == ["b.example"]

    def test_dotted_key(self):
        """A dotted key has no MX: its witnesses are looked up, never the key."""
        watched(".example.com")

        assert claim_nexthops(9, now=NOON) == []

    def test_lease_runs_out(self):
        """A worker that died holds its row no longer than the lease."""
        watched()
        (first,) = claim_nexthops(9, now=NOON)

        let_leases_end()
        (second,) = claim_nexthops(9, now=NOON)

        assert second.token != first.token

    def test_given_back(self):
        """What a worker gives back at its end is due at once and counts as no crash."""
        row = watched()
        give_back(claim_nexthops(9, now=NOON))

        assert len(claim_nexthops(9, now=NOON)) == 1
        assert Nexthop.objects.get(pk=row.pk).crashes == 0

    def test_set_aside(self):
        """A row that ended its worker three times is set aside, until a person asks for it."""
        row = watched()
        for turn in range(CRASHES_MAX):
            assert claim_nexthops(9, now=NOON + turn * HOUR)
            let_leases_end()

        assert claim_nexthops(9, now=NOON + CRASHES_MAX * HOUR) == []
        assert claim_nexthops(9, now=NOON + 9 * HOUR) == []
        ask_now(row, by=editor(), now=NOON + 9 * HOUR)
        assert len(claim_nexthops(9, now=NOON + 9 * HOUR)) == 1

    def test_address_set_aside_is_unknown(self):
        """Of an address that is set aside nothing is known, and its endpoint says why."""
        ask_dns(watched())
        for turn in range(CRASHES_MAX + 1):
            claim_addresses(9, now=NOON + turn * HOUR)
            let_leases_end()

        assert Endpoint.objects.get().not_measured == "crashed"

    def test_address_of_nobody(self):
        """An address that no MX record names any more is not spoken to."""
        row = watched()
        ask_dns(row)
        Nexthop.objects.update(due_at=LATER)
        ask_dns(row, "192.0.2.2", at=LATER)

        assert [claim.address for claim in claim_addresses(9, now=LATER)] == ["192.0.2.2"]


class TestAskNow:
    def test_row_and_trace(self):
        """Asking makes the same row due, and leaves a trace of who asked."""
        row, eda = watched(), editor()
        ask_now(row, by=eda, now=NOON - HOUR)

        (claim,) = claim_nexthops(9, now=NOON - HOUR, asked=True)
        assert claim.asked_at is not None
        assert AuditEntry.objects.get(act="probe.asked").by == eda

    def test_asked_addresses_follow(self):
        """The addresses of what was asked for are due with it, not an hour later."""
        row = watched()
        ask_dns(row)
        see(LEAF)
        Endpoint.objects.update(tried_at=BEFORE)
        ask_now(row, by=editor(), now=NOON + MINUTE)
        ask_dns(row, at=NOON + MINUTE)

        assert len(claim_addresses(9, now=NOON + MINUTE)) == 1

    def test_shared_address_once(self):
        """Of several nexthops that are asked for at once, the second finds their address looked at already."""
        rows = [watched("a.example"), watched("b.example")]
        for row in rows:
            ask_now(row, by=editor(f"eda-{row.pk}"), now=BEFORE)
            ask_dns(row)
            Endpoint.objects.filter(tried_at__isnull=True).update(tried_at=NOON)
            Address.objects.filter(due_at__lte=NOON).update(due_at=LATER if row is rows[0] else NOON)

        assert Address.objects.get().due_at == LATER

    def test_a_partner_may_not(self):
        """Nobody outside the mail team makes us connect."""
        row = watched()
        pat = member(row.channel.partner, invited_by=editor())

        with pytest.raises(NotAllowed):
            ask_now(row, by=pat, now=NOON)

    @pytest.mark.django_db(transaction=True)
    def test_dead_broker(self, settings):
        """With the broker away the ask is saved, and the lost nudge is counted."""
        row, before = watched(), leases.lost_nudges["count"]
        with transaction.atomic():
            ask_now(row, by=editor(), now=NOON)

        assert leases.lost_nudges["count"] == before + 1
        assert Nexthop.objects.get(pk=row.pk).asked_by == "person"


class TestDns:
    def test_endpoints(self):
        """Each address of each MX host becomes an endpoint that is due now."""
        row = watched()
        ask_dns(row, "192.0.2.1", "2001:db8::1")

        assert set(row.endpoints.values_list("address__address", "port")) == {("192.0.2.1", 25), ("2001:db8::1", 25)}
        assert Address.objects.filter(due_at=NOON).count() == 2

    def test_port_of_the_key(self):
        """A nexthop with a port is probed there."""
        row = watched("[mx.example.com]:587")
        ask_dns(row)

        assert row.endpoints.get().port == 587

    @pytest.mark.parametrize("where", ["map in force", "draft"])
    def test_profile_of_the_entry(self, where):
        """An entry that changes the client's side, released or drafted, gets a session of its own at each address."""
        eda = editor()
        row = watched(by=eda, level="secure", **({"servername": "hostname"} if where == "draft" else {}))
        value = "secure" if where == "draft" else "secure servername=hostname"
        publish(f"example.com\t{value}\n", by=eda)
        ask_dns(row)

        assert sorted(one.profile["servername"] for one in row.endpoints.all()) == ["", "mx.example.com"]
        assert len(claim_addresses(9, now=NOON)[0].targets) == 2

    def test_shared_address(self):
        """Two nexthops with one MX host share its endpoint: one handshake a cycle."""
        ask_dns(watched("a.example"))
        ask_dns(watched("b.example"))

        assert Endpoint.objects.get().nexthops.count() == 2

    def test_same_answer(self):
        """The same answer prolongs the sighting; another one closes it and begins the next."""
        row = watched()
        for turn, address in enumerate(["192.0.2.1", "192.0.2.1", "192.0.2.2"]):
            Nexthop.objects.update(due_at=NOON)
            ask_dns(row, address, at=NOON + turn * HOUR)

        assert list(DnsSighting.objects.order_by("pk").values_list("times", "current")) == [(2, False), (1, True)]

    def test_failed_lookup_keeps_endpoints(self):
        """A resolver in trouble takes no endpoint away, and it is asked again soon."""
        row = watched()
        ask_dns(row)
        Nexthop.objects.update(due_at=NOON)
        ask_dns(row, at=NOON + HOUR, mx_status=LookupStatus.FAILED, hosts=())

        row.refresh_from_db()
        assert row.endpoints.count() == 1
        assert row.due_at < NOON + HOUR + 10 * MINUTE

    def test_lost_lease(self):
        """What comes without the current token is dropped."""
        row = watched()
        (late,) = claim_nexthops(1, now=NOON)
        let_leases_end()
        claim_nexthops(1, now=NOON + HOUR)

        assert record_dns(late, dns_facts(), now=NOON + HOUR) is False
        assert not DnsSighting.objects.exists()
        assert row.endpoints.count() == 0


class TestPeers:
    def test_facts_once(self):
        """Equal facts are one observation and one sighting that grows."""
        ask_dns(watched())
        for turn in range(3):
            see(LEAF, at=NOON + 2 * turn * HOUR)

        sighting = Sighting.objects.get()
        assert (sighting.times, sighting.first_seen, sighting.last_seen) == (3, NOON, NOON + 4 * HOUR)
        assert facts_from_json(sighting.observation.facts).tls.chain == (LEAF.der,)
        assert Certificate.objects.get().der == LEAF.der

    def test_other_facts(self):
        """A renewed certificate closes the sighting of the old one."""
        ask_dns(watched())
        see(LEAF)
        see(self_signed("mx.example.com"), at=LATER)

        assert Sighting.objects.filter(current=True).get().first_seen == LATER
        assert Sighting.objects.filter(current=False).get().last_seen == NOON

    def test_not_measured(self):
        """A time-out marks the endpoint and leaves the last facts as they were seen."""
        ask_dns(watched())
        see(LEAF)
        (claim,) = claim_addresses(1, now=LATER)
        record_peers([not_measured(claim, NotMeasuredCause.TIMEOUT, at=LATER)], now=LATER)

        assert Endpoint.objects.get().not_measured == "timeout"
        assert Sighting.objects.get().last_seen == NOON
        assert Observation.objects.count() == 2  # the DNS and one peer

    def test_lost_lease(self):
        """What a worker reports after its lease went to another one is dropped."""
        ask_dns(watched())
        (late,) = claim_addresses(1, now=NOON)
        let_leases_end()
        (claim,) = claim_addresses(1, now=NOON + HOUR)

        assert record_peers([measured(late, LEAF)], now=NOON + HOUR) == 0
        assert not Sighting.objects.exists()
        assert Address.objects.get().lease_token == claim.token

    def test_lease_ends_with_the_last(self):
        """The address is free when its last endpoint has a result, and due again within the interval."""
        row = watched()
        ask_dns(row)
        ask_dns(watched("[mx.example.com]:587"))
        (claim,) = claim_addresses(1, now=NOON)
        _first, second = claim.targets
        one = measured(claim, LEAF)
        record_peers([one], now=NOON)
        assert Address.objects.get().lease_token == claim.token

        record_peers([type(one)(claim, second, one.facts)], now=NOON)
        address = Address.objects.get()
        assert address.lease_token == ""
        assert NOON < address.due_at < LATER

    def test_rest(self):
        """An address that says 421 is left alone for a while, even if somebody asks."""
        row = watched()
        ask_dns(row)
        (claim,) = claim_addresses(1, now=NOON)
        record_peers([not_measured(claim, NotMeasuredCause.TEMPORARY_REPLY)], now=NOON)
        ask_now(row, by=editor(), now=NOON + MINUTE)
        ask_dns(row, at=NOON + MINUTE)

        assert claim_addresses(1, now=NOON + MINUTE) == []
        assert len(claim_addresses(1, now=NOON + HOUR)) == 1

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param({"greeting_code": 421}, id="421 as greeting"),
            pytest.param({"greeting_code": 450}, id="4xx as greeting"),
            pytest.param({"ehlo_code": 421}, id="421 to EHLO"),
            pytest.param({"starttls_code": 421}, id="421 to STARTTLS"),
        ],
    )
    def test_rest_that_is_a_fact(self, reply):
        """A peer that says so with a reply that is kept as a fact gets its rest as well, and the fact stays."""
        ask_dns(watched())
        (claim,) = claim_addresses(1, now=NOON)
        record_peers([measured(claim, LEAF, tls=None, **reply)], now=NOON)

        address = Address.objects.get()
        assert address.backed_off_until == address.due_at > NOON
        assert Sighting.objects.count() == 1
        assert claim_addresses(1, now=NOON + MINUTE) == []

    def test_no_tls_for_now_is_no_rest(self):
        """454 to STARTTLS speaks of TLS, not of us: the address is looked at as ever."""
        ask_dns(watched())
        (claim,) = claim_addresses(1, now=NOON)
        record_peers([measured(claim, LEAF, tls=None, starttls_code=454)], now=NOON)

        assert Address.objects.get().backed_off_until is None

    def test_waits_grow(self):
        """An address that goes on failing is spoken to less and less."""
        ask_dns(watched())
        at, waits = NOON, []
        for turn in range(4):
            (claim,) = claim_addresses(1, now=at, is_slow=turn >= TIMEOUTS_TO_ENTER)
            record_peers([not_measured(claim, NotMeasuredCause.CONNECT_TIMEOUT, at=at)], now=at)
            due = Address.objects.get().due_at
            waits.append(due - at)
            at = due

        assert waits[-1] > 2 * waits[0]

    def test_soon_before_the_end(self):
        """An address whose leaf is about to end is looked at every few minutes."""
        ask_dns(watched())
        see(self_signed("mx.example.com", not_after=NOON + timedelta(days=1)))

        assert Address.objects.get().due_at < NOON + 20 * MINUTE

    def test_stopped(self):
        """A session that was cancelled tells nothing: the address is free, due as before, and nothing is noted."""
        ask_dns(watched())
        (claim,) = claim_addresses(1, now=NOON)
        record_peers([not_measured(claim, NotMeasuredCause.CANCELLED)], now=NOON)

        assert Endpoint.objects.get().not_measured == ""
        assert len(claim_addresses(1, now=NOON)) == 1
        assert Address.objects.get().crashes == 0

    def test_crashes_of_the_probe(self):
        """An address on which our own code fails three times is set aside, as if the worker had died."""
        ask_dns(watched())
        for turn in range(CRASHES_MAX):
            at = NOON + turn * 12 * HOUR
            (claim,) = claim_addresses(1, now=at)
            record_peers([not_measured(claim, NotMeasuredCause.CRASHED, at=at)], now=at)

        assert Address.objects.get().set_aside_at is not None
        assert claim_addresses(1, now=NOON + 99 * HOUR) == []

    def test_broken_certificate(self):
        """Bytes that are no certificate are kept as a fact and make no certificate's row."""
        ask_dns(watched())
        (claim,) = claim_addresses(1, now=NOON)
        seen = measured(claim, LEAF)
        broken = type(seen)(claim, seen.target, _with_chain(seen.facts, b"\x30\x03junk"))

        assert record_peers([broken], now=NOON) == 1
        assert not Certificate.objects.exists()


def _with_chain(facts, der):
    return replace(facts, tls=replace(facts.tls, chain=(der,)))
