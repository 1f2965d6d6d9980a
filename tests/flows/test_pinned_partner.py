"""A partner with a pinned self-signed certificate, from the first look to the renewal that nobody announced."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from partners.actions.approvals import approve_pin
from partners.actions.certificates import submit
from partners.actions.partners import add_partner, edit_channel
from partners.core.errors import SamePersonRefused
from partners.models import Channel
from tests.actions.people import member
from tests.flows.world import KEY, RECIPIENT, World, now, outcome
from tests.kit.ca import self_signed
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.smtpd import Peer, Smtpd, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

DAY = 86_400
OLD, NEW = self_signed("mx.acme.example"), self_signed("mx.acme.example")


@pytest.fixture
def peer(lab: Lab, dns: DnsServer, smtpd: Smtpd) -> Peer:
    peer = smtpd.peer(lab.address(), leaf=OLD)
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {peer.address}")
    return peer


@pytest.fixture
def world(peer: Peer, dns: DnsServer, postfix: Callable[..., Postfix], settings: Any) -> World:
    return World(postfix(policy=""), dns, settings)


@pytest.fixture
def channel(world: World) -> Channel:
    """The partner's channel, whose old certificate is pinned on the relays."""
    digest = OLD.cert_fingerprint("sha256")
    change = add_partner("Acme", KEY, "fingerprint", "pin", match=digest, by=world.eda, now=now())
    world.roll_out(world.cut(change), world.ann)
    return change.channel


def page_of(client: Client, channel: Channel) -> str:
    """Return the text of the partner's page, its blanks plain."""
    answer = client.get(reverse("partner-detail", args=[channel.pk]))
    assert answer.status_code == 200
    return answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def test_a_pinned_certificate_is_verified(world: World, channel: Channel) -> None:
    """What the probe saw is as agreed, and Postfix says the same of the peer."""
    assert world.state() == ("compliant", "")
    assert (world.verdict().delivery, world.verdict().tls_status) == ("deliver", "Verified")

    delivered = world.relay.deliver(RECIPIENT)
    assert (delivered.status, delivered.tls) == ("sent", "Verified")


def test_a_renewal_without_notice_is_told_one_cycle_later(world: World, channel: Channel, peer: Peer) -> None:
    """Postfix defers; the portal says so, why, and since when."""
    peer.present(NEW)
    before = now()
    deferred = world.relay.deliver(RECIPIENT)
    world.cycle()

    assert (deferred.status, deferred.dsn) == ("deferred", world.verdict().dsn)
    assert (world.verdict().delivery, world.verdict().reasons) == ("defer", ["fingerprint-mismatch"])
    assert world.state() == ("violated", "fingerprint-mismatch")
    compliant, violated = channel.intervals.order_by("valid_from").filter(state__in=("compliant", "violated"))
    assert before < violated.valid_from == compliant.valid_to
    assert violated.where == f"mx.acme.example[{peer.address}]:25"


def test_the_page_tells_the_time_left(world: World, channel: Channel, peer: Peer, client: Client) -> None:
    """It is the relay's queue lifetime less the time since it was seen, told as an upper bound; Postfix keeps to it."""
    client.force_login(world.eda)
    assert "bounces in at most" not in page_of(client, channel)
    peer.present(NEW)
    waiting = world.relay.send(RECIPIENT)
    assert world.relay.outcome(waiting).status == "deferred"
    world.cycle()
    assert "bounces in at most 4 d 23 h" in page_of(client, channel)

    channel.intervals.update(valid_from=F("valid_from") - timedelta(days=4))
    assert "bounces in at most 23 h 59 min" in page_of(client, channel)
    world.relay.age(waiting, 4 * DAY)
    world.relay.retry(waiting)
    assert world.relay.is_queued(waiting)
    world.relay.age(waiting, DAY)
    world.relay.retry(waiting)
    wait_until(lambda: not world.relay.is_queued(waiting), 10, "the queue manager gives the message back")
    assert "status=expired, returned to sender" in world.relay.log.text(waiting)


def test_an_upload_lets_the_queued_message_go(world: World, channel: Channel, peer: Peer) -> None:
    """The partner uploads the new certificate, another person approves it, and what waited is delivered."""
    peer.present(NEW)
    waiting = world.relay.send(RECIPIENT)
    assert world.relay.outcome(waiting).status == "deferred"
    world.cycle()

    pat = member(channel.partner, invited_by=world.ann)
    pin = submit(channel, NEW.pem, by=pat, now=now())
    with pytest.raises(SamePersonRefused):
        approve_pin(pin, by=world.ann, now=now(), word="I invited pat")
    candidate = world.cut(approve_pin(pin, by=world.bob, now=now(), word="called back"))
    assert outcome(candidate) == ("defer", "deliver")
    assert world.state()[0] == "violated"
    world.roll_out(candidate, world.bob)

    delivered = world.relay.retry(waiting)
    assert (delivered.status, delivered.tls) == ("sent", "Verified")
    assert not world.relay.is_queued(waiting)
    assert world.state() == ("rolling", "")


def test_the_rollover_ends_when_the_old_pin_is_out(world: World, channel: Channel, peer: Peer) -> None:
    """Approved before it is live: rolling from then on, Verified all the time, compliant once the old pin left."""
    pin = submit(channel, NEW.pem, by=member(channel.partner, invited_by=world.ann), now=now())
    both = approve_pin(pin, by=world.bob, now=now(), word="called back")
    world.cycle()
    assert world.state() == ("rolling", "")
    world.roll_out(world.cut(both), world.bob)
    assert world.relay.deliver(RECIPIENT).tls == "Verified"

    peer.present(NEW)
    world.cycle()
    assert world.relay.deliver(RECIPIENT).tls == "Verified"
    assert world.state() == ("rolling", "")

    channel.refresh_from_db()
    alone = edit_channel(channel, {"match": ""}, version=channel.version, by=world.eda, now=now())
    world.roll_out(world.cut(alone), world.ann)
    assert world.state() == ("compliant", "")
    peer.present(OLD)
    assert world.relay.deliver(RECIPIENT).status == "deferred"
