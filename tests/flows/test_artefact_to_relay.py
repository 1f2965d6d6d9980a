"""A relay with nothing but a token and the printed script: map, public CAs and a partner's own CA are the artefact's."""

import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from partners.actions.certificates import add_authority
from partners.actions.partners import add_partner
from partners.actions.releases import cut, publish
from partners.actions.tokens import make_relay_token
from partners.models import Artefact, Candidate, Change, RelayGroup
from partners.tasks.probing import probe_asked
from partners.web.views.export import fetch_script
from tests.flows.world import KEY, RECIPIENT, World, now
from tests.kit.ca import root_ca
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.smtpd import Smtpd
from tests.web.candidate_world import agreed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]

PUBLIC, OTHER, OWN = root_ca("A public CA"), root_ca("Another public CA"), root_ca("Rivet root")


@pytest.fixture
def world(
    lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Callable[..., Postfix], settings: Any, live_server: LiveServer
) -> World:
    """Acme has a public CA's certificate, Rivet one of its own CA; main.cf names the files that will be fetched."""
    for key, ca in ((KEY, PUBLIC), ("rivet.example", OWN)):
        peer = smtpd.peer(lab.address(), leaf=ca.leaf(f"mx.{key}"))
        dns.zone(key).add("@ MX 10 mx", f"mx A {peer.address}")
    world = World(postfix(policy="nobody.example none\n"), dns, settings)
    world.relay.configure(smtp_tls_CAfile=str(world.relay.config / "ca.pem"))
    settings.PORTAL_URL = live_server.url
    secret = make_relay_token(world.group, by=world.ann, now=now())
    world.relay.write("token.header", f"Authorization: Bearer {secret}\n")
    trusts(PUBLIC.pem)
    return world


def trusts(pem: str) -> None:
    """The group's set is *pem*, as two people agreed in the settings."""
    RelayGroup.objects.update(ca_pem=pem)


def released(world: World, *changes: Change) -> Candidate:
    """Cut, look, agree and publish; return what was published."""
    cut(changes, by=world.eda, now=now())
    probe_asked()
    candidate = cut(changes, by=world.eda, now=now())
    agreed(candidate, world.ann, now=now())
    publish(candidate, by=world.eda, now=now())
    return candidate


def fetched(world: World) -> None:
    """Run the script as printed, on the relay."""
    script = world.relay.write("fetch.sh", fetch_script(Artefact.objects.latest("release__number")))
    path = f"/usr/sbin:/sbin:{os.environ['PATH']}"
    environment = {**os.environ, "MAIL_CONFIG": str(world.relay.config), "PATH": path}
    done = subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    world.relay.reload()


def test_a_relay_needs_nothing_else(world: World) -> None:
    """Both partners are Verified; a set without the public CA defers the one, as the guard said, and not the other."""
    acme = add_partner("Acme", KEY, "secure", "ca-and-name", match=f"mx.{KEY}", by=world.eda, now=now())
    rivet = add_partner(
        "Rivet", "rivet.example", "secure", "ca-and-name", match="mx.rivet.example", by=world.eda, now=now()
    )
    released(world, acme, rivet, add_authority(rivet.channel, OWN.pem, by=world.eda, now=now()))
    fetched(world)
    assert [world.relay.deliver(to).tls for to in (RECIPIENT, "someone@rivet.example")] == ["Verified", "Verified"]

    trusts(OTHER.pem)
    [told] = [one for one in released(world).findings if one["kind"] == "outcome"]
    fetched(world)

    assert (told["nexthop"], told["after"]["delivery"]) == (KEY, "defer")
    waiting = world.relay.send(RECIPIENT)
    assert world.relay.outcome(waiting).status == "deferred"
    assert world.relay.deliver("someone@rivet.example").tls == "Verified"
    trusts(PUBLIC.pem)
    released(world)
    fetched(world)
    assert world.relay.retry(waiting).tls == "Verified"
