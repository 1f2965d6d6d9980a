"""A look at a nexthop before a partner is kept: due, leased, bounded, and its owner's alone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.actions.leases import LOOK_SPAN, claim_addresses, claim_looks, give_back
from partners.actions.looking import (
    LOOK_LIFETIME,
    LOOK_REST,
    LOOKS_MAX,
    ask_look,
    drop_expired,
    look_facts,
    record_look,
)
from partners.actions.probing import record_peers
from partners.core.errors import ActionRefused, NameRefused, NotAllowed, RefusedInput
from partners.models import Address, AuditEntry, Channel, Endpoint, Look, Nexthop, User
from tests.actions.people import NOON, editor, person
from tests.actions.watched import dns_facts, measured, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
LEAF = self_signed("mx.example.com")


def looked(look: Look, *addresses: str) -> None:
    """Do what a worker does first."""
    (claim,) = claim_looks(5, now=look.made_at)
    assert record_look(claim, dns_facts(claim.key, *addresses, at=look.made_at), now=look.made_at)


def seen(look: Look) -> int:
    """Do what a worker does with one address."""
    (claim,) = claim_addresses(1, now=look.made_at, only=[])
    return record_peers([measured(claim, LEAF, at=look.made_at)], now=look.made_at)


def test_a_look_is_seen_and_keeps_no_partner() -> None:
    """Lookup and session leave facts for the look; no channel and no nexthop exists."""
    look = ask_look("example.com", by=editor(), now=NOON)
    looked(look)
    seen(look)
    look.refresh_from_db()

    (stored,) = look_facts(look).values()

    assert stored.dns is not None
    assert [peer.address for peer in stored.peers] == ["192.0.2.1"]
    assert not Channel.objects.exists()
    assert not Nexthop.objects.exists()
    assert AuditEntry.objects.get(act="look.asked").subject == "nexthop example.com"


def test_both_forms_of_a_name_are_judged_from_one_look() -> None:
    """An internationalised name is looked up in ASCII; what is seen stands for both of its keys."""
    look = ask_look("bücher.example", by=editor(), now=NOON)
    looked(look)
    look.refresh_from_db()

    assert look.key == "xn--bcher-kva.example"
    assert set(look_facts(look)) == {"xn--bcher-kva.example", "bücher.example"}


def test_asking_again_is_no_second_look() -> None:
    """Within a minute the look before is the answer; another person's is none."""
    ed = editor()
    first = ask_look("example.com", by=ed, now=NOON)

    assert ask_look("Example.com", by=ed, now=NOON + LOOK_REST / 2) == first
    assert ask_look("example.com", by=ed, now=NOON + LOOK_REST) != first
    assert ask_look("example.com", by=editor("other"), now=NOON) != first


def test_looks_are_limited_per_person() -> None:
    """After so many within ten minutes a person waits; a colleague does not."""
    ed = editor()
    for number in range(LOOKS_MAX):
        ask_look(f"p{number}.example", by=ed, now=NOON)

    with pytest.raises(ActionRefused, match="looks within 10 minutes"):
        ask_look("one.more.example", by=ed, now=NOON)

    assert ask_look("one.more.example", by=editor("other"), now=NOON)


@pytest.mark.parametrize(
    "typed, fault",
    [
        pytest.param(".example.com", RefusedInput, id="names the domains below it"),
        pytest.param("a.example b.example", RefusedInput, id="two"),
        pytest.param("", RefusedInput, id="nothing"),
        pytest.param("*.example.com", NameRefused, id="no nexthop"),
    ],
)
def test_what_has_no_mail_server_is_told(typed: str, fault: type[RefusedInput]) -> None:
    """What cannot be looked at is refused, and no row is left."""
    with pytest.raises(fault):
        ask_look(typed, by=editor(), now=NOON)

    assert not Look.objects.exists()


def test_only_the_mail_team_looks() -> None:
    """Management reads and asks for nothing."""
    with pytest.raises(NotAllowed):
        ask_look("example.com", by=person("max", User.Role.MANAGEMENT), now=NOON)


def test_one_worker_has_a_look() -> None:
    """A leased look is nobody else's, and due again when it is given back."""
    ask_look("example.com", by=editor(), now=NOON)
    claims = claim_looks(5, now=NOON)

    assert claim_looks(5, now=NOON) == []
    give_back(claims)
    assert [one.key for one in claim_looks(5, now=NOON)] == ["example.com"]


def test_late_result_is_dropped() -> None:
    """Who lost the lease records nothing."""
    ask_look("example.com", by=editor(), now=NOON)
    (claim,) = claim_looks(1, now=NOON)
    give_back([claim])

    assert not record_look(claim, dns_facts(claim.key), now=NOON)
    assert not Endpoint.objects.exists()


def test_an_address_is_left_alone_after_the_look() -> None:
    """What was not reached within the span of the look is not spoken to later for its sake."""
    look = ask_look("example.com", by=editor(), now=NOON)
    looked(look)

    assert claim_addresses(1, now=NOON + LOOK_SPAN + timedelta(seconds=1)) == []
    assert len(claim_addresses(1, now=NOON + LOOK_SPAN / 2)) == 1


def test_an_address_at_rest_is_not_hurried() -> None:
    """An address that asked for rest keeps it, whoever looks."""
    Address.objects.create(address="192.0.2.1", backed_off_until=NOON + timedelta(minutes=5))
    looked(ask_look("example.com", by=editor(), now=NOON))

    assert claim_addresses(1, now=NOON) == []


def test_looks_end() -> None:
    """Asking takes away what is over, with the endpoints that were its alone."""
    ed = editor()
    looked(ask_look("example.com", by=ed, now=NOON))

    ask_look("later.example", by=ed, now=NOON + LOOK_LIFETIME)

    assert list(Look.objects.values_list("key", flat=True)) == ["later.example"]
    assert not Endpoint.objects.exists()


def test_what_a_nexthop_names_outlives_the_look() -> None:
    """An address that a partner's nexthop names as well keeps what was seen there."""
    look = ask_look("example.com", by=editor(), now=NOON)
    looked(look)
    Endpoint.objects.get().nexthops.add(watched("other.example"))

    drop_expired(now=NOON + LOOK_LIFETIME)

    assert not Look.objects.exists()
    assert Endpoint.objects.count() == 1


def test_now_is_the_moment_of_asking() -> None:
    """A look is due at once."""
    assert ask_look("example.com", by=editor(), now=timezone.now()).due_at is not None
