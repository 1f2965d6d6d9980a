"""Both sides read one fingerprint to each other: the approver on one page, the partner on another."""

import hashlib

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.certificates import submit
from partners.models import User
from tests.actions.people import approver
from tests.reports.portal_world import Brixner, brixner

pytestmark = pytest.mark.django_db


def page(user: User, name: str) -> str:
    """The words of a page, without marks and spaces between the groups of a digest."""
    client = Client()
    client.force_login(user)
    return client.get(reverse(name)).content.decode().replace("</span></td><td><span>", ":")


@pytest.fixture
def world() -> Brixner:
    return brixner()


@pytest.mark.parametrize("of_key", [True, False])
def test_the_certificate_is_what_is_read(world: Brixner, of_key: bool) -> None:
    """Whether the certificate or its key becomes the pin: what openssl x509 -fingerprint prints stands on both pages."""
    submit(world.channel, world.new.pem.encode(), by=world.contact, now=timezone.now(), of_key=of_key)
    digest = hashlib.sha256(world.new.der).hexdigest().upper()
    groups = [digest[at : at + 2] for at in range(0, 64, 2)]

    assert ":".join(groups) in page(approver("zoe"), "approvals")
    assert ":".join(groups[:8]) in page(world.contact, "portal-home")


def test_a_bare_fingerprint_is_read_as_it_was_sent(world: Brixner) -> None:
    """There is no certificate to compute another one from."""
    digest = ":".join(["AB"] * 20)
    submit(world.channel, digest.encode(), by=world.contact, now=timezone.now())

    assert digest in page(approver("zoe"), "approvals")
    assert ":".join(["AB"] * 8) in page(world.contact, "portal-home")
