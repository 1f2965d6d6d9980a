"""Adding a partner in a real browser: type, watch the look, choose, read what Postfix would do, save."""

import re
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.actions.leases import claim_addresses, claim_looks
from partners.actions.looking import record_look
from partners.actions.probing import record_peers
from partners.actions.relay_groups import ensure_group
from partners.models import Change, Channel, Partner, User
from tests.actions.people import NOON, editor
from tests.actions.watched import dns_facts, measured
from tests.browser.test_house_pages import pleases
from tests.kit.ca import self_signed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LEAF = self_signed("mx.example.com")


def look_up() -> None:
    """Do what a worker does first."""
    now = timezone.now()
    (claim,) = claim_looks(1, now=now)
    assert record_look(claim, dns_facts(claim.key, "192.0.2.1", "2001:db8::1", at=now), now=now)


def see_one() -> None:
    """Do what a worker does with one address."""
    now = timezone.now()
    (claim,) = claim_addresses(1, now=now)
    assert record_peers([measured(claim, LEAF, at=now)], now=now) == 1


@pytest.fixture
def team() -> User:
    ensure_group(now=NOON)
    return editor()


def ask(page: Page, live_server: LiveServer) -> None:
    """Ask for a look at example.com."""
    page.goto(live_server.url + "/partners/add/")
    page.fill("#nexthop", "example.com")
    page.click("button:has-text('Look')")


def test_watch_the_look(
    team: User, page: Page, live_server: LiveServer, sign_in: Callable, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """The panel follows the worker; once all is seen the cards come by themselves, and no partner is kept."""
    sign_in(team)
    page.goto(live_server.url + "/partners/add/")
    shoot(page, "add-ask")
    axe(page)
    ask(page, live_server)
    panel = page.locator("#look-now")
    look_up()
    expect(panel).to_contain_text("0 of 2 addresses done")
    see_one()
    expect(panel).to_contain_text("1 of 2 addresses done")
    axe(page)
    shoot(page, "add-looking")
    see_one()
    expect(page.locator(".advice")).to_be_visible()
    shoot(page, "add-proposal")
    assert not Partner.objects.exists()
    assert pleases(page, axe)


def test_choose_and_save(
    team: User, page: Page, live_server: LiveServer, sign_in: Callable, axe: Callable[[Page], None]
) -> None:
    """Another card fills the fields, its line and outcome stand beside them, a name typed before stays."""
    sign_in(team)
    ask(page, live_server)
    look_up()
    see_one()
    see_one()
    page.fill("input[name=name]", "Rivet and Sons")
    expect(page.locator("#whatif .mapline")).to_have_text(re.compile("example.com\tfingerprint match="))
    page.check("#level-encrypt")
    expect(page.locator("#whatif .mapline")).to_have_text(re.compile("example.com\tencrypt"))
    expect(page.locator("input[name=name]")).to_have_value("Rivet and Sons")
    assert page.evaluate("document.activeElement.id") == "level-encrypt"  # the keyboard stays where it was
    page.select_option("select[name=level]", "secure")
    expect(page.locator("#whatif")).to_contain_text("Server certificate not verified")
    axe(page)
    page.check("#level-fingerprint")
    expect(page.locator("select[name=level]")).to_have_value("fingerprint")
    page.click("text=Save the draft")
    expect(page.locator("#look-now")).to_be_visible()

    assert Channel.objects.get().level == "fingerprint"
    assert Change.objects.count() == 1


def test_without_script(team: User, browser: Browser, live_server: LiveServer, sign_in: Callable, page: Page) -> None:
    """A link loads the page again while the look runs, and a card is taken by a button."""
    sign_in(team)
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(page.context.cookies())
    tab = plain.new_page()
    ask(tab, live_server)
    look_up()
    see_one()
    see_one()
    tab.click("text=Load again")
    expect(tab.locator(".advice")).to_be_visible()
    tab.check("#level-encrypt")
    tab.click("text=Fill in the chosen level")

    expect(tab.locator("select[name=level]")).to_have_value("encrypt")
    plain.close()
