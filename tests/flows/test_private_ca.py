"""A partner with a CA of its own: secure match= with a tafile, from the first look to a leaf of a stranger's CA."""

from collections.abc import Callable
from typing import Any

import pytest

from partners.actions.certificates import add_authority
from partners.actions.partners import add_partner
from partners.models import Channel
from tests.flows.world import KEY, RECIPIENT, World, now, outcome
from tests.kit.ca import root_ca
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.smtpd import Peer, Smtpd

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

OWN, OTHER = root_ca("Acme root"), root_ca("Acme root 2")
NAME = "mx.acme.example"


@pytest.fixture
def peer(lab: Lab, dns: DnsServer, smtpd: Smtpd) -> Peer:
    peer = smtpd.peer(lab.address(), leaf=OWN.intermediate("Acme issuing").leaf(NAME))
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {peer.address}")
    return peer


@pytest.fixture
def world(peer: Peer, dns: DnsServer, postfix: Callable[..., Postfix], settings: Any) -> World:
    return World(postfix(policy=""), dns, settings)


@pytest.fixture
def channel(world: World) -> Channel:
    """The partner's channel, whose own root is trusted for it alone on the relays."""
    named = add_partner("Acme", KEY, "secure", "ca-and-name", match=NAME, by=world.eda, now=now())
    anchored = add_authority(named.channel, OWN.pem, by=world.eda, now=now())
    candidate = world.cut(named, anchored)
    assert outcome(candidate) == ("deliver", "deliver")
    world.roll_out(candidate, world.ann)
    return named.channel


def test_the_private_root_is_trusted_for_this_partner_alone(world: World, channel: Channel, peer: Peer) -> None:
    """Compliant, Verified; the map's tafile= is the only place that knows the root."""
    [(path, pem)] = world.group.artefacts.get().tafiles.items()
    assert f"tafile={path}" in (world.relay.postmap_query(KEY) or "")
    assert OWN.pem.strip() in pem

    assert world.state() == ("compliant", "")
    delivered = world.relay.deliver(RECIPIENT)
    assert (delivered.status, delivered.tls) == ("sent", world.verdict().tls_status) == ("sent", "Verified")


def test_a_renewal_under_the_same_root_stops_nothing(world: World, channel: Channel, peer: Peer) -> None:
    """A new leaf needs no word from anybody."""
    peer.present(OWN.leaf(NAME))
    world.cycle()

    assert world.state() == ("compliant", "")
    assert world.relay.deliver(RECIPIENT).tls == "Verified"


@pytest.mark.parametrize(
    "stranger, cause",
    [
        pytest.param(OTHER.leaf(NAME), "certificate-not-trusted", id="another root"),
        pytest.param(OWN.leaf("mx.other.example"), "certificate-host-mismatch", id="another name"),
    ],
)
def test_what_is_not_as_agreed_is_deferred_and_told(
    world: World, channel: Channel, peer: Peer, stranger: Any, cause: str
) -> None:
    """A leaf of another root, or of another name: Postfix defers, and one cycle later the portal says why."""
    peer.present(stranger)
    deferred = world.relay.deliver(RECIPIENT)
    world.cycle()

    assert (deferred.status, deferred.dsn) == ("deferred", world.verdict().dsn)
    assert world.state() == ("violated", cause)


def test_a_new_root_lets_the_queued_message_go(world: World, channel: Channel, peer: Peer) -> None:
    """The partner changes its CA: the new root enters beside the old one, and what waited is delivered."""
    peer.present(OTHER.leaf(NAME))
    waiting = world.relay.send(RECIPIENT)
    assert world.relay.outcome(waiting).status == "deferred"
    world.cycle()

    candidate = world.cut(add_authority(channel, OTHER.pem, by=world.eda, now=now()))
    assert outcome(candidate) == ("defer", "deliver")
    world.roll_out(candidate, world.ann)

    delivered = world.relay.retry(waiting)
    assert (delivered.status, delivered.tls) == ("sent", "Verified")
    assert world.state() == ("compliant", "")
