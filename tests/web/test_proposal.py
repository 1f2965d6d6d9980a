"""After a look: which entry fits, best first, each with what Postfix would do."""

import hashlib
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from partners.actions.leases import claim_addresses, claim_nexthops
from partners.actions.probing import Result, record_dns, record_peers
from partners.actions.proposing import Proposal, proposals
from partners.actions.relay_groups import ensure_group
from partners.core.certificates import pkey_fingerprint
from partners.core.observation import Dnssec, HostFacts, LookupStatus, PeerFacts, TlsaFacts, TlsaRecord, TlsFacts
from partners.models import Change, Channel, Partner, RelayGroup
from tests.actions.people import NOON, channel, editor
from tests.actions.watched import dns_facts, measured
from tests.kit.ca import Certificate, root_ca, self_signed
from tests.web.test_partner_probe import look_up, probe

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Client:
    ensure_group(now=NOON)
    client = Client()
    client.force_login(editor())
    return client


@pytest.fixture
def row() -> Channel:
    made = channel(Partner.objects.create(name="Fjordbank"), "example.com", by=editor("ed"), level="encrypt")
    Change.objects.update(made_at=timezone.now())
    return made


def show(desk: Client, row: Channel, *leaves: Certificate, chain: tuple[bytes, ...] = ()) -> None:
    """Have one address seen per leaf."""
    probe(desk, row)
    look_up(*(f"192.0.2.{number}" for number, _leaf in enumerate(leaves, start=1)))
    now = timezone.now()
    for leaf in leaves:
        (claim,) = claim_addresses(1, now=now)
        result = measured(claim, leaf, at=now)
        assert isinstance(result.facts, PeerFacts)
        tls = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", (leaf.der, *chain))
        record_peers([replace(result, facts=replace(result.facts, tls=tls))], now=now)


def by_level(row: Channel) -> dict[str, Proposal]:
    return {one.level: one for one in proposals(row, now=timezone.now())}


def test_nothing_before_the_first_look(desk: Client, row: Channel) -> None:
    """What was not seen is not proposed."""
    assert proposals(row, now=timezone.now()) == ()
    assert b"proposals-title" not in desk.get(reverse("channel-edit", args=[row.pk])).content


def test_self_signed_is_pinned(desk: Client, row: Channel) -> None:
    """Nobody vouches for the certificate: its key is proposed; secure would defer, with Postfix's words."""
    leaf = self_signed("mx.example.com")
    show(desk, row, leaf)

    found = by_level(row)

    assert found["fingerprint"].recommended
    assert found["fingerprint"].match == pkey_fingerprint(leaf.der, "sha256")
    assert found["encrypt"].possible
    assert not found["secure"].possible
    assert "not verified" in found["secure"].hosts[0].text
    assert "dane-only" not in found


def test_trusted_names_are_literal(desk: Client, row: Channel) -> None:
    """A chain that the relays trust, with the MX host's name: secure, and the name literally."""
    authority = root_ca()
    RelayGroup.objects.update(ca_pem=authority.pem)
    show(desk, row, authority.leaf("mx.example.com"))

    best = next(one for one in proposals(row, now=timezone.now()) if one.recommended)

    assert (best.level, best.match, best.agreed) == ("secure", "mx.example.com", "ca-and-name")
    assert best.lines == ("example.com\tsecure match=mx.example.com",)
    assert (best.hosts[0].delivered, best.hosts[0].total, best.hosts[0].tls_status) == (1, 1, "Verified")


def test_every_key_seen_is_in_it(desk: Client, row: Channel) -> None:
    """Two addresses with two keys: the pin names both, and both deliver."""
    show(desk, row, self_signed("mx.example.com"), self_signed("mx.example.com"))

    found = by_level(row)["fingerprint"]

    assert len(found.match.splitlines()) == 2
    assert (found.hosts[0].delivered, found.hosts[0].total) == (2, 2)


def test_oldest_group_decides(desk: Client, row: Channel) -> None:
    """What one relay group would not deliver is not recommended: secure is trusted there by nobody."""
    authority = root_ca()
    RelayGroup.objects.update(ca_pem=authority.pem)
    RelayGroup.objects.create(name="second")
    show(desk, row, authority.leaf("mx.example.com"))

    found = by_level(row)

    assert not found["secure"].possible
    assert found["fingerprint"].recommended


def test_dane_is_known_once_its_name_was_asked_for(desk: Client, row: Channel) -> None:
    """TLSA records in a signed zone: not known before a session with their name, recommended after it."""
    RelayGroup.objects.update(main_cf={"smtp_dns_support_level": "dnssec"})
    leaf = self_signed("mx.example.com")
    see_signed(desk, row, leaf)
    before = by_level(row)
    page = desk.get(reverse("channel-edit", args=[row.pk])).content.decode()
    body = {"nexthops": "example.com", "level": "dane-only", "match": "", "agreed": "dane", "version": row.version}
    assert desk.post(reverse("channel-edit", args=[row.pk]), body).status_code == 302
    see_signed(desk, row, leaf)
    after = by_level(row)

    assert before["dane-only"].unknown
    assert not before["dane-only"].possible
    assert before["fingerprint"].recommended
    assert "save it as a draft, and it will be" in page
    assert after["dane-only"].recommended
    assert after["dane-only"].hosts[0].tls_status == "Verified"


def see_signed(desk: Client, row: Channel, leaf: Certificate) -> None:
    """Have every session that is asked for with a host whose zone is signed and names the key of *leaf*."""
    probe(desk, row)
    now = timezone.now()
    record = TlsaRecord(3, 1, 1, hashlib.sha256(leaf.spki_der).digest())
    tlsa = TlsaFacts("mx.example.com", LookupStatus.FOUND, Dnssec.SECURE, (record,))
    host = HostFacts("mx.example.com", 10, LookupStatus.FOUND, Dnssec.SECURE, ("192.0.2.1",), tlsa=(tlsa,))
    (claim,) = claim_nexthops(1, now=now)
    record_dns(claim, dns_facts(claim.key, at=now, mx_dnssec=Dnssec.SECURE, hosts=(host,)), now=now)
    (address,) = claim_addresses(1, now=now)
    good = measured(address, leaf, at=now)
    assert isinstance(good.facts, PeerFacts)
    facts = [replace(good.facts, profile=target.profile) for target in address.targets]
    pairs = zip(address.targets, facts, strict=True)
    record_peers([Result(address, target, one) for target, one in pairs], now=now)


def test_card_fills_the_form_and_saves_nothing(desk: Client, row: Channel) -> None:
    """Choosing a card leads to the same page with its fields filled in; only the button saves."""
    show(desk, row, self_signed("mx.example.com"))
    page = desk.get(reverse("channel-edit", args=[row.pk])).content.decode()

    filled = desk.get(reverse("channel-edit", args=[row.pk]), {"card": "fingerprint"}).content.decode()

    assert "Recommended for them" in page
    assert 'value="fingerprint" id="level-fingerprint"' in page
    assert '<option value="fingerprint" selected>' in filled
    assert "192.0.2.1</code> deliver, Verified" in filled
    assert Change.objects.count() == 1


def test_costs_the_same_for_many(
    desk: Client, row: Channel, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The queries do not grow with the addresses."""
    leaf = self_signed("mx.example.com")
    show(desk, row, *[leaf] * 12)

    with django_assert_max_num_queries(40):
        assert len(by_level(row)) == 3
