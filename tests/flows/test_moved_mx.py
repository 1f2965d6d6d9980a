"""An MX record that moves to another host: no mail goes there, and the portal says so."""

from collections.abc import Callable
from typing import Any

import pytest

from partners.actions.certificates import add_authority
from partners.actions.partners import add_partner
from tests.flows.world import KEY, RECIPIENT, World, now
from tests.kit.ca import root_ca, self_signed
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.smtpd import Peer, Smtpd

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

OWN, NAME = root_ca("Acme root"), "mx.acme.example"
PINNED, ISSUED = self_signed(NAME), OWN.leaf(NAME)


@pytest.fixture
def peer(lab: Lab, dns: DnsServer, smtpd: Smtpd) -> Peer:
    peer = smtpd.peer(lab.address(), leaf=PINNED)
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {peer.address}")
    return peer


@pytest.fixture
def thief(lab: Lab, smtpd: Smtpd) -> Peer:
    """A host elsewhere that takes all mail, with a certificate of the same name."""
    return smtpd.peer(lab.address(), leaf=self_signed(NAME, "mx.thief.example"))


@pytest.fixture
def world(peer: Peer, dns: DnsServer, postfix: Callable[..., Postfix], settings: Any) -> World:
    return World(postfix(policy=""), dns, settings)


def pinned(world: World, peer: Peer) -> None:
    digest = PINNED.cert_fingerprint("sha256")
    change = add_partner("Acme", KEY, "fingerprint", "pin", match=digest, by=world.eda, now=now())
    world.roll_out(world.cut(change), world.ann)


def anchored(world: World, peer: Peer) -> None:
    peer.present(ISSUED)
    change = add_partner("Acme", KEY, "secure", "ca-and-name", match=NAME, by=world.eda, now=now())
    trust = add_authority(change.channel, OWN.pem, by=world.eda, now=now())
    world.roll_out(world.cut(change, trust), world.ann)


def move(dns: DnsServer, thief: Peer) -> None:
    dns.zone(KEY).replace("@ MX 10 mx.thief.example.")
    dns.zone("thief.example").add(f"mx A {thief.address}")


@pytest.mark.parametrize(
    "agree, cause",
    [
        pytest.param(pinned, "fingerprint-mismatch", id="pin"),
        pytest.param(anchored, "certificate-self-signed", id="private CA"),
    ],
)
def test_mail_never_goes_there(
    world: World, dns: DnsServer, peer: Peer, thief: Peer, agree: Callable[[World, Peer], None], cause: str
) -> None:
    """Postfix defers at every try; one cycle later the portal names the new host, and why it is none of ours."""
    agree(world, peer)
    assert world.relay.deliver(RECIPIENT).tls == "Verified"
    delivered = len(peer.messages)
    move(dns, thief)
    waiting = world.relay.send(RECIPIENT)
    assert world.relay.outcome(waiting).status == "deferred"
    world.cycle()

    assert world.state() == ("violated", cause)
    assert [(row["mx_host"], row["address"]) for row in world.verdict().hosts] == [("mx.thief.example", thief.address)]
    assert world.relay.retry(waiting).status == "deferred"
    assert (thief.messages, len(peer.messages)) == ([], delivered)


def test_mail_flows_again_once_the_record_is_back(world: World, dns: DnsServer, peer: Peer, thief: Peer) -> None:
    """The record comes back: the queued message is delivered to the partner, and the state follows."""
    pinned(world, peer)
    move(dns, thief)
    waiting = world.relay.send(RECIPIENT)
    assert world.relay.outcome(waiting).status == "deferred"
    world.cycle()
    dns.zone(KEY).replace("@ MX 10 mx")
    world.cycle()

    assert (world.relay.retry(waiting).tls, world.state()) == ("Verified", ("compliant", ""))
    assert [thief.messages, len(peer.messages)] == [[], 1]


def test_a_second_host_beside_the_partners_own(world: World, dns: DnsServer, peer: Peer, thief: Peer) -> None:
    """A better MX is slipped in: Postfix passes it by and delivers to the partner, and the page shows both hosts."""
    pinned(world, peer)
    dns.zone("thief.example").add(f"mx A {thief.address}")
    dns.zone(KEY).replace("@ MX 5 mx.thief.example.").add("@ MX 10 mx")
    delivered = world.relay.deliver(RECIPIENT)
    world.cycle()

    assert (delivered.status, delivered.address, delivered.tls) == ("sent", peer.address, "Verified")
    assert (world.verdict().delivery, world.verdict().tls_status) == ("deliver", "Verified")
    hosts = {row["address"]: row["delivery"] for row in world.verdict().hosts}
    assert hosts == {thief.address: "defer", peer.address: "deliver"}
    assert thief.messages == []
