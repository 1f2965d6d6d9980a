"""The frame and the components in a real browser: both themes, a phone, keys, and a life without JavaScript."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from partners.models import User
from tests.actions.people import editor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


@pytest.fixture
def staff() -> User:
    """An editor who may see the kit and can sign in by password."""
    user = editor()
    user.is_staff = True
    user.first_name, user.last_name = "Lea", "Brandt"
    user.set_password(PASSWORD)
    user.save()
    return user


def fits(page: Page) -> bool:
    """Whether nothing scrolls sideways at 390 px."""
    page.set_viewport_size({"width": 390, "height": 844})
    return bool(page.evaluate("document.documentElement.scrollWidth <= 390"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sign_in_page(page: Page, live_server: LiveServer, axe: Callable, shoot: Callable, scheme: str) -> None:
    """axe finds nothing in either theme, and a phone shows all of it."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    page.goto(live_server.url + "/accounts/login/")

    axe(page)
    shoot(page, "sign-in")
    assert fits(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_kit_page(
    page: Page, live_server: LiveServer, sign_in: Callable, axe: Callable, shoot: Callable, staff: User, theme: str
) -> None:
    """Every component in every state: axe finds nothing in either theme, and a phone shows all of it."""
    sign_in(staff)
    page.emulate_media(reduced_motion="reduce")
    page.context.add_cookies([{"name": "tlsportal_theme", "value": theme, "url": live_server.url}])

    page.goto(live_server.url + "/kit/")

    assert page.locator("html").get_attribute("data-bs-theme") == theme
    axe(page)
    shoot(page, f"kit-{theme}")
    assert fits(page)
    axe(page)


def test_sign_in_and_theme_work_without_javascript(browser: Browser, live_server: LiveServer, staff: User) -> None:
    """Plain forms: sign in, open the menu, choose dark, sign out."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url + "/accounts/login/")
    page.fill("#id_login", staff.email)
    page.fill("#id_password", PASSWORD)
    page.click("button:text-is('Sign in')")
    page.goto(live_server.url + "/kit/")

    page.click("summary.me")
    page.click(".side button[value=dark]")

    assert page.url.endswith("/kit/")
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert page.locator("[data-copy]").first.is_hidden()
    context.close()


def test_wrong_password_is_told_beside_the_form(
    page: Page, live_server: LiveServer, staff: User, axe: Callable
) -> None:
    """The refusal is announced, and the address stays typed."""
    page.goto(live_server.url + "/accounts/login/")
    page.fill("#id_login", staff.email)
    page.fill("#id_password", "something else")
    page.click("button:text-is('Sign in')")

    assert "do not belong together" in page.get_by_role("alert").inner_text()
    assert page.input_value("#id_login") == staff.email
    axe(page)


def test_keys_find_move_select_and_list(page: Page, live_server: LiveServer, sign_in: Callable, staff: User) -> None:
    """ "/" goes to the search, "j" to the rows, "x" selects, "?" lists, Escape closes."""
    sign_in(staff)
    page.goto(live_server.url + "/kit/")

    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("j?")
    assert page.input_value("[data-key-search]") == "j?"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "Partner 2"
    page.keyboard.press("x")
    assert page.locator("tr[data-picked]").count() == 2
    page.keyboard.press("?")
    assert page.locator("dialog[open] h3").inner_text() == "Keys"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_keys_can_be_switched_off(page: Page, live_server: LiveServer, sign_in: Callable, staff: User) -> None:
    """Who dictates or has a tremor may switch single keys off (WCAG 2.1.4)."""
    sign_in(staff)
    page.goto(live_server.url + "/kit/")
    page.keyboard.press("?")
    page.check("dialog [data-keys-off]")
    page.keyboard.press("Escape")

    page.keyboard.press("/")

    assert page.evaluate("document.activeElement.name") != "q"


def test_copied_line_is_the_map_line(page: Page, live_server: LiveServer, sign_in: Callable, staff: User) -> None:
    """The button copies the exact line, with its tab, and says so."""
    sign_in(staff)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(live_server.url + "/kit/")

    page.click("[data-copy=kit-line]")
    page.wait_for_selector("[data-copy=kit-line]:has-text('Copied')")

    assert page.evaluate("navigator.clipboard.readText()").startswith(
        "brixner-achsen.example\tfingerprint match=3D:95:"
    )


def test_menu_of_the_phone_opens_and_leads_on(
    page: Page, live_server: LiveServer, sign_in: Callable, staff: User
) -> None:
    """The phone has every entry in one menu; Escape closes it."""
    sign_in(staff)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(live_server.url + "/kit/")

    page.get_by_label("Menu").click()

    assert page.get_by_role("link", name="Partners").is_visible()
    page.keyboard.press("Escape")
    assert page.get_by_role("link", name="Partners").is_hidden()


@pytest.mark.parametrize("path", ["password/reset/", "password/change/", "2fa/", "2fa/totp/activate/", "logout/"])
def test_account_page(
    page: Page, live_server: LiveServer, sign_in: Callable, axe: Callable, shoot: Callable, staff: User, path: str
) -> None:
    """axe finds nothing, and a phone shows all of it."""
    sign_in(staff)

    page.goto(live_server.url + "/accounts/" + path)

    axe(page)
    shoot(page, "account-" + path.strip("/").replace("/", "-"))
    assert fits(page)


def test_missing_page(page: Page, live_server: LiveServer, axe: Callable) -> None:
    """A page that is not there is as well made as the others."""
    page.goto(live_server.url + "/nowhere/")

    axe(page)
    assert fits(page)
