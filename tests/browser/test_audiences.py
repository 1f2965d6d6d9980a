"""Each audience in a real browser: its pages open, please axe, and fit a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from partners.actions.relay_groups import ensure_group
from partners.models import ComplianceInterval, Partner, User, VerdictRow
from tests.actions.people import NOON, approver, channel, editor, member, person, proposed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOST = {
    "mx_host": "mx.fjordbank.example",
    "preference": 10,
    "address": "192.0.2.41",
    "port": 25,
    "delivery": "deliver",
    "tls_status": "Verified",
    "text": "",
    "reasons": [],
    "seen_at": NOON.isoformat(),
}
STATES = ("compliant", "violated", "weaker", "rolling", "unknown", "pending")


@pytest.fixture
def people() -> dict[str, User]:
    """Six partners in six states, a pin that waits, and a person of each audience."""
    team, group = editor(), ensure_group(now=NOON)
    for number, state in enumerate(STATES):
        partner = Partner.objects.create(name=f"Fjordbank {number}", owner=team, tags="bank")
        row = channel(partner, f"fjordbank{number}.example", by=team)
        ComplianceInterval.objects.create(
            channel=row, state=state, cause="seen at 192.0.2.41", valid_from=NOON, recorded_at=NOON
        )
        VerdictRow.objects.create(
            nexthop=row.nexthops.get(),
            group=group,
            delivery="deliver",
            tls_status="Verified",
            dsn="2.0.0",
            hosts=[HOST],
            judged_at=NOON,
        )
    contact = member(partner, invited_by=team)
    proposed(row, by=contact)
    return {"team": team, "approver": approver(), "management": person("max", User.Role.MANAGEMENT), "partner": contact}


def fits(page: Page) -> bool:
    """Whether the page has no sideways scroll at 390 px."""
    page.set_viewport_size({"width": 390, "height": 844})
    return bool(page.evaluate("document.documentElement.scrollWidth <= 390"))


@pytest.mark.parametrize(
    "audience, path",
    [
        pytest.param("team", "/partners/", id="list"),
        pytest.param("team", "/partners/add/", id="add"),
        pytest.param("team", "/releases/", id="releases"),
        pytest.param("team", "/export/", id="export"),
        pytest.param("approver", "/approvals/", id="approvals"),
        pytest.param("management", "/compliance/", id="compliance"),
        pytest.param("management", "/partners/", id="read-only-list"),
        pytest.param("partner", "/portal/", id="portal"),
    ],
)
def test_page_is_accessible_and_fits_a_phone(
    people: dict[str, User],
    audience: str,
    path: str,
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """axe finds nothing in light and dark, and nothing scrolls sideways at 390 px."""
    sign_in(people[audience])

    page.goto(live_server.url + path)

    axe(page)
    shoot(page, f"{audience}{path.replace('/', '-')}".rstrip("-"))
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # no colour half way between two
    axe(page)
    assert fits(page)


def test_partner_sends_a_fingerprint_and_another_person_approves(
    people: dict[str, User], page: Page, live_server: LiveServer, sign_in: Callable[[User], None]
) -> None:
    """The partner pastes, reads what was understood, sends; the inviter cannot approve, the approver can."""
    sign_in(people["partner"])
    page.goto(live_server.url + "/portal/")
    page.click("text=Paste the certificate or its fingerprint instead")
    page.fill("textarea[name=pasted]", ":".join(["3D"] * 32))
    page.click("button:has-text('Read it')")
    page.click("text=Send this certificate")
    sent = page.locator("text=Please do not switch yet").count()

    sign_in(people["approver"])
    page.goto(live_server.url + "/approvals/")
    page.locator("input[name=word]").first.fill("read to me by telephone")
    page.locator("button:has-text('Approve')").first.click()

    assert sent
    assert page.locator("text=It stands beside the old pin").count() == 1


def test_editor_adds_a_partner_and_cuts_a_candidate(
    people: dict[str, User],
    page: Page,
    live_server: LiveServer,
    sign_in: Callable[[User], None],
    axe: Callable[[Page], None],
    shoot: Callable[[Page, str], object],
) -> None:
    """A refused name is told beside the form; a good one becomes a draft, and the candidate shows its line."""
    sign_in(people["team"])
    page.goto(live_server.url + "/partners/add/?fields=1")
    page.fill("input[name=name]", "Rivet and Sons")
    page.fill("input[name=nexthops]", "rivet-sons.example")
    page.select_option("select[name=level]", "encrypt")
    page.select_option("select[name=agreed]", "encrypted")
    page.click("text=Save the draft")
    page.goto(live_server.url + "/releases/")
    for label in page.locator("label:has-text('Fjordbank')").all():
        label.click()
    page.click("text=Cut a candidate")

    assert "rivet-sons.example" in page.locator(".difftext").first.inner_text()
    axe(page)
    shoot(page, "candidate")
