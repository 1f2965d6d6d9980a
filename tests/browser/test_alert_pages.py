"""Alerts, whom they are told to, and the watch's own trouble in a real browser: axe in both themes, and a phone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.actions.cycles import note_cycle
from partners.actions.targets import add_target
from partners.core.alarms import Severity
from partners.models import Alert, AlertDelivery, AlertPartner, Channel, NoticeTarget, Partner, User
from partners.reports import watch
from tests.actions.people import approver
from tests.browser.house_world import fill_house
from tests.browser.test_house_pages import pleases

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def raised(cause: str, severity: Severity, *names: str, **fields: object) -> Alert:
    """An alert about the partners of these *names*."""
    now = timezone.now()
    row = Alert.objects.create(
        cause=cause, severity=severity.value, grouping=cause, day=now.date(),
        opened_at=now - timedelta(hours=3), **fields,
    )  # fmt: skip
    for partner in Partner.objects.filter(name__in=names):
        part = AlertPartner.objects.create(
            alert=row, partner=partner, cause=cause, day=row.day, opened_at=row.opened_at
        )
        part.channels.set(Channel.objects.filter(partner=partner))
    return row


@pytest.fixture
def team(sign_in: Callable[[User], None]) -> User:
    """An approver of a house with alerts of each kind, one of which nobody could be told."""
    eda, ann, now = fill_house(), approver(), timezone.now()
    hook = add_target(NoticeTarget.Via.WEBHOOK, "https://hooks.example.com/tls", by=ann, now=now).target
    add_target(NoticeTarget.Via.MAIL, "mail-team@house.example", by=ann, now=now, language="de")
    row = raised(
        "fingerprint-mismatch", Severity.STOPPED, "Rivet and Sons", "Fjordbank", "Alpenfracht", "Ostra Castings",
        place="192.0.2.2:25", where="192.0.2.2:25",
    )  # fmt: skip
    AlertDelivery.objects.create(
        alert=row, kind="raised", target=hook, via="webhook", address=hook.address, day=row.day, planned_at=now,
        failed_at=now, attempts=1, fault="it answers 404",
    )  # fmt: skip
    raised("certificate-ends", Severity.BREAKS_SOON, "Klinik Lindenhof", breaks_at=now + timedelta(days=4))
    raised("below-agreed", Severity.WEAKER, "Polder Logistics", acknowledged_by=eda, acknowledged_at=now, word="on it")
    sign_in(ann)
    return ann


def test_alerts(team: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable) -> None:
    """Worst first, with what to do in the row."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/alerts/")

    shoot(page, "alerts")
    assert page.locator("tbody tr").count() == 2
    assert pleases(page, axe)


def test_look_after_one(team: User, page: Page, live_server: LiveServer) -> None:
    """With a word, by keyboard: it leaves the list for the other tab."""
    page.goto(live_server.url + "/alerts/")
    page.get_by_label("A word on alert").first.fill("I phone them")
    page.keyboard.press("Enter")

    expect(page.get_by_text("nobody is reminded")).to_be_visible()
    page.get_by_role("link", name="Looked after").first.click()
    expect(page.get_by_text("I phone them")).to_be_visible()


def test_let_one_rest(team: User, page: Page, live_server: LiveServer) -> None:
    """A day is chosen in the row itself."""
    page.goto(live_server.url + "/alerts/")
    page.locator("summary", has_text="Let it rest").first.click()
    page.get_by_role("button", name="Rest until then").first.click()

    expect(page.get_by_text("rests; if it is still open")).to_be_visible()


def test_who_is_told(
    team: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """Addresses with what became of the last message, and a secret that is shown once."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/settings/notices/")
    shoot(page, "notices")
    assert pleases(page, axe)

    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="New secret").click()
    expect(page.locator("#made-secret")).to_contain_text("whsec_")
    assert pleases(page, axe)


def test_partners_page(
    team: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable
) -> None:
    """Its open alerts stand beside the agreement; its notices are a step away."""
    row = Channel.objects.get(partner__name="Rivet and Sons")
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{live_server.url}/partners/{row.pk}/")
    shoot(page, "partner-alerts")
    expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
    assert pleases(page, axe)

    page.get_by_role("link", name="Contacts are not told of alerts").click()
    shoot(page, "partner-notices")
    assert pleases(page, axe)


def test_a_dead_worker(
    team: User, page: Page, live_server: LiveServer, axe: Callable[[Page], None], shoot: Callable, settings, monkeypatch
) -> None:
    """A bar on top of each page of the team."""
    settings.CYCLE_LATE_MINUTES = 15
    monkeypatch.setattr(watch, "_begun_at", timezone.now() - timedelta(days=1))
    monkeypatch.setattr(watch, "_kept", {})
    note_cycle("probe", now=timezone.now() - timedelta(hours=2))
    note_cycle("alerts", now=timezone.now())
    page.emulate_media(reduced_motion="reduce")
    page.goto(live_server.url + "/today/")

    expect(page.get_by_role("alert")).to_contain_text("Nobody looks at the partners")
    shoot(page, "today-late")
    assert pleases(page, axe)
