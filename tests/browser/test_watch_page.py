"""The page of the running watch in a real browser: it moves by itself, and rests while nobody looks."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from partners.actions.cycles import RoundTally, tell_round
from partners.models import Address, Endpoint, Nexthop, Partner, RelayGroup, User
from tests.actions.people import channel, editor
from tests.actions.test_rounds_told import met, missed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def eda(sign_in: Callable[[User], None]) -> User:
    """A round runs; two vantages; one server does not answer."""
    author, now = editor(), timezone.now()
    for name, vantage in (("main", "here"), ("outside", "dmz")):
        RelayGroup.objects.create(name=name, vantage=vantage)
    row = channel(Partner.objects.create(name="Fjordbank"), "fjordbank.example", by=author)
    Nexthop.objects.update(due_at=now - MINUTE)
    for number, vantage in enumerate(("here", "here", "dmz")):
        place = Address.objects.create(
            address=f"192.0.2.{number}", provider="cloud.example", vantage=vantage, due_at=now - MINUTE,
            failing_since=now if number == 1 else None,
        )  # fmt: skip
        endpoint = Endpoint.objects.create(address=place, port=25, profile_key="", not_measured="connect-timeout")
        endpoint.nexthops.add(row.nexthops.get())
    tally = RoundTally(nexthops=3)
    for outcome in (met(ms=130), met("192.0.2.2", 2400), missed()):
        tally.take(outcome)
    tell_round(None, "due", tally, begun_at=now - 4 * MINUTE, now=now - 3 * MINUTE, is_over=True)
    tell_round(None, "due", tally, begun_at=now - MINUTE, now=now)
    sign_in(author)
    return author


def test_watch_page(
    eda: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable[..., None]
) -> None:
    """In both themes and on a phone, with nothing to complain about."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/watch/")

    shoot(page, "watch")
    axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= 390")


def test_the_panel_moves_by_itself_and_keeps_the_focus(eda: User, page: Page, live_server: LiveServer) -> None:
    """What ended meanwhile is told without a load, aloud once, and the button in hand stays in hand."""
    page.goto(live_server.url + "/watch/")
    page.locator("#watch-now button").focus()
    held = page.evaluate("document.activeElement.id")
    later = timezone.now() + timedelta(hours=1)
    Nexthop.objects.update(due_at=later)
    Address.objects.update(due_at=later)
    from_now = timezone.now()
    tell_round(None, "asked", RoundTally(endpoints=77), begun_at=from_now, now=from_now, is_over=True)

    page.locator("#rounds td", has_text="77").wait_for()

    assert page.evaluate("document.activeElement.id") == held


def test_a_hidden_tab_asks_nothing(eda: User, page: Page, live_server: LiveServer) -> None:
    """It goes on where somebody looks again."""
    page.goto(live_server.url + "/watch/")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/watch/now/" in one.url else None)

    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.wait_for_timeout(3500)
    assert asked == []

    page.evaluate("delete document.hidden")
    page.wait_for_timeout(3500)
    assert len(asked) >= 1
