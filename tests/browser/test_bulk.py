"""Many partners at once in a real browser: by keys, by pointer, without script; axe in both themes, a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.models import Change, Partner, User
from tests.browser.house_world import fill_house
from tests.browser.test_house_pages import pleases

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def team(sign_in: Callable[[User], None]) -> User:
    """A signed-in editor in a house of thirteen agreements."""
    who = fill_house()
    sign_in(who)
    return who


def test_rows_are_selected_by_keys_and_pointer(team: User, page: Page, live_server: LiveServer) -> None:
    """Space, x, Shift and the head's box; how many there are is announced."""
    page.goto(live_server.url + "/partners/?sort=name")
    told, boxes = page.locator("[data-picked-count]"), page.locator("tbody input[type=checkbox]")
    expect(told).to_have_text("None selected")

    boxes.nth(1).focus()
    page.keyboard.press("Space")
    expect(told).to_have_text("1 selected")
    boxes.nth(4).click(modifiers=["Shift"])
    expect(told).to_have_text("4 selected")
    page.keyboard.press("x")
    expect(told).to_have_text("3 selected")
    page.locator("thead input[type=checkbox]").check()
    expect(told).to_have_text("13 selected")
    page.locator("thead input[type=checkbox]").uncheck()
    expect(told).to_have_text("None selected")
    assert told.get_attribute("role") == "status"


def test_tags_are_set_and_taken_back(
    team: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """Each page on the way pleases axe in both themes and fits a phone."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/partners/?sort=name")
    page.get_by_role("checkbox", name="Select Klinik Lindenhof").check()
    page.get_by_role("checkbox", name="Select Fjordbank").check()
    shoot(page, "bulk-selected")
    page.get_by_role("button", name="Tags").click()
    page.get_by_label("Tags to add").fill("health")
    page.get_by_role("button", name="Show what would change").click()
    shoot(page, "bulk-tags")
    assert pleases(page, axe)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Change the tags of 2 partners").click()
    page.emulate_media(color_scheme="light")
    shoot(page, "bulk-result")
    assert Partner.objects.filter(tags="health").count() == 2
    assert pleases(page, axe)
    page.get_by_role("button", name="Undo").click()
    assert not Partner.objects.filter(tags="health").exists()


def test_levels_are_drafted_and_taken_back(
    team: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """What would change stands beside what stays and why; the drafts lead to one candidate, or back."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/partners/?sort=name")
    page.locator("thead input[type=checkbox]").check()
    page.get_by_role("button", name="Level").click()
    page.get_by_label("Level", exact=True).select_option("secure")
    page.get_by_role("button", name="Show what would change").click()
    shoot(page, "bulk-level")
    assert page.locator("#stay").is_visible()
    assert pleases(page, axe)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("form[action$='/confirm/'] .btn-primary").click()
    page.emulate_media(color_scheme="light")
    shoot(page, "bulk-level-result")
    assert Change.objects.filter(release__isnull=True, after__level="secure", withdrawn_at__isnull=True).count() > 1
    assert page.get_by_role("button", name="Cut a candidate of these").is_visible()
    assert pleases(page, axe)
    page.get_by_role("button", name="Undo").click()
    assert page.get_by_text("Taken back by").is_visible()


def test_all_that_match_without_script(team: User, browser: Browser, page: Page, live_server: LiveServer) -> None:
    """A second step of its own, by plain links and forms, in German."""
    cookies = [*page.context.cookies(), {"name": "django_language", "value": "de", "url": live_server.url}]
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    plain = context.new_page()
    plain.goto(live_server.url + "/partners/?state=violated")
    plain.locator("button[value=probe]").click()
    plain.locator("a[href*='all=1']").click()
    plain.locator("form[action$='/confirm/'] .btn-primary").click()

    assert plain.locator("#done ~ .sub").inner_text() == "2"
    assert "Fjordbank" in plain.locator("main").inner_text()
    context.close()
