"""Candidates, releases, relays and what looks back, in a real browser: axe in both themes, and 390 px."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from partners.actions.group_changes import change_group
from partners.actions.tokens import make_relay_token, note_fetch, token_of
from partners.models import RelayGroup, User
from tests.web.candidate_world import World, world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Look = Callable[[User, str], None]


@pytest.fixture
def here() -> World:
    """The world, with a relay that fetched and one that did not."""
    found, now = world(), timezone.now()
    group = RelayGroup.objects.get()
    token = token_of(make_relay_token(group, by=found.ann, now=now, relay="relay1.house.example"), now=now)
    assert token is not None
    note_fetch(token, found.second.number, now=now)
    make_relay_token(group, by=found.ann, now=now, relay="relay2.house.example")
    change_group(group, {"main_cf": {"smtp_tls_mandatory_protocols": "!SSLv2"}}, version=1, by=found.bob, now=now)
    return found


@pytest.fixture
def look(
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> Look:
    """Open a page as somebody, and look at it in light, dark and on a phone."""

    def looking(who: User, path: str) -> None:
        sign_in(who)
        page.goto(live_server.url + path)
        axe(page)
        shoot(page, path.partition("?")[0].strip("/").replace("/", "-"))
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # no colour half way between two
        axe(page)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    return looking


def test_the_candidate_is_accessible(here: World, look: Look) -> None:
    """With findings of each kind, seen by the person who may agree."""
    look(here.bob, f"/candidates/{here.candidate.pk}/")


@pytest.mark.parametrize(
    "path",
    [
        "/releases/",
        "/releases/1/",
        "/releases/compare/?old=1&new=2",
        "/export/",
        "/relays/",
        "/audit/",
        "/audit/?act=candidate.cut",
        "/certificates/",
        "/settings/",
        "/settings/groups/main/",
    ],
)
def test_the_page_is_accessible(here: World, look: Look, path: str) -> None:
    """axe finds nothing in light and dark, and nothing scrolls sideways at 390 px."""
    look(here.ann, path)


def test_a_second_person_agrees_and_the_author_publishes(
    here: World, page: Page, live_server: LiveServer, sign_in: Callable[[User], None]
) -> None:
    """bob is asked for a word and to accept that mail may stop; then eda's button is open."""
    url = f"{live_server.url}/candidates/{here.candidate.pk}/"
    sign_in(here.bob)
    page.goto(url)
    page.fill("#word", "the partner moves today")
    page.check("#stops")
    page.click("button[value=approve]")
    sign_in(here.eda)
    page.goto(url)
    page.click("button[value=publish]")

    assert "/releases/3/" in page.url
    assert "polder-logistics.example\tsecure" in (page.locator("#map-main").text_content() or "")
