"""From the link to the account in a real browser, which has its own mind about origins, referrers and cookies."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from partners.actions.invitations import Invited, approve_invitation, invite
from partners.models import Partner, User
from tests.actions.people import approver, channel, editor, member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def acme(settings: Any, live_server: LiveServer) -> Partner:
    """A partner with a channel; the portal's address is the one that the browser sees."""
    settings.PORTAL_URL = live_server.url
    partner = Partner.objects.create(name="Acme")
    channel(partner, "acme.example", by=editor())
    return partner


def agreed(partner: Partner) -> Invited:
    """An invitation whose link may be used."""
    waiting = invite("pat@acme.example", User.Role.PARTNER, partner=partner, by=editor("ina"), now=timezone.now())
    return approve_invitation(waiting.invitation, by=approver("sec"), now=timezone.now())


def looked_at(page: Page, axe: Callable[[Page], None], shoot: Callable[[Page, str], object], name: str) -> None:
    """Axe in light and dark, no sideways scroll on a telephone, and a picture."""
    axe(page)
    shoot(page, name)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_contact_follows_the_link_and_is_in(
    acme: Partner,
    page: Page,
    live_server: LiveServer,
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """The address holds no token, no request tells it as a referrer, and the form is taken."""
    invited, referrers = agreed(acme), []
    page.on("request", lambda request: referrers.append(request.headers.get("referer", "")))
    page.goto(f"{live_server.url}/invitations/{invited.token}/")
    assert page.url == f"{live_server.url}/invitations/"
    looked_at(page, axe, shoot, "invitation-accept")

    page.fill("input[name=name]", "Pat")
    page.fill("input[name=password]", PASSWORD)
    page.click("text=Accept")

    page.wait_for_url(f"{live_server.url}/portal/")
    assert not [one for one in referrers if invited.token in one]
    assert page.evaluate("document.cookie") == ""


def test_the_switch_of_theme_works_on_that_page(acme: Partner, page: Page, live_server: LiveServer) -> None:
    """Its form is a POST too; with no-referrer on the page the browser would send "Origin: null"."""
    page.goto(f"{live_server.url}/invitations/{agreed(acme).token}/")

    page.locator("button[name=theme]").first.click()

    assert page.url == f"{live_server.url}/invitations/"
    assert page.locator("input[name=password]").count() == 1


def test_a_link_that_ran_out_is_told(
    page: Page,
    live_server: LiveServer,
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
    complaints: list[str],
) -> None:
    """In words, with the way on."""
    page.goto(f"{live_server.url}/invitations/guessed/")

    assert page.locator("text=This link does not work").count() == 1
    looked_at(page, axe, shoot, "invitation-gone")
    complaints.clear()  # Chromium complains of the status 410


def test_another_account_is_told_to_sign_out(
    acme: Partner,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """And after signing out the same page goes on by itself."""
    sign_in(member(acme, invited_by=editor("ida"), name="eve"))
    page.goto(f"{live_server.url}/invitations/{agreed(acme).token}/")
    assert page.locator("text=You are signed in as eve@house.example").count() == 1
    looked_at(page, axe, shoot, "invitation-other")

    page.locator("main button:has-text('Sign out')").click()
    page.goto(f"{live_server.url}/invitations/")

    assert page.locator("input[name=password]").count() == 1


def test_two_people_bring_a_contact_in(
    acme: Partner,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """The editor asks and sees no link; the approver agrees and, without mail, is shown it once."""
    sign_in(editor("ina"))
    page.goto(f"{live_server.url}/partners/{acme.pk}/invite/")
    looked_at(page, axe, shoot, "invite")
    page.fill("input[name=email]", "pat@acme.example")
    page.click("main button:has-text('Invite')")
    assert page.locator("text=It waits for a second person").count() == 1
    looked_at(page, axe, shoot, "invitation-waits")

    sign_in(approver())
    page.goto(f"{live_server.url}/approvals/")
    looked_at(page, axe, shoot, "approvals-invitation")
    page.click("text=Agree and show the link")
    link = page.locator("#link").inner_text()
    looked_at(page, axe, shoot, "invitation-shown")
    page.goto(f"{live_server.url}/approvals/")
    assert page.locator("text=The link was shown, not mailed").count() == 1
    looked_at(page, axe, shoot, "approvals-sent")

    assert link.startswith(f"{live_server.url}/invitations/")


def test_a_mail_that_failed_is_told(
    acme: Partner,
    page: Page,
    live_server: LiveServer,
    settings: Any,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """With its cause and the button that tries again."""
    settings.MAIL_CONFIGURED = True
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    sign_in(approver())
    page.goto(f"{live_server.url}/partners/{acme.pk}/invite/")
    page.fill("input[name=email]", "pat@acme.example")
    page.click("main button:has-text('Invite')")

    assert page.locator("text=did not leave").count() == 1
    looked_at(page, axe, shoot, "invitation-failed")
    page.click("text=To the approvals")
    looked_at(page, axe, shoot, "approvals-failed")


def test_a_file_too_large_is_told_as_that(
    acme: Partner,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
    complaints: list[str],
) -> None:
    """The partner reads how much is taken, and not that a certificate is missing."""
    sign_in(member(acme, invited_by=editor("ida")))
    page.goto(f"{live_server.url}/portal/")
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "backup.tar"
        large.write_bytes(b"\0" * (3 * 1024 * 1024))
        page.set_input_files("input[type=file]", str(large))
        if page.locator("text=at most 1 MB").count() == 0:
            page.locator("form:has(input[type=file]) button[type=submit]").first.click()

    page.wait_for_selector("text=at most 1 MB")
    looked_at(page, axe, shoot, "too-large")
    complaints.clear()  # Chromium complains of the status 413
