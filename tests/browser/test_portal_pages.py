"""The partner's pages in a real browser: each of their days, axe in both themes, a phone, and life without a script."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from partners.models import Pin, User
from tests.kit.ca import self_signed
from tests.reports.portal_world import Brixner, accept, brixner, sent, serve

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DAY = timedelta(days=1)


def half_way() -> Brixner:
    world = brixner(state="rolling", days=20)
    accept(
        world,
        sent(world, world.new, by=world.contact, at=timezone.now() - 12 * DAY),
        at=timezone.now() - 5 * DAY,
        number=2,
    )
    serve(world, world.new, world.new, world.old, world.old)
    return world


def waiting() -> Brixner:
    world = brixner(days=20)
    sent(world, world.new, by=world.contact)
    return world


def broken() -> Brixner:
    world = brixner(state="violated", cause="fingerprint-mismatch")
    stranger = self_signed("mx1.brixner-achsen.example")
    serve(world, stranger, stranger, world.old, world.old, reasons=("fingerprint-mismatch",))
    return world


def refused() -> Brixner:
    world = brixner()
    pin = sent(world, world.new, by=world.contact)
    Pin.objects.filter(pk=pin.pk).update(
        state="refused", decided_by=world.second, decided_at=timezone.now(), word="not the one you read to me"
    )
    return world


def pleases(page: Page, axe: Callable[[Page], None]) -> bool:
    """Whether axe finds nothing in light and dark, and a phone shows all of it."""
    axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page)
    page.set_viewport_size({"width": 390, "height": 844})
    axe(page)
    return bool(page.evaluate("document.documentElement.scrollWidth <= 390"))


@pytest.mark.parametrize(
    "make", [brixner, waiting, half_way, broken, refused], ids=["quiet", "waiting", "half-way", "broken", "refused"]
)
def test_home(
    make: Callable[[], Brixner],
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable,
    shoot: Callable,
) -> None:
    """Each state of a partner's page, in both themes and on a phone."""
    sign_in(make().contact)
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/portal/")

    shoot(page, f"portal-{make.__name__.replace('_', '-')}")
    assert pleases(page, axe)


def test_help(
    page: Page, live_server: LiveServer, sign_in: Callable[[User], None], axe: Callable, shoot: Callable
) -> None:
    """What a partner asks, with the commands to copy."""
    sign_in(brixner().contact)
    page.goto(live_server.url + "/portal/help/")

    shoot(page, "portal-help")
    assert pleases(page, axe)


def test_a_dropped_file_is_read_compared_and_sent(
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable,
    shoot: Callable,
    tmp_path: Path,
) -> None:
    """The file becomes facts beside the present pin; sent, the page says not to switch, and it can be taken back."""
    world = brixner(days=20)
    file = tmp_path / "mx-2027.pem"
    file.write_text(world.new.pem)
    sign_in(world.contact)
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/portal/")
    page.set_input_files("#file", file)
    page.click("button:has-text('Read it')")

    assert page.locator("h2:has-text('mx-2027.pem')").count() == 1
    shoot(page, "portal-upload")
    assert pleases(page, axe)
    page.click("button:has-text('Send this certificate')")
    assert page.locator(".safe:has-text('Please do not switch yet')").count() == 1
    page.click("text=Take it back")
    assert page.locator("text=Taken back.").count() == 1


def test_a_private_key_is_refused_in_the_same_place(
    page: Page, live_server: LiveServer, sign_in: Callable[[User], None], axe: Callable, shoot: Callable
) -> None:
    """The refusal is announced, tells what to do, and the form stands ready below it."""
    world = brixner()
    sign_in(world.contact)
    page.goto(live_server.url + "/portal/")
    page.click("text=Paste the certificate or its fingerprint instead")
    page.fill("#pasted", world.new.key_pem)
    page.click("button:has-text('Read it')")

    assert "private key" in page.get_by_role("alert").inner_text()
    shoot(page, "portal-refused-key")
    assert pleases(page, axe)


def test_sending_works_without_javascript(browser: Browser, live_server: LiveServer) -> None:
    """A plain form with a plain field does all of it."""
    world = brixner()
    world.contact.set_password("correct horse battery")
    world.contact.save()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url + "/accounts/login/")
    page.fill("#id_login", world.contact.email)
    page.fill("#id_password", "correct horse battery")
    page.click("button:text-is('Sign in')")
    page.goto(live_server.url + "/portal/")
    page.click("text=Paste the certificate or its fingerprint instead")
    page.fill("#pasted", world.new.pem)
    page.click("button:has-text('Read it')")
    page.click("button:has-text('Send this certificate')")

    assert page.locator("text=Please do not switch yet").count() >= 1
    context.close()
