"""Each audience's pages in German: no English word is left, long words fit a phone, dates and numbers are German."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.models import Channel, Partner, User
from tests.actions.people import person
from tests.browser.house_world import fill_house
from tests.browser.test_partner_pages import renewed
from tests.browser.test_portal_pages import broken, half_way, refused, waiting
from tests.kit.ca import self_signed
from tests.reports.portal_world import Brixner, brixner
from tests.web.candidate_world import world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Frequent words of our English texts that are no German ones ("was", "in", "will" are both).
ENGLISH = re.compile(
    r"\b(the|and|of|to|is|are|were|with|for|not|you|your|our|their|this|that|from|has|have|would|its?|by|each|what|when"
    r"|which|who|nobody|seen|ago|days?|hours?|minutes|deferred|delivered|bounces?|approved?|announced|waits?|password"
    r"|sign|page|change|add|edit|settings|certificates?|fingerprints|key|keys|issuer|valid|expired|ended|ends|year"
    r"|address|addresses|since|until|never|yet|nothing|search|save|saved|open|close|show|see|look|read|more|less"
    r"|security|recovery|codes are|email|required|field)\b",
    re.IGNORECASE,
)
ENGLISH_DATE = re.compile(r"\b\d{1,2} (Jan|Feb|March|April|May|June|July|Aug|Sep|Oct|Nov|Dec)|\b(a\.m|p\.m)\.")
ENGLISH_NUMBER = re.compile(r"\d,\d{3}\b|\d\.\d+ ?%")
# What people, partners and test worlds typed, and what Postfix logs: it is shown as they wrote it.
TYPED = re.compile(
    r"Rivet and Sons|their provider moves the mail|monthly round|not the one you read to me|English|[\w.-]+@[\w.-]+"
    r"|Server certificate not verified|OpenSSL [\d.]+ \d+ \w+ \d{4}|example\.com|\S+\.example\b|\S+\.pem\b|BEGIN CERTIFICATE|seen at \S+"
)
# Visible words, without machine text: that is the same in every language.
_TEXTS = """() => {
  const machine = "code, kbd, pre, samp, script, style, textarea, .mono, .mapline, .lvl, .auditmore, [lang=en]";
  const page = document.body.cloneNode(true);
  page.querySelectorAll(machine).forEach((node) => node.replaceWith(" "));
  page.querySelectorAll("*").forEach((node) => node.append(" ¦ "));
  const told = [...document.querySelectorAll("[aria-label], [title], [placeholder]")].flatMap((node) =>
    ["aria-label", "title", "placeholder"].map((name) => node.getAttribute(name) || ""));
  return [document.title, page.textContent, ...told].join(" | ");
}"""

Walk = Callable[[User | None, Iterable[str]], None]


def faults(page: Page) -> list[str]:
    """What is not German on the page that is open, each with the words around it."""
    text = TYPED.sub(" ", " ".join(str(page.evaluate(_TEXTS)).split()))
    found = [hit for pattern in (ENGLISH, ENGLISH_DATE, ENGLISH_NUMBER) for hit in pattern.finditer(text)]
    return [f"{hit[0]!r} in “{text[max(0, hit.start() - 40) : hit.end() + 40]}”" for hit in found]


@pytest.fixture
def walk(page: Page, live_server: LiveServer, sign_in: Callable[[User], None], axe: Callable[[Page], None]) -> Walk:
    """Open pages in German as somebody, on a phone, and ask of each what this file promises."""

    def walking(who: User | None, paths: Iterable[str]) -> None:
        if who is not None:
            sign_in(who)
        page.context.add_cookies([{"name": "django_language", "value": "de", "url": live_server.url}])
        page.emulate_media(reduced_motion="reduce")
        found: dict[str, list[str]] = {}
        for path in paths:
            page.set_viewport_size({"width": 390, "height": 844})
            page.goto(live_server.url + path)
            assert page.locator("html").get_attribute("lang") == "de", path
            found[path] = faults(page)
            if page.evaluate("document.documentElement.scrollWidth") > 390:
                found[path].append("scrolls sideways at 390 px")
            axe(page)
            _keep(page, path)
        assert {path: rows for path, rows in found.items() if rows} == {}

    return walking


def _keep(page: Page, path: str) -> None:
    """Keep the words of the page for whoever reads them over, if TLSPORTAL_SCREENSHOTS names a folder."""
    if folder := os.environ.get("TLSPORTAL_SCREENSHOTS"):
        name = re.sub(r"\W+", "-", path).strip("-") or "home"
        Path(folder, f"de-{name}.txt").write_text(page.inner_text("body"))
        page.screenshot(path=Path(folder, f"de-{name}.png"), full_page=True)


def test_the_door(walk: Walk) -> None:
    """Sign-in, forgotten password and what is not there."""
    walk(None, ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/", "/invitations/no/"])


def test_the_switch(page: Page, live_server: LiveServer) -> None:
    """A press on the language's own name changes it, and the page stays."""
    page.goto(live_server.url + "/accounts/login/?next=/partners/")
    page.click("button[name=language][value=de]")

    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/partners/$"))


def test_the_account(walk: Walk) -> None:
    """Password, second factor and sign-out."""
    walk(
        fill_house(),
        ["/accounts/password/change/", "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/logout/", "/no/"],
    )


def test_the_mail_team(walk: Walk) -> None:
    """The day of the mail team: what needs a hand, partners, releases, relays, what looks back, settings."""
    here = world()
    partner = Partner.objects.get(name="Fjordbank")
    channel = Channel.objects.get(partner=partner)
    detail = f"/partners/{channel.pk}/"
    team = ["/today/", "/partners/", "/partners/add/", detail, f"{detail}edit/", "/approvals/"]
    team += ["/releases/", "/releases/1/", "/releases/compare/?old=1&new=2", f"/candidates/{here.candidate.pk}/"]
    team += ["/export/", "/relays/", "/audit/", "/certificates/", "/settings/", "/settings/new-group/", "/alerts/"]
    team += ["/settings/notices/", f"/partners/{partner.pk}/notices/"]

    walk(here.ann, [*team, "/settings/groups/main/", f"/partners/{partner.pk}/invite/"])


def test_a_house_with_a_past(walk: Walk) -> None:
    """Thirteen agreements in every state: today and the list."""
    walk(fill_house(), ["/today/", "/partners/", "/certificates/", "/partners/?q=Nirgends"])


def test_a_partner_that_renewed(walk: Walk) -> None:
    """The verdict of a bad day, with its ways out and the two fingerprints."""
    channel = renewed()

    walk(User.objects.get(email="eda@house.example"), [f"/partners/{channel.pk}/", f"/partners/{channel.pk}/edit/"])


def test_management(walk: Walk) -> None:
    """Numbers, trend, outlook and exceptions."""
    fill_house()

    walk(person("ines", User.Role.MANAGEMENT), ["/compliance/", "/partners/"])


@pytest.mark.parametrize(
    "make", [brixner, waiting, half_way, broken, refused], ids=["quiet", "waiting", "half-way", "broken", "refused"]
)
def test_a_partner(make: Callable[[], Brixner], walk: Walk) -> None:
    """Each state of a partner's own page."""
    walk(make().contact, ["/portal/"])


def test_a_partners_upload(walk: Walk, page: Page, tmp_path: Path) -> None:
    """What was read, and a private key refused, in the partner's words."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    leaf = self_signed("mx1.brixner-achsen.example")
    certificate.write_text(leaf.pem)
    key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    walk(brixner().contact, ["/portal/help/", "/portal/"])

    for path in (certificate, key):
        page.go_back() if path == key else None
        page.set_input_files("input[type=file]", path)
        page.locator("form", has=page.locator("input[type=file]")).locator("[type=submit]").first.click()
        page.wait_for_load_state()
        assert faults(page) == []
