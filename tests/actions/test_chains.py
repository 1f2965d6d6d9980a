"""Which certificates an observation saw is kept beside it, once."""

import hashlib

import pytest

from partners.actions.chains import link_chains
from partners.models import Certificate, ChainLink, Observation
from tests.actions.people import NOON

pytestmark = pytest.mark.django_db


def kept(der: bytes) -> Certificate:
    sha256 = hashlib.sha256(der).hexdigest()
    return Certificate.objects.create(der=der, sha256=sha256, spki_sha256=sha256, subject="s", first_seen_at=NOON)


def test_a_chain_is_linked_leaf_first() -> None:
    """Position 0 is the leaf, 1 what signed it."""
    leaf, issuer = kept(b"leaf"), kept(b"issuer")
    seen = Observation.objects.create(facts_key="a", facts={})

    link_chains([(seen.pk, (b"leaf", b"issuer"))])

    assert list(ChainLink.objects.order_by("position").values_list("certificate_id", flat=True)) == [leaf.pk, issuer.pk]


def test_the_same_facts_are_linked_once() -> None:
    """A second report of the same observation adds nothing."""
    kept(b"leaf")
    seen = Observation.objects.create(facts_key="a", facts={})

    for _round in range(2):
        link_chains([(seen.pk, (b"leaf",))])

    assert ChainLink.objects.count() == 1


def test_what_is_no_certificate_has_no_link() -> None:
    """Bytes that could not be read have no row; the rest of the chain keeps its place."""
    kept(b"issuer")
    seen = Observation.objects.create(facts_key="a", facts={})

    link_chains([(seen.pk, (b"garbage", b"issuer")), (seen.pk, ())])

    assert list(ChainLink.objects.values_list("position", flat=True)) == [1]
