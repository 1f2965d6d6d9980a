"""Adding a partner in a real browser: type, watch the look, take what is proposed, read what Postfix would do, save."""

import re
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.actions.leases import claim_addresses, claim_nexthops
from partners.actions.probing import record_dns, record_peers
from partners.actions.relay_groups import ensure_group
from partners.models import Change, Channel, User
from tests.actions.people import NOON, editor
from tests.actions.watched import dns_facts, measured
from tests.kit.ca import self_signed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LEAF = self_signed("mx.example.com")


def look_up() -> None:
    """Do what a worker does first."""
    now = timezone.now()
    (claim,) = claim_nexthops(1, now=now)
    assert record_dns(claim, dns_facts(claim.key, "192.0.2.1", "2001:db8::1", at=now), now=now)


def see_one() -> None:
    """Do what a worker does with one address."""
    now = timezone.now()
    (claim,) = claim_addresses(1, now=now)
    assert record_peers([measured(claim, LEAF, at=now)], now=now) == 1


@pytest.fixture
def team() -> User:
    ensure_group(now=NOON)
    return editor()


def add(page: Page, live_server: LiveServer) -> None:
    """Add example.com from the page."""
    page.goto(live_server.url + "/partners/add/")
    page.fill("input[name=name]", "Rivet and Sons")
    page.fill("input[name=nexthops]", "example.com")
    page.select_option("select[name=level]", "encrypt")
    page.select_option("select[name=agreed]", "encrypted")
    expect(page.locator("#whatif .mapline")).to_have_text(re.compile("example.com\tencrypt"))
    page.click("text=Save the draft")


def fits(page: Page) -> bool:
    """Whether the page has no sideways scroll at 390 px."""
    page.set_viewport_size({"width": 390, "height": 844})
    return bool(page.evaluate("document.documentElement.scrollWidth <= 390"))


def test_watch_the_look(
    team: User,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """The panel follows the worker by itself and asks no more once all addresses are done."""
    sign_in(team)
    add(page, live_server)
    panel = page.locator("#look-now")
    look_up()
    expect(panel).to_contain_text("0 of 2 addresses done")
    see_one()
    expect(panel).to_contain_text("1 of 2 addresses done")
    axe(page)
    shoot(page, "partner-looking")
    see_one()
    expect(panel).to_contain_text("2 of 2 addresses done")
    expect(panel).not_to_have_attribute("hx-get", re.compile("."))
    axe(page)
    shoot(page, "partner-looked")
    assert fits(page)


def test_take_what_is_proposed(
    team: User,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """The recommended card fills the form, its line stands below the fields, a change of level is judged at once."""
    sign_in(team)
    add(page, live_server)
    look_up()
    see_one()
    see_one()
    page.click("text=See which entry fits them")
    axe(page)
    shoot(page, "partner-proposals")
    page.click("text=Fill in fingerprint")
    expect(page.locator("#whatif .mapline")).to_have_text(re.compile("example.com\tfingerprint match="))
    page.fill("textarea[name=match]", "mx.example.com")
    page.select_option("select[name=level]", "secure")
    expect(page.locator("#whatif")).to_contain_text("Server certificate not verified")
    axe(page)
    page.click("text=Fill in fingerprint")
    page.click("text=Save the draft")
    expect(page.locator("#look-now")).to_be_visible()

    assert Channel.objects.get().level == "fingerprint"
    assert Change.objects.count() == 2
