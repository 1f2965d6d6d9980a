"""What every test gets: a network of its own and the fixtures of tests/kit."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import settings as hypothesis_settings

from tests.kit.fixtures import *  # noqa: F403
from tests.kit.lab import lab as the_lab
from tests.kit.lifted import lifted

# How long one example takes says something about the load of the machine alone.
hypothesis_settings.register_profile("tlsportal", deadline=None)
hypothesis_settings.load_profile("tlsportal")


def pytest_configure(config: pytest.Config) -> None:
    """Enter the lab before any thread starts; under xdist the workers do, each for itself."""
    config.addinivalue_line("markers", "lab: needs the private network of tests/kit/lab.py (root)")
    spawns_workers = bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")
    if not spawns_workers:
        the_lab.enter()


def pytest_report_header() -> str:
    """Say whether the tests have a network of their own."""
    return f"lab: {the_lab.why_not or 'a private network, no way outside'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with what takes long, so that they end together; skip the tests marked `lab` without one."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if the_lab.is_entered:
        return
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.skip(reason=the_lab.why_not))


@pytest.fixture(autouse=True, scope="session")
def _tables_can_be_emptied() -> Iterator[None]:
    """Lift the rules for what was released after a test that committed: on SQLite its rows go by DELETE."""
    empty = TransactionTestCase._fixture_teardown

    def lifting(case: TransactionTestCase) -> None:
        if connection.vendor != "sqlite":
            empty(case)
            return
        with lifted():
            empty(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lifting)
        yield


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """Leave no language behind: a page that was read in German would make the next test's messages German."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _no_pause(settings: pytest.FixtureRequest) -> None:
    """Let tests speak to one address again and again; those of the pause set it."""
    settings.PROBE_PAUSE_SECONDS = 0


@pytest.fixture(autouse=True)
def _plain_static(settings: pytest.FixtureRequest) -> None:
    """Name static files as they are: a manifest exists only where files were collected."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def _no_worker_expected(settings: pytest.FixtureRequest) -> None:
    """No cycle ever ends here, which is no alarm; a test that is about it says so."""
    settings.CYCLE_LATE_MINUTES = 0
