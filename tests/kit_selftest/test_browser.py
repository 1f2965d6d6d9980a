"""The browser of the kit, on pages of its own and on the portal's sign-in page."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

pytestmark = pytest.mark.browser


def test_opens_the_portal_inside_the_lab(page: Page, live_server: LiveServer):
    """Chromium reaches Django's live server on the loopback of the private network."""
    answer = page.goto(f"{live_server.url}/accounts/login/")

    assert answer is not None
    assert answer.status == 200
    assert page.locator("input[name=password]").is_visible()


def test_script_errors_and_policy_violations_are_complaints(page: Page, complaints: list[str]):
    """What the console, an exception or the policy says is collected."""
    page.route("http://kit.invalid/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.goto("http://kit.invalid/")
    page.wait_for_timeout(100)

    assert any("console error: spoken" in complaint for complaint in complaints)
    assert any("content security policy: script-src" in complaint for complaint in complaints)
    complaints.clear()


def test_axe_names_what_is_wrong(page: Page, axe: Callable[..., None]):
    """An image without a text is a violation, and the report names the rule."""
    page.set_content("<!doctype html><html lang=en><title>t</title><main><h1>h</h1><img src='data:,'></main>")

    with pytest.raises(AssertionError, match="image-alt"):
        axe(page)


def test_screenshots_go_where_the_environment_says(
    page: Page, shoot: Callable[[Page, str], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Three pictures a page: light, dark and narrow."""
    monkeypatch.setenv("TLSPORTAL_SCREENSHOTS", str(tmp_path))
    page.set_content("<h1>Hello</h1>")

    assert [path.name for path in shoot(page, "hello")] == ["hello-light.png", "hello-dark.png", "hello-390.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())


PAGE = """<!doctype html><html lang="en"><meta http-equiv="Content-Security-Policy" content="script-src 'nonce-a'">
<title>t</title><script nonce="a">console.error("spoken")</script><script>alert("blocked")</script></html>"""
