"""The mail team's partner pages in a real browser: both themes, and the phone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.core.certificates import cert_fingerprint
from partners.models import Channel, Contact, Pin
from tests.actions.people import approver, editor
from tests.actions.watched import ask_dns, publish, see, watched
from tests.browser.house_world import fill_house
from tests.browser.test_house_pages import pleases
from tests.kit.ca import self_signed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OLD, NEW = self_signed("mx.example.com"), self_signed("mx.example.com")


def renewed() -> Channel:
    """A partner whose pinned certificate was replaced without notice two hours ago."""
    ed, now = editor(), timezone.now()
    nexthop = watched("example.com", by=ed)
    old, ago = cert_fingerprint(OLD.der, "sha256"), now - timedelta(days=20)
    Pin.objects.create(
        channel=nexthop.channel,
        of_key=False,
        digests={"sha256": old},
        state=Pin.State.ACTIVE,
        proposed_by=ed,
        proposed_at=ago,
        decided_by=approver(),
        decided_at=ago,
    )
    publish(f"example.com\tfingerprint match={old}\n", by=ed, at=ago)
    nexthop.channel.nexthops.update(due_at=now - timedelta(days=2))
    ask_dns(nexthop, "192.0.2.1", "2001:db8::1", at=now - timedelta(hours=2))
    see(NEW, at=now - timedelta(hours=2))
    see(NEW, at=now - timedelta(hours=2))
    Contact.objects.create(
        partner=nexthop.channel.partner, name="Owen Price", email="owen@example.com", phone="+44 5550 0142"
    )
    return nexthop.channel


def test_partner_list(
    page: Page, live_server: LiveServer, sign_in: Callable, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """The worst leads, a chip is taken away again, and a phone shows cards."""
    sign_in(fill_house())
    page.goto(live_server.url + "/partners/?level=secure")
    expect(page.locator("tbody tr").first).to_contain_text("Fjordbank")
    page.click("text=Clear")
    shoot(page, "partners")

    page.locator("summary", has_text="Add filter").click()
    axe(page)
    assert pleases(page, axe)


def test_partner_page(
    page: Page, live_server: LiveServer, sign_in: Callable, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """The verdict leads with cause and time left; the strange key stands beside the pinned one."""
    row = renewed()
    sign_in(editor("lea"))
    page.goto(f"{live_server.url}/partners/{row.pk}/")

    expect(page.locator(".fpr").nth(1)).to_be_visible()
    expect(page.locator("code#command")).to_contain_text("openssl s_client")
    shoot(page, "partner")
    assert pleases(page, axe)


def test_edit_page(
    page: Page, live_server: LiveServer, sign_in: Callable, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """The fields stand beside the line and what Postfix would do with it."""
    row = renewed()
    sign_in(editor("lea"))
    page.goto(f"{live_server.url}/partners/{row.pk}/edit/")

    page.locator("summary", has_text="Versions").click()
    shoot(page, "partner-edit")
    assert pleases(page, axe)
