"""Servers, providers and one server's page in a real browser: axe in both themes, and a phone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from partners.models import Address, Endpoint, User
from tests.actions.people import editor
from tests.reports.world import agreement, certificate, shown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def eda(sign_in: Callable[[User], None]) -> User:
    """Four partners on two servers of one provider; one of them gives no answer."""
    author, now = editor(), timezone.now()
    leaf = certificate(1, not_after=now + timedelta(days=20), subject="CN=mx-inbound-europe.cloudmail.example")
    for number, (name, state) in enumerate(
        (("Fjordbank", "violated"), ("Rivet", "violated"), ("Polder", "compliant"), ("Ostra", "unknown"))
    ):
        row = agreement(name, state, by=author, cause="" if state == "compliant" else "certificate-expired")
        shown(row, f"192.0.2.{41 + number // 3}", leaf)
    Address.objects.update(provider="cloudmail.example")
    Address.objects.filter(address="192.0.2.42").update(failing_since=now)
    Endpoint.objects.filter(address__address="192.0.2.42").update(not_measured="connect-timeout", tried_at=now)
    sign_in(author)
    return author


@pytest.mark.parametrize("name", ["servers", "providers", "server"])
def test_page(
    eda: User, name: str, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable[..., None]
) -> None:
    """Nothing to complain about in light, dark and on a phone."""
    one = Endpoint.objects.get(address__address="192.0.2.41").pk
    path = {"servers": "/servers/", "providers": "/servers/providers/", "server": f"/servers/{one}/"}[name]
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + path)

    shoot(page, f"endpoints-{name}")
    axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= 390")


def test_from_a_provider_to_a_partner(eda: User, page: Page, live_server: LiveServer) -> None:
    """Its servers, one of them, and who hangs on it."""
    page.goto(live_server.url + "/servers/providers/")

    page.get_by_role("link", name="cloudmail.example").click()
    page.locator("tbody a.name").first.click()
    page.get_by_role("link", name="Fjordbank").click()

    assert "Fjordbank" in page.locator("h1").inner_text()
