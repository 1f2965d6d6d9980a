"""Saved views in a real browser: axe in both themes, a phone, German, and all of it without script."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from partners.models import SavedView, User
from tests.browser.house_world import fill_house
from tests.browser.test_house_pages import fits, pleases

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def team(sign_in: Callable[[User], None]) -> User:
    """A signed-in editor in a house of thirteen agreements."""
    who = fill_house()
    sign_in(who)
    return who


def save(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/partners/?state=violated&sort=name")
    page.get_by_role("link", name="Save this view").click()
    page.get_by_label("Name of the view").fill(name)
    page.get_by_label("Share it").check()
    page.get_by_role("button", name="Save").click()


def test_a_view_is_saved_opened_and_removed(
    team: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """Each page on the way pleases axe in both themes and fits a phone."""
    page.emulate_media(reduced_motion="reduce")
    save(page, live_server.url, "Stopped mail")
    page.goto(live_server.url + "/partners/?sort=harm")
    page.get_by_role("link", name="Stopped mail").click()

    assert page.locator("tbody tr").count() == 2
    shoot(page, "saved-views-list")
    assert pleases(page, axe)
    view = SavedView.objects.get()
    for path in ("", "save/?state=violated&cols=level,seen", f"{view.pk}/edit/", f"{view.pk}/remove/"):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(f"{live_server.url}/partners/views/{path}")
        assert pleases(page, axe), path
    page.get_by_role("button", name="Remove the view").click()
    assert not SavedView.objects.exists()


def test_columns_are_chosen(team: User, page: Page, live_server: LiveServer) -> None:
    """The boxes leave the filters alone, and the table has the columns that are left."""
    page.goto(live_server.url + "/partners/?state=violated")
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Owner").uncheck()
    page.locator(".columns").get_by_role("button", name="Show").click()

    assert "state=violated" in page.url
    heads = page.locator("thead th").all_inner_texts()
    assert "Owner" not in heads
    assert "Hosts" in heads


def test_it_works_without_script(team: User, browser: Browser, page: Page, live_server: LiveServer) -> None:
    """Plain links and forms, in German as well."""
    cookies = [*page.context.cookies(), {"name": "django_language", "value": "de", "url": live_server.url}]
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    plain = context.new_page()
    plain.goto(f"{live_server.url}/partners/views/save/?state=violated&sort=name")
    plain.fill("[name=name]", "Steht")
    plain.locator("main form .btn-primary").click()

    assert plain.locator(".saved a[aria-current]").inner_text() == "Steht"
    assert "gespeichert" in plain.locator("#messages").inner_text()
    context.close()


def test_a_long_name_fits_a_phone(team: User, page: Page, live_server: LiveServer) -> None:
    """Sixty letters without a blank make nothing scroll sideways."""
    SavedView.objects.create(owner=team, name="W" * 60, parameters={"sort": "name"}, made_at=team.date_joined)
    for path in ("/partners/", "/partners/views/"):
        page.goto(live_server.url + path)
        assert fits(page), path
