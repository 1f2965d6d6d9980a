"""Pictures of every page: each audience's, in light, dark and 390 px, in English and German, into one folder.

    .venv/bin/python -m tests.browser.pictures FOLDER [--only WORD] [--language en] [--view phone] [--log LOG]

starts the demo and a portal without a partner, waits until the demo told its story, takes the pictures and ends both.
--log takes the pictures of a demo that runs already; LOG is the file that its `up --demo` writes to.
What a reader would meet as a fault (a page wider than the phone, a refused style, a missing page) is printed at the end.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Error, Page

from tests.browser.demo import LANGUAGES, LOGIN, sign_in
from tests.browser.pictures_of import PAGES, PREPARED
from tests.kit.browser import NARROW, WIDE, chromium, watched
from tests.setup.portal import Portal

VIEWS = {"light": ("light", WIDE), "dark": ("dark", WIDE), "phone": ("light", NARROW)}
_AT = re.compile(r"the portal is at (?P<url>http://[^/]+)/")
_FIRST = re.compile(r"http://\S+?(?P<path>/invitations/\S+)")
STORY_MS = 120_000


def main() -> int:
    """Take the pictures that the command line asks for; exit 1 if a page is not fit to be shown."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--only", default="", help="only pages whose picture's name holds this word")
    asked.add_argument("--language", choices=LANGUAGES, action="append")
    asked.add_argument("--view", choices=VIEWS, action="append")
    asked.add_argument("--log", type=Path, help="of a demo that runs already")
    told = asked.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as scratch:
        camera = Camera(browser, told.folder, told.only, told.language or LANGUAGES, told.view or tuple(VIEWS))
        with _demo(told.log, Path(scratch) / "demo") as lines:
            camera.take_demo(lines, wait=told.log is None)
        if told.log is None:
            camera.take_empty(Path(scratch) / "empty")
    for fault in camera.faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{camera.taken} pictures in {told.folder}, {len(camera.faults)} faults\n")
    return 1 if camera.faults else 0


@contextmanager
def _demo(log: Path | None, directory: Path) -> Iterator[list[str]]:
    """Give the lines that a demo wrote at its start: of *log*, or of one that runs for this long."""
    if log is not None:
        yield log.read_text().splitlines()
        return
    portal = Portal(directory, "--demo")
    yield portal.lines
    portal.close()


class Camera:
    """Takes pages in each language and view that was asked for. faults: what nobody should be shown."""

    def __init__(
        self, browser: Browser, folder: Path, only: str, languages: tuple[str, ...], views: tuple[str, ...]
    ) -> None:
        """Put no film in yet."""
        self._browser, self._folder, self._only = browser, folder, only
        self._languages, self._views = languages, views
        self.taken, self.faults = 0, list[str]()

    def take_demo(self, lines: list[str], *, wait: bool) -> None:
        """Take all pages of the demo whose start wrote *lines*."""
        text = "\n".join(lines)
        url = _AT.search(text)
        assert url, "the demo did not start"
        logins = {hit["name"]: (hit["email"], hit["password"]) for line in lines if (hit := LOGIN.search(line))}
        for who, pages in PAGES.items():
            login = logins.get(who)
            self._take_all(url["url"], who, login, pages, wait=wait and who == "anna")

    def take_empty(self, directory: Path) -> None:
        """Take what the first person of a portal without a partner sees."""
        portal = Portal(directory)
        url = f"http://127.0.0.1:{portal.port}"
        first = _FIRST.search("\n".join(portal.lines))
        assert first, "no link for the first person"
        complaints: list[str] = []
        context = watched(self._browser, complaints)
        page = context.new_page()
        page.goto(url + first["path"])
        for name, view in VIEWS.items():
            self._take(page, f"first-invitation.en.{name}", view)
        page.fill("#id_name", "First Person")
        page.fill("#id_password", "correct horse battery 9")
        page.locator("#id_password").press("Enter")
        page.wait_for_load_state()
        for language in self._languages:
            self._pages(context, page, url, "first", PAGES["first"], language)
        context.close()
        portal.close()

    def _take_all(
        self, url: str, who: str, login: tuple[str, str] | None, pages: dict[str, str], *, wait: bool
    ) -> None:
        if who == "first" or not any(self._only in f"{who}-{name}" for name in pages):
            return
        complaints: list[str] = []
        context = watched(self._browser, complaints)
        page = context.new_page()
        if login:
            sign_in(page, url, *login)
        if wait:
            page.goto(f"{url}/partners/?q=harbor")
            page.wait_for_timeout(STORY_MS)
        for language in self._languages:
            self._pages(context, page, url, who, pages, language)
        self.faults += [f"{who}: {complaint}" for complaint in dict.fromkeys(complaints)]
        context.close()

    def _pages(
        self, context: BrowserContext, page: Page, url: str, who: str, pages: dict[str, str], language: str
    ) -> None:
        context.add_cookies([{"name": "django_language", "value": language, "url": url}])
        for name, path in pages.items():
            if self._only not in f"{who}-{name}":
                continue
            try:
                PREPARED[name](page, url) if name in PREPARED else page.goto(url + path)
            except Error as fault:
                self.faults.append(f"{who}-{name}: {fault.message.splitlines()[0]}")
                continue
            for view in self._views:
                self._take(page, f"{who}-{name}.{language}.{view}", VIEWS[view])

    def _take(self, page: Page, name: str, view: tuple[str, dict[str, int]]) -> None:
        scheme, size = view
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        page.screenshot(path=self._folder / f"{name}.png", full_page=True)
        self.taken += 1
        wide = int(page.evaluate("document.documentElement.scrollWidth"))
        if wide > size["width"]:
            self.faults.append(f"{name}: {wide} px wide")


if __name__ == "__main__":
    sys.exit(main())
