"""The page of vantages in a real browser: a token is made, copied and revoked."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from partners.actions.vantages import make_vantage_token
from partners.models import RelayGroup, VantageToken
from tests.actions.people import approver

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_token_is_made_and_revoked(
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[..., None],
    axe: Callable[[Page], None],
    shoot: Callable[..., None],
) -> None:
    """In both themes and on a phone; the secret is gone with the next load."""
    ann, now = approver("ann"), timezone.now()
    for name, vantage in (("main", "here"), ("outside", "dmz"), ("lost", "attic")):
        RelayGroup.objects.create(name=name, vantage=vantage)
    make_vantage_token("dmz", by=ann, now=now)
    VantageToken.objects.update(used_at=now - timedelta(seconds=5), reported_at=now)
    sign_in(ann)
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/settings/vantages/")

    page.fill("#vantage", "site-2")
    page.locator(".tokenform button").click()
    secret = page.locator("#made-token").inner_text()
    shoot(page, "vantages")
    axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= 390")

    page.goto(live_server.url + "/settings/vantages/")
    assert secret.startswith("tlsv_") and secret not in page.content()
    page.get_by_role("row", name="site-2").get_by_role("button").click()
    assert VantageToken.objects.get(vantage="site-2").revoked_at is not None
