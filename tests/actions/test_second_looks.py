"""A server of which a pin is in play is asked for its second certificate too; the verdict rests on the first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from partners.actions.leases import AddressClaim, claim_addresses
from partners.actions.probing import Result, record_peers
from partners.actions.relay_groups import ensure_group
from partners.actions.rollovers import to_retire
from partners.actions.stored import facts_of
from partners.core.observation import NotMeasured, NotMeasuredCause, Stage, TlsProfile
from partners.models import Address, ComplianceInterval, Endpoint, Nexthop, Pin, Sighting
from tests.actions.people import NOON, approver, editor, proposed
from tests.actions.watched import ask_dns, measured, not_measured, publish, see, watched
from tests.kit.ca import Certificate, self_signed

pytestmark = pytest.mark.django_db
EC_LEAF, RSA_LEAF = self_signed("mx.example.com"), self_signed("mx.example.com", key="rsa2048")
LATER, SOON = NOON + timedelta(hours=2), timedelta(minutes=20)


def looks() -> set[str]:
    """The kinds of key that are asked for at the addresses that are spoken to; "" is the first look."""
    return {str(row.profile.get("leaf_key", "")) for row in Endpoint.objects.filter(nexthops__isnull=False)}


def ask_again(nexthop: Nexthop, *, at=LATER) -> None:
    """Let the next lookup come."""
    Nexthop.objects.filter(pk=nexthop.pk).update(due_at=at)
    Address.objects.update(due_at=at)
    ask_dns(nexthop, at=at)


def second(claim: AddressClaim, leaf: Certificate | None, *, at=LATER) -> Result:
    """Return the second look of *claim*, which saw *leaf*, or that there is no other."""
    target = next(one for one in claim.targets if one.profile.leaf_key)
    facts = replace(measured(claim, leaf or EC_LEAF, at=at).facts, profile=target.profile)
    if leaf is None:
        facts = replace(facts, tls=None, ended=Stage.HANDSHAKE, stop="tls", tls_error="handshake failure")
    return Result(claim, target, facts)


def both_seen(nexthop: Nexthop, first: Certificate, other: Certificate | None) -> None:
    """Let two rounds pass: the second one shows both certificates."""
    see(first)
    ask_again(nexthop)
    (claim,) = claim_addresses(1, now=LATER)
    record_peers([measured(claim, first, at=LATER), second(claim, other)], now=LATER)


@pytest.fixture
def relays() -> None:
    """A relay group, whose map is empty as yet."""
    ensure_group(now=NOON)


@pytest.fixture
def nexthop() -> Nexthop:
    """example.com, whose ECDSA certificate is pinned on the relays, after its first lookup."""
    eda = editor()
    row = watched(by=eda, match=EC_LEAF.cert_fingerprint())
    publish(f"example.com\tfingerprint match={EC_LEAF.cert_fingerprint()}\n", by=eda)
    ask_dns(row)
    return row


class TestWhere:
    def test_only_once_the_first_leaf_is_known(self, nexthop):
        """Which kind of key to ask for is told by the first look, and the next lookup comes soon."""
        assert looks() == {""}
        assert Nexthop.objects.get().due_at <= NOON + SOON

        see(EC_LEAF)
        ask_again(nexthop)
        assert looks() == {"", "rsa"}

    @pytest.mark.parametrize(("leaf", "kind"), [(EC_LEAF, "rsa"), (RSA_LEAF, "ecdsa")])
    def test_the_other_kind_is_asked_for(self, nexthop, leaf, kind):
        """A renewal from one kind to the other turns the question round."""
        see(leaf)
        ask_again(nexthop)

        assert looks() == {"", kind}

    def test_not_without_a_pin(self, relays):
        """Where no fingerprint is compared, nobody is asked twice."""
        row = watched(level="secure", agreed="ca-and-name")
        ask_dns(row)
        see(EC_LEAF)
        ask_again(row)

        assert looks() == {""}
        assert Nexthop.objects.get().due_at > LATER + SOON

    def test_an_announced_pin_is_in_play(self, relays):
        """Before the entry compares fingerprints, the second certificate is to be known."""
        eda = editor()
        row = watched(by=eda, level="secure", agreed="ca-and-name")
        ask_dns(row)
        see(EC_LEAF)
        proposed(row.channel, by=eda)
        ask_again(row)

        assert looks() == {"", "rsa"}

    def test_asks_by_the_name_of_the_entry(self, relays):
        """The server name may choose the certificate."""
        row = watched(match=EC_LEAF.cert_fingerprint(), servername="mx.example.com")
        ask_dns(row)
        (claim,) = claim_addresses(1, now=NOON)
        record_peers([replace(measured(claim, EC_LEAF), target=one) for one in claim.targets], now=NOON)
        ask_again(row)

        (claim,) = claim_addresses(1, now=LATER)
        assert second(claim, RSA_LEAF).target.profile == TlsProfile(servername="mx.example.com", leaf_key="rsa")


class TestWhatRestsOnIt:
    def test_the_verdict_is_that_of_the_first(self, nexthop):
        """An RSA certificate that nobody pinned stops no mail as long as Postfix is shown the other."""
        both_seen(nexthop, EC_LEAF, RSA_LEAF)

        assert ComplianceInterval.objects.get(valid_to=None).state == "compliant"
        assert Sighting.objects.filter(current=True).count() == 2

    def test_facts_for_the_judge_hold_the_first_alone(self, nexthop):
        """The guard, the rollover and the ends of certificates count one session an address."""
        both_seen(nexthop, EC_LEAF, RSA_LEAF)

        (peer,) = facts_of([nexthop])[nexthop.pk].peers
        assert peer.tls.chain == (EC_LEAF.der,)

    def test_a_rollover_counts_the_first_alone(self, nexthop):
        """The new pin is seen everywhere, though each address has a second leaf that is none of the pins."""
        eda, ann = editor("eve"), approver()
        new = Pin.objects.create(
            channel=nexthop.channel, of_key=False, digests={"sha256": RSA_LEAF.cert_fingerprint()}, state="active",
            proposed_at=NOON, proposed_by=eda, decided_by=ann, decided_at=NOON,
        )  # fmt: skip
        both_seen(nexthop, RSA_LEAF, EC_LEAF)

        new.refresh_from_db()
        assert (new.seen_on, new.seen_of) == (1, 1)
        assert to_retire(nexthop.channel).digests == (EC_LEAF.cert_fingerprint(),)

    def test_a_second_look_that_fails_leaves_the_address_alone(self, nexthop):
        """A time-out there makes no server a failing one; it is asked again as ever."""
        see(EC_LEAF)
        ask_again(nexthop)
        (claim,) = claim_addresses(1, now=LATER)
        failed = not_measured(claim, NotMeasuredCause.TIMEOUT, at=LATER)
        target = next(one for one in claim.targets if one.profile.leaf_key)
        lost = NotMeasured("192.0.2.1", 25, target.profile, LATER, NotMeasuredCause.TIMEOUT)
        record_peers([measured(claim, EC_LEAF, at=LATER), replace(failed, target=target, facts=lost)], now=LATER)

        row = Address.objects.get()
        assert (row.failing_since, row.lease_token) == (None, "")
        assert row.due_at > LATER
        assert ComplianceInterval.objects.get(valid_to=None).state == "compliant"

    def test_a_busy_word_to_the_second_look_counts(self, nexthop):
        """421 is a wish to be left alone, whichever look hears it."""
        see(EC_LEAF)
        ask_again(nexthop)
        (claim,) = claim_addresses(1, now=LATER)
        busy = second(claim, None)
        busy = replace(busy, facts=replace(busy.facts, ended=Stage.GREETING, greeting_code=421, tls=None))
        record_peers([measured(claim, EC_LEAF, at=LATER), busy], now=LATER)

        assert Address.objects.get().backed_off_until is not None


def test_two_partners_share_it(relays) -> None:
    """One server is asked once, whoever pins its certificate."""
    eda = editor()
    rows = [watched(f"p{number}.example", by=eda, match=EC_LEAF.cert_fingerprint()) for number in range(2)]
    for row in rows:
        ask_dns(row)
    see(EC_LEAF)
    for row in rows:
        ask_again(row)

    (claim,) = claim_addresses(9, now=LATER)
    assert sorted(one.profile.leaf_key for one in claim.targets) == ["", "rsa"]
    assert {one.nexthops.count() for one in Endpoint.objects.all()} == {2}
