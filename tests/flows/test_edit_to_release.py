"""From an edit to a map that a real Postfix obeys: what the guard said is what smtp(8) does."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from partners.actions.approvals import approve_pin
from partners.actions.audit import verify_chain
from partners.actions.certificates import add_authority, submit
from partners.actions.partners import add_partner, edit_channel
from partners.actions.releases import approve, cut, publish
from partners.models import Candidate, Change, RelayGroup, User
from tests.actions.facts import seen
from tests.actions.people import approver, editor, member
from tests.kit.ca import Certificate, root_ca, self_signed
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.smtpd import Peer, Smtpd

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

Relays = Callable[..., Postfix]
KEY, RECIPIENT = "acme.example", "someone@acme.example"


class World:
    """One relay group with its Postfix, one partner's peer, an editor and two approvers."""

    def __init__(self, relay: Postfix, peer: Peer) -> None:
        self.relay, self.peer = relay, peer
        self.group = RelayGroup.objects.create(name="main", tafile_directory=str(relay.config))
        self.eda, self.ann, self.bob = editor(), approver("ann"), approver("bob")

    def looks(self, leaf: Certificate) -> datetime:
        """Leave what the probe sees at the peer that presents *leaf*; return the moment."""
        now = datetime.now(UTC)
        seen(KEY, leaf, at=now, address=self.peer.address)
        return now

    def cut(self, change: Change) -> Candidate:
        return cut([change], by=self.eda, now=datetime.now(UTC))

    def roll_out(self, candidate: Candidate, second: User) -> None:
        """Approve, publish, export to the relay's file and compile it, as an admin does."""
        shown = (candidate.sha256, candidate.findings_sha256)
        approve(candidate, seen=shown, by=second, now=datetime.now(UTC), word="looked at it", accept_stops=True)
        publish(candidate, by=self.eda, now=datetime.now(UTC))
        target = self.relay.config / "exported"
        call_command("export_policy", "--group", "main", "-o", str(target), stdout=StringIO())
        self.relay.policy(target.read_text())


@pytest.fixture
def old() -> Certificate:
    return self_signed("mx.acme.example")


@pytest.fixture
def world(lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Relays, old: Certificate) -> World:
    peer = smtpd.peer(lab.address(), leaf=old)
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {peer.address}")
    return World(postfix(policy=""), peer)


def outcome(candidate: Candidate) -> tuple[str, str]:
    [finding] = [one for one in candidate.findings if one["kind"] == "outcome"]
    return finding["before"]["delivery"], finding["after"]["delivery"]


def pinned(world: World, leaf: Certificate) -> Change:
    digest = leaf.cert_fingerprint("sha256")
    return add_partner("Acme", KEY, "fingerprint", "pin", match=digest, by=world.eda, now=datetime.now(UTC))


def test_a_renewed_certificate_goes_the_whole_way(world: World, old: Certificate) -> None:
    """Pinned: Verified. Renewed: deferred. Announced, approved, released: the queued message is delivered."""
    change = pinned(world, old)
    world.looks(old)
    candidate = world.cut(change)
    assert outcome(candidate) == ("deliver", "deliver")
    world.roll_out(candidate, world.ann)
    assert world.relay.deliver(RECIPIENT).tls == "Verified"

    new = self_signed("mx.acme.example")
    world.peer.present(new)
    queue_id = world.relay.send(RECIPIENT)
    assert world.relay.outcome(queue_id).status == "deferred"

    now = world.looks(new)
    pat = member(change.channel.partner, invited_by=approver("carl"))
    pin = submit(change.channel, new.pem, by=pat, now=now)
    candidate = world.cut(approve_pin(pin, by=world.bob, now=now, word="called back"))
    assert outcome(candidate) == ("defer", "deliver")
    world.roll_out(candidate, world.ann)

    delivered = world.relay.retry(queue_id)
    assert (delivered.status, delivered.tls) == ("sent", "Verified")
    assert verify_chain() is None


def test_what_the_guard_says_would_stop_stops(world: World, old: Certificate) -> None:
    """A pin of another certificate: the guard blocks it, and Postfix defers once somebody accepts that."""
    change = pinned(world, old)
    world.looks(old)
    world.roll_out(world.cut(change), world.ann)
    other = self_signed("mx.acme.example").cert_fingerprint("sha256")

    wrong = edit_channel(change.channel, {"match": other}, version=1, by=world.eda, now=datetime.now(UTC))
    candidate = world.cut(wrong)

    assert outcome(candidate) == ("deliver", "defer")
    assert any(finding.get("blocks") for finding in candidate.findings)
    world.roll_out(candidate, world.ann)
    assert world.relay.deliver(RECIPIENT).status == "deferred"


def test_a_private_ca_is_trusted_through_its_tafile(world: World) -> None:
    """secure match= with the partner's own root: Verified, and nothing is added to the global set."""
    root = root_ca("Acme root")
    leaf = root.leaf("mx.acme.example")
    world.peer.present(leaf)
    now = datetime.now(UTC)
    first = add_partner("Acme", KEY, "secure", "ca-and-name", match="mx.acme.example", by=world.eda, now=now)
    anchored = add_authority(first.channel, root.pem, by=world.eda, now=now)
    world.looks(leaf)

    candidate = cut([first, anchored], by=world.eda, now=datetime.now(UTC))
    assert outcome(candidate) == ("deliver", "deliver")
    world.roll_out(candidate, world.ann)

    delivered = world.relay.deliver(RECIPIENT)
    assert (delivered.status, delivered.tls) == ("sent", "Verified")
