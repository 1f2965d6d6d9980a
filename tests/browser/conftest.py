"""One demo for all tests of a file that ask for it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.demo import Demo


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The running demo; tests leave their own marks in it, and none undoes what another one saw."""
    running = Demo(tmp_path_factory.mktemp("demo") / "data", browser)
    yield running
    running.close()
