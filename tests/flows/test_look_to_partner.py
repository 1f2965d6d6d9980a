"""From a domain that is typed to a partner that is saved: real DNS, a real peer, the probe's own task, the pages."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.actions.relay_groups import ensure_group
from partners.models import Change, Endpoint, Look, Nexthop, Partner
from partners.tasks.probing import probe_asked, probe_due
from tests.actions.people import NOON, editor
from tests.kit.ca import self_signed
from tests.kit.lab import V4

pytestmark = [pytest.mark.django_db, pytest.mark.lab]
KEY = "acme.example"
LEAF = self_signed("mx.acme.example")


@pytest.fixture
def desk(settings, dns):
    """An editor's browser; the probe may speak to the lab and asks the kit's resolver."""
    settings.PROBE_NETWORKS, settings.PROBE_EHLO = [str(V4)], "probe.house.example"
    settings.RESOLVER = f"{dns.address}:{dns.port}"
    ensure_group(now=NOON)
    client = Client()
    client.force_login(editor())
    return client


@pytest.fixture
def peer(lab, dns, smtpd):
    """The partner's only mail server."""
    peer = smtpd.peer(lab.address(), leaf=LEAF)
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {peer.address}")
    return peer


def look_at(desk):
    assert desk.post(reverse("look-ask"), {"nexthop": KEY}).status_code == 302
    return Look.objects.get()


def test_look_choose_save(desk, peer):
    """One asked round sees the peer once; the line that is proposed is the one that is saved."""
    look = look_at(desk)
    probe_asked()
    page = desk.get(reverse("look-show", args=[look.pk]))
    fields = {name: page.context["form"][name].value() or "" for name in page.context["form"].fields}
    line = f"{KEY}\tfingerprint match={LEAF.pkey_fingerprint()}"

    assert line in page.content.decode()
    assert f"{peer.address}</code> deliver, Verified" in page.content.decode()
    assert not Partner.objects.exists()
    assert desk.post(reverse("partner-add"), {**fields, "name": "Acme", "look": look.pk}).status_code == 302
    assert Change.objects.get().after["match"] == LEAF.pkey_fingerprint()
    assert Nexthop.objects.get().key == KEY


def test_daily_round_leaves_looks_alone(desk, peer):
    """What a person asked for is the asked round's; the daily one claims no look."""
    look = look_at(desk)

    probe_due()

    look.refresh_from_db()
    assert look.dns is None
    assert not Endpoint.objects.exists()


def test_guard_holds_for_looks_too(desk, peer, settings):
    """An address that may not be probed is not spoken to, whoever types the domain; the page says so."""
    settings.PROBE_NETWORKS = []
    look = look_at(desk)

    probe_asked()
    page = desk.get(reverse("look-show", args=[look.pk])).content.decode()

    assert Endpoint.objects.get().not_measured == "not-allowed"
    assert 'class="probe" data-state="unk"' in page
    assert 'class="advice"' not in page
