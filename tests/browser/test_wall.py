"""The wall view on a screen: read from afar, pleasant in both themes, and still there without script."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from partners.actions.walls import make_wall_link
from partners.models import User
from tests.actions.people import approver
from tests.browser.house_world import fill_house
from tests.browser.test_house_pages import fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ann() -> User:
    """An approver in a house of thirteen agreements."""
    fill_house()
    return approver("ann")


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_screen(
    ann: User,
    page: Page,
    live_server: LiveServer,
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
    language: str,
) -> None:
    """The share is the largest text of the page; all of it stands on a screen of 1920 by 1080."""
    secret = make_wall_link("lobby", shows_names=True, language=language, by=ann, now=timezone.now())
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(live_server.url + reverse("wall", args=[secret]))

    assert page.evaluate(
        "document.documentElement.scrollHeight <= 1080 && document.documentElement.scrollWidth <= 1920"
    )
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)") >= 48
    axe(page)
    shoot(page, f"wall-{language}")
    page.emulate_media(color_scheme="dark")
    axe(page)
    assert fits(page)


def test_it_comes_again_without_script(ann: User, browser: Browser, live_server: LiveServer) -> None:
    """The page asks for itself again; a browser whose scripts are off does so too."""
    secret = make_wall_link("lobby", shows_names=False, language="en", by=ann, now=timezone.now())
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    answer = page.goto(live_server.url + reverse("wall", args=[secret]))

    assert answer.headers["refresh"] == "60"
    page.click("text=Let it stand still")
    assert page.locator("text=This page stands still.").count() == 1
    assert page.locator("h1").inner_text().endswith("never sent unprotected.")
    context.close()


def test_a_link_is_made_and_ended(
    ann: User, sign_in: Callable[[User], None], page: Page, live_server: LiveServer, axe: Callable[[Page], None]
) -> None:
    """From Compliance to the link, to the screen, and to its end, as an approver would."""
    sign_in(ann)
    page.goto(live_server.url + "/compliance/")
    page.click("text=Wall view")
    page.fill("#label", "lobby")
    page.click("button:has-text('Make the link')")
    axe(page)
    address = page.locator("#made-link").inner_text()
    wall = live_server.url + "/wall/" + address.rstrip("/").rsplit("/", 1)[1] + "/"

    assert page.goto(wall).status == 200
    page.goto(live_server.url + reverse("wall-list"))
    assert fits(page)
    page.click("tbody button:has-text('Revoke')")
    assert page.locator("text=opens nothing any more").count() == 1
    assert page.goto(wall).status == 404
