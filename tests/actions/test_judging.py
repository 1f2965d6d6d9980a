"""From stored facts to verdicts and states, against the map on the relays."""

from datetime import timedelta

import pytest

from partners.actions import judging
from partners.actions.inforce import maps_in_force
from partners.actions.judging import JUDGED_MAX_AGE, judge_due
from partners.actions.leases import claim_addresses
from partners.actions.probing import record_peers
from partners.actions.relay_groups import ensure_group
from partners.actions.rollovers import set_backup, to_retire
from partners.core.observation import Dnssec, HostFacts, LookupStatus, NotMeasuredCause
from partners.models import Channel, ComplianceInterval, Pin, Relay, VerdictRow
from tests.actions.people import editor
from tests.actions.watched import NOON, ask_dns, not_measured, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
LEAF, OTHER = self_signed("mx.example.com"), self_signed("mx.example.com")


def line(leaf, key="example.com"):
    """The map line that pins *leaf*."""
    return f"{key}\tfingerprint match={leaf.cert_fingerprint()}\n"


def approved(nexthop, leaf, state):
    """A pin of *leaf* that two people agreed on."""
    number = Pin.objects.count()
    return Pin.objects.create(
        channel=nexthop.channel, of_key=False, digests={"sha256": leaf.cert_fingerprint()}, state=state,
        proposed_by=editor(f"pia{number}"), decided_by=editor(f"ann{number}"), proposed_at=NOON, decided_at=NOON,
    )  # fmt: skip


def two_hosts(nexthop):
    """Let the nexthop have two MX hosts with an address each."""
    hosts = tuple(
        HostFacts(f"mx{number}.example.com", 10, LookupStatus.FOUND, Dnssec.INSECURE, (f"192.0.2.{number}",))
        for number in (1, 2)
    )
    type(nexthop).objects.update(due_at=NOON)
    ask_dns(nexthop, hosts=hosts)


def states():
    return list(ComplianceInterval.objects.order_by("pk").values_list("state", flat=True))


@pytest.fixture
def nexthop():
    """example.com with LEAF pinned in release 1."""
    eda = editor()
    row = watched(by=eda, agreed="pin", level="fingerprint")
    publish(line(LEAF), by=eda)
    ask_dns(row)
    return row


class TestState:
    def test_as_agreed(self, nexthop):
        """The pinned certificate is seen: mail flows Verified, and the channel is compliant."""
        see(LEAF)

        verdict = VerdictRow.objects.get()
        assert (verdict.delivery, verdict.tls_status) == ("deliver", "Verified")
        assert states()[-1] == "compliant"

    def test_renewed(self, nexthop):
        """Another certificate: Postfix would defer, and one interval follows the other without a gap."""
        see(LEAF)
        see(OTHER, at=NOON + 2 * HOUR)

        old, new = ComplianceInterval.objects.order_by("-pk")[1], ComplianceInterval.objects.order_by("-pk")[0]
        assert (new.state, new.cause) == ("violated", "fingerprint-mismatch")
        assert old.valid_to == new.valid_from == NOON + 2 * HOUR

    def test_nothing_new(self, nexthop):
        """While nothing moves, one interval stays open, and it says when it was last known."""
        see(LEAF)
        see(LEAF, at=NOON + 2 * HOUR)

        assert states().count("compliant") == 1
        assert ComplianceInterval.objects.get(state="compliant").known_at == NOON + 2 * HOUR

    def test_time_out_is_no_fact(self, nexthop):
        """A time-out moves nothing: the state stays, and is marked as old since then."""
        see(LEAF)
        later = NOON + 2 * HOUR
        (claim,) = claim_addresses(1, now=later)
        record_peers([not_measured(claim, NotMeasuredCause.TIMEOUT, at=later)], now=later)

        row = ComplianceInterval.objects.get(valid_to=None)
        assert (row.state, row.unknown_since, row.known_at) == ("compliant", later, NOON)
        assert VerdictRow.objects.get().delivery == "unknown"

    def test_facts_that_come_in_meanwhile(self, nexthop, monkeypatch):
        """What is recorded while somebody judges older facts is what counts in the end."""
        see(LEAF)
        later, real, turns = NOON + 2 * HOUR, judging.facts_of, []

        def slow(rows):
            facts = real(rows)
            if not turns:
                turns.append(rows)
                see(OTHER, at=later)
            return facts

        monkeypatch.setattr(judging, "facts_of", slow)
        judging.judge_nexthops([nexthop.pk], now=later)

        assert states()[-1] == "violated"
        assert states().count("violated") == 1

    def test_weaker(self):
        """Mail that flows below what was agreed is weaker, not compliant."""
        eda = editor()
        row = watched(by=eda, agreed="pin", level="encrypt")
        publish("example.com\tencrypt\n", by=eda)
        ask_dns(row)
        see(LEAF)

        assert states()[-1] == "weaker"

    def test_not_released(self):
        """A channel whose entry is in no map yet is pending, whatever main.cf's default would do."""
        ensure_group(now=NOON)
        ask_dns(watched())
        see(LEAF)

        assert states() == ["pending"]

    def test_pin_seen_everywhere(self, nexthop):
        """An accepted pin that every address shows is noted, and no longer noted when one shows another."""
        eda, ann = editor("pia"), editor("ann2")
        pin = Pin.objects.create(
            channel=nexthop.channel, of_key=False, digests={"sha256": LEAF.cert_fingerprint()}, state="active",
            proposed_by=eda, decided_by=ann, proposed_at=NOON, decided_at=NOON,
        )  # fmt: skip
        see(LEAF)
        assert Pin.objects.get(pk=pin.pk).seen_everywhere_at == NOON

        see(OTHER, at=NOON + 2 * HOUR)
        assert Pin.objects.get(pk=pin.pk).seen_everywhere_at is None

    def test_new_pin_beside_the_old(self, nexthop):
        """From its approval on the channel is rolling, and still protected."""
        Channel.objects.filter(pk=nexthop.channel_id).update(match=LEAF.cert_fingerprint())
        see(LEAF)
        assert states()[-1] == "compliant"

        approved(nexthop, OTHER, "staged")
        judging.judge_nexthops([nexthop.pk], now=NOON + HOUR)
        assert states()[-1] == "rolling"

    def test_old_pin_still_to_leave(self, nexthop):
        """The channel is rolling until the pin that is seen nowhere any more is out."""
        approved(nexthop, LEAF, "active")
        old = approved(nexthop, OTHER, "active")
        see(LEAF)
        assert states()[-1] == "rolling"

        Pin.objects.filter(pk=old.pk).update(state=Pin.State.RETIRED)
        judging.judge_nexthops([nexthop.pk], now=NOON + HOUR)
        assert states()[-1] == "compliant"

    def test_two_pins_for_good(self, nexthop):
        """Two pins in force of which each is seen on some addresses are two certificates, and no rollover."""
        publish(f"{line(LEAF).strip()} match={OTHER.cert_fingerprint()}\n", by=editor("ed2"), number=2)
        for leaf in (LEAF, OTHER):
            approved(nexthop, leaf, "active")
        two_hosts(nexthop)
        see(LEAF)
        see(OTHER)

        assert states()[-1] == "compliant"
        assert list(Pin.objects.values_list("seen_on", "seen_of")) == [(1, 2), (1, 2)]

    def test_backup_pin(self, nexthop):
        """A pin that is kept on purpose and seen nowhere is no rollover, however long it is there."""
        approved(nexthop, LEAF, "active")
        spare = approved(nexthop, OTHER, "active")
        set_backup(spare, backup=True, by=editor("ed2"), now=NOON)
        see(LEAF)

        assert states()[-1] == "compliant"
        assert to_retire(nexthop.channel).pins == ()


class TestMapInForce:
    def test_until_a_relay_reports(self, nexthop):
        """The published release counts until a relay says what it has."""
        publish(line(OTHER), by=editor("ed2"), number=2)
        assert maps_in_force()[0].map.text == line(OTHER)

        Relay.objects.create(group=ensure_group(now=NOON), name="relay1.example", active_release=1)
        assert maps_in_force()[0].map.text == line(LEAF)


class TestDue:
    def test_after_a_release(self, nexthop):
        """A release is judged without a new probe."""
        see(LEAF)
        publish(line(OTHER), by=editor("ed2"), number=2, at=NOON + timedelta(minutes=1))

        assert judge_due(9, now=NOON + timedelta(minutes=2)) == 1
        assert states()[-1] == "violated"

    def test_now_and_then(self, nexthop):
        """What was judged just now is left alone; later it is judged again, for a certificate may have ended."""
        see(LEAF)

        assert judge_due(9, now=NOON) == 0
        assert judge_due(9, now=NOON + JUDGED_MAX_AGE) == 1
