"""The demo as people meet it: `manage.py up --demo`, a real browser, and each audience signed in by its own form."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.kit.browser import watched
from tests.setup.portal import Portal

__all__ = ["LANGUAGES", "LOGIN", "TEAM", "Demo", "sign_in"]

LANGUAGES = ("en", "de")
TEAM = ("anna", "ben", "eda")
TURNS_SECONDS = 150.0
LOGIN = re.compile(r"demo login: (?P<email>(?P<name>\w+)@\S+) .*?(?P<password>\S+)$")


def sign_in(page: Page, url: str, email: str, password: str) -> None:
    """Sign in by the form, as people do."""
    page.goto(f"{url}/accounts/login/")
    page.fill("#id_login", email)
    page.fill("#id_password", password)
    page.locator("#id_password").press("Enter")
    page.wait_for_url(lambda now: "/accounts/login/" not in now)


class Demo:
    """A running demo. seconds: how long its start took."""

    def __init__(self, directory: Path, browser: Browser) -> None:
        """Start it."""
        begun = time.monotonic()
        self.portal = Portal(directory, "--demo")
        self.seconds = time.monotonic() - begun
        self.url = f"http://127.0.0.1:{self.portal.port}"
        found = [hit for line in self.portal.lines if (hit := LOGIN.search(line))]
        self._logins = {hit["name"]: (hit["email"], hit["password"]) for hit in found}
        self._browser = browser
        self._sessions: dict[str, Any] = {}

    @contextmanager
    def seen_by(self, name: str, complaints: list[str], language: str = "en") -> Iterator[Page]:
        """Give a page of a new window in which *name* is signed in; what it complains about joins *complaints*."""
        context = watched(self._browser, complaints)
        page = context.new_page()
        if name not in self._sessions:
            email, password = self._logins[name]
            sign_in(page, self.url, email, password)
            self._sessions[name] = context.cookies()
        context.add_cookies(self._sessions[name])
        context.add_cookies([{"name": "django_language", "value": language, "url": self.url}])
        page.emulate_media(reduced_motion="reduce")
        yield page
        context.close()

    def await_turns(self, page: Page) -> None:
        """Wait, as somebody who may see the list, until the last turn of the demo was seen."""
        deadline = time.monotonic() + TURNS_SECONDS
        page.goto(f"{self.url}/partners/?q=harbor&state=violated")
        while not page.locator("tbody a").count() and time.monotonic() < deadline:
            page.wait_for_timeout(1000)
            page.reload()

    def close(self) -> None:
        """End it."""
        self.portal.close()
