"""Every page of the demo, whole, on a screen, in the dark and on a phone; and how many bytes it costs."""

import os
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.demo import TEAM, Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.lab]

FIRST_LOAD_MAX, LATER_MAX = 300_000, 40_000  # bytes over the wire
START_SECONDS_MAX = 30.0
PAGES = {
    "eda": (
        "/today/",
        "/partners/",
        "/partners/?state=violated",
        "/partners/add/",
        "/partners/add/?fields=1",
        "/partners/?q=nobody-has-this",
        *(f"/partners/{number}/" for number in range(1, 18, 3)),
        "/partners/4/edit/",
        "/partners/2/invite/",
        "/releases/",
        "/releases/1/",
        "/releases/4/",
        "/releases/compare/?old=1&new=4",
        "/candidates/5/",
        "/export/",
        "/relays/",
        "/watch/",
        "/servers/",
        "/servers/providers/",
        "/audit/",
        "/certificates/",
        "/settings/",
        "/accounts/password/change/",
        "/accounts/2fa/",
    ),
    "anna": ("/settings/vantages/", "/approvals/", "/candidates/5/", "/settings/new-group/", "/settings/groups/main/"),
    "mara": ("/compliance/", "/compliance/?within=30", "/partners/"),
    "pia": ("/portal/", "/portal/help/"),
}


def test_starts_soon(demo: Demo) -> None:
    """The address of the demo is printed within half a minute."""
    crowded = max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))  # as many want to run for each that can
    assert demo.seconds < START_SECONDS_MAX * crowded


@pytest.mark.parametrize("who", PAGES)
def test_page_is_worth_showing(
    demo: Demo,
    who: str,
    complaints: list[str],
    axe: Callable[[Page], None],
) -> None:
    """Each page opens, pleases axe in both themes, fits a phone, and complains about nothing."""
    with demo.seen_by("eda" if who == "pia" else who, complaints) as page:
        demo.await_turns(page)
    bad = []
    with demo.seen_by(who, complaints) as page:
        for path in PAGES[who]:
            answer = page.goto(demo.url + path)
            status = answer.status if answer else 0
            if status != 200:
                bad.append(f"{path}: {status}")
                continue
            axe(page)
            page.emulate_media(color_scheme="dark")
            axe(page)
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": 390, "height": 844})
            if page.evaluate("document.documentElement.scrollWidth") > 390:
                bad.append(f"{path}: wider than a phone")
            page.set_viewport_size({"width": 1280, "height": 900})

    assert bad == []
    assert complaints == []


class Wire:
    """Counts the bytes that a page's responses took, headers and compression included."""

    def __init__(self, page: Page) -> None:
        """Listen from now on."""
        self._count, self._rows = 0, dict[str, int]()
        self._urls: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on(
            "Network.responseReceived", lambda told: self._urls.update({told["requestId"]: told["response"]["url"]})
        )
        session.on("Network.loadingFinished", self._finished)

    def _finished(self, told: dict[str, object]) -> None:
        octets = int(str(told["encodedDataLength"]).partition(".")[0])
        self._count += octets
        self._rows[self._urls.get(str(told["requestId"]), "?")] = octets

    def taken(self) -> int:
        """Return the bytes since the last call."""
        count, self._count = self._count, 0
        return count

    def rows(self) -> list[tuple[str, int]]:
        """Return what took most of the bytes since the last call."""
        rows, self._rows = self._rows, {}
        return sorted(rows.items(), key=lambda row: -row[1])[:8]


@pytest.mark.parametrize("who", [*TEAM[:1], "mara", "pia"])
def test_weight(demo: Demo, who: str, complaints: list[str]) -> None:
    """The first page with its styles, scripts and fonts is light, and each page after it lighter still."""
    with demo.seen_by(who, complaints):
        pass  # signing in was a load of its own, in another window
    weights, heavy = {}, dict[str, list[tuple[str, int]]]()
    with demo.seen_by(who, complaints) as page:
        wire = Wire(page)
        for path in ("/", *PAGES["eda" if who in TEAM else who]):
            page.goto(demo.url + path, wait_until="networkidle")
            weights[path] = wire.taken()
            heavy[path] = wire.rows()
    first = weights.pop("/")

    assert 20_000 < first <= FIRST_LOAD_MAX, heavy["/"]
    assert {path: heavy[path] for path, octets in weights.items() if octets > LATER_MAX} == {}
