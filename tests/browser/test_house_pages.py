"""Management's page in a real browser: axe in both themes, a phone, print, and every number leads on."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from partners.models import User
from tests.actions.people import editor, person
from tests.browser.house_world import fill_house
from tests.reports.world import agreement

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fits(page: Page) -> bool:
    """Whether the page has no sideways scroll at 390 px."""
    page.set_viewport_size({"width": 390, "height": 844})
    return bool(page.evaluate("document.documentElement.scrollWidth <= 390"))


def pleases(page: Page, axe: Callable[[Page], None]) -> bool:
    """Whether axe finds nothing in light and dark, and a phone shows all of it."""
    axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page)
    return fits(page)


@pytest.fixture
def management(sign_in: Callable[[User], None]) -> User:
    """A signed-in manager in a house of thirteen agreements."""
    fill_house()
    reader = person("ines", User.Role.MANAGEMENT)
    reader.first_name, reader.last_name = "Ines", "Falk"
    reader.save()
    sign_in(reader)
    return reader


def test_compliance_page(
    management: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """Numbers, trend, outlook, exceptions and table, in both themes and on a phone."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/compliance/")

    shoot(page, "compliance")
    assert page.locator("svg.chart:visible").count() == 1
    assert pleases(page, axe)


def test_each_number_leads_to_as_many_rows(management: User, page: Page, live_server: LiveServer) -> None:
    """Following a number shows exactly the rows it counted."""
    page.goto(live_server.url + "/compliance/")
    links = page.locator("main a[href^='?']:visible").all()
    found = [(link.get_attribute("href"), link.inner_text().split()[0]) for link in links]
    numbers = [(href, text) for href, text in found if text.isdecimal() and "within" not in href]

    assert len(numbers) > 10
    for href, text in numbers:
        page.goto(f"{live_server.url}/compliance/{href}")
        assert page.locator("#agreements tbody tr").count() == int(text), href


def test_print_has_no_controls_and_keeps_the_chart(management: User, page: Page, live_server: LiveServer) -> None:
    """On paper there are no buttons, one chart, and the table with its head."""
    page.goto(live_server.url + "/compliance/")

    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})

    assert page.evaluate("document.documentElement.scrollWidth <= 720")
    assert page.locator(".btn:visible, nav:visible").count() == 0
    assert page.locator("svg.chart:visible").count() == 1
    assert page.locator("#agreements thead:visible").count() == 1


def test_today_page(
    page: Page, live_server: LiveServer, sign_in: Callable[[User], None], axe: Callable[[Page], None], shoot: Callable
) -> None:
    """What needs a hand, worst first, in both themes and on a phone; each button leads to a page that opens."""
    sign_in(fill_house())
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/today/")

    shoot(page, "today")
    assert pleases(page, axe)
    steps = {link.get_attribute("href") for link in page.locator(".hand .next a").all()}
    assert len(steps) > 5
    for step in steps:
        answer = page.goto(live_server.url + str(step))
        assert answer is not None and answer.status == 200, step


@pytest.mark.parametrize("filled", [False, True], ids=["first-day", "quiet"])
def test_today_without_hands(
    filled: bool,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable,
) -> None:
    """An empty page is drawn too."""
    team = editor()
    if filled:
        agreement("Fjord", "compliant", by=team).changes.update(withdrawn_at=timezone.now())
    sign_in(team)
    page.goto(live_server.url + "/today/")

    shoot(page, f"today-{'quiet' if filled else 'first-day'}")
    assert pleases(page, axe)
