"""Chromium on the live server, with eyes: what the console, the policy and the network complain about fails the test.

    def test_partner_list(page, live_server, sign_in, axe, shoot):
        sign_in(editor)                              the session cookie of *editor*, no form
        page.goto(live_server.url + "/partners/")
        axe(page)                                    accessibility violations, printed; none is allowed
        shoot(page, "partners-list")                 light, dark and 390 px into $TLSPORTAL_SCREENSHOTS, if that is set

    complaints.clear()      for a test in which a page is meant to fail; fixture `complaints`
    context.set_offline(), browser.new_context(...)      Playwright's own; `browser` lives as long as its file of tests

A document may answer 403 or 404; anything that a page loads may not. Passkeys need the name "localhost":
page.goto(live_server.url.replace("127.0.0.1", "localhost")).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    WebError,
    expect,
    sync_playwright,
)

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",  # root has no user namespace of its own
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TIMEOUT_MS = 20_000
SCREENSHOTS = "TLSPORTAL_SCREENSHOTS"

# Chromium tells the console only about some violations; the event tells all.
_WATCH_POLICY = """
addEventListener("securitypolicyviolation", (event) => console.error(
  `content security policy: ${event.violatedDirective} blocks ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`
));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium without a window."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def watched(browser: Browser, complaints: list[str]) -> BrowserContext:
    """Return a fresh context (cookies, cache) whose complaints are added to *complaints*."""
    context = browser.new_context(viewport={"width": WIDE["width"], "height": WIDE["height"]}, locale="en-GB")
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(_WATCH_POLICY)

    def console(message: ConsoleMessage) -> None:
        # "Failed to load resource" comes for documents too; loaded() tells those apart.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            complaints.append(f"console {message.type}: {message.text}")

    def thrown(error: WebError) -> None:
        complaints.append(f"uncaught: {error.error}")

    def loaded(response: Response) -> None:
        if response.status >= 500 or (response.status >= 400 and response.request.resource_type != "document"):
            complaints.append(f"{response.status} for {response.request.resource_type} {response.url}")

    context.on("console", console)
    context.on("weberror", thrown)
    context.on("response", loaded)
    return context


def assert_accessible(page: Page, context: str | None = None) -> None:
    """Fail, naming each rule and element, if axe finds a violation on *page* (or below the selector *context*)."""
    page.wait_for_load_state()  # while the page is still read, axe meets nodes that have no document
    results = Axe().run(page, context=context)
    if results.violations_count:
        raise AssertionError(f"{page.url}: {results.violations_count} axe violations\n{results.generate_report()}")


def shoot(page: Page, name: str) -> list[Path]:
    """Take *page* in light, dark and 390 px wide; nothing happens unless TLSPORTAL_SCREENSHOTS names a folder."""
    folder = os.environ.get(SCREENSHOTS)
    if not folder:
        return []
    Path(folder).mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    views: tuple[tuple[str, Literal["light", "dark"], dict[str, int]], ...] = (
        ("light", "light", WIDE),
        ("dark", "dark", WIDE),
        ("390", "light", NARROW),
    )
    taken = []
    for suffix, scheme, view in views:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": view["width"], "height": view["height"]})
        taken.append(Path(folder, f"{name}-{suffix}.png"))
        page.screenshot(path=taken[-1], full_page=True)
    if size:
        page.set_viewport_size(size)
    page.emulate_media(color_scheme="light")
    return taken
