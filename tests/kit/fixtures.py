"""The fixtures of the kit; tests/conftest.py makes them known to every test.

    ca               session   a root CA                                    tests.kit.ca
    smtpd            function  makes STARTTLS peers, closes them            tests.kit.smtpd, tests.kit.script
    lab              session   addresses of the private network             tests.kit.lab
    dns              function  zones, forgotten after the test              tests.kit.dns, tests.kit.zones
    dns_server       session   the same for fixtures of wider scope
    postfix          function  makes relays, closes them                     tests.kit.postfix, tests.kit.maillog
    debian13         session   Debian 13's Postfix: postfix(root=debian13)   tests.kit.rootfs
    redis_server     session   Redis on a unix socket                       tests.kit.redis
    postgres_server  session   PostgreSQL on a unix socket                  tests.kit.postgres
    browser          module    Chromium                                     tests.kit.browser
    page             function  a fresh page; its complaints fail the test   tests.kit.browser
    complaints       function  what the page complained about so far
    axe, shoot       session   accessibility, screenshots
    sign_in          function  gives the page a person's session

A server that a test stopped or killed is started again for the next.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from tests.kit.browser import CHROMIUM, assert_accessible, chromium, watched
from tests.kit.browser import shoot as browser_shoot
from tests.kit.ca import Certificate, root_ca
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.lab import lab as the_lab
from tests.kit.postfix import Postfix
from tests.kit.postgres import CLUSTER_USER, PostgresServer
from tests.kit.redis import RedisServer
from tests.kit.rootfs import Root, skip_without
from tests.kit.smtpd import Loop, Smtpd
from tests.kit.summary import pytest_terminal_summary  # noqa: F401  a hook of tests/conftest.py

Server = TypeVar("Server", RedisServer, PostgresServer)
_servers: list[RedisServer | PostgresServer] = []


@pytest.fixture(scope="session")
def ca() -> Certificate:
    """A root CA of this session."""
    return root_ca()


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The private network; tests that ask for it are skipped where there is none."""
    if not the_lab.is_entered:
        pytest.skip(the_lab.why_not)
    return the_lab


@pytest.fixture(scope="session")
def smtpd_loop() -> Iterator[Loop]:
    """The thread in which all peers of the session live."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def smtpd(smtpd_loop: Loop) -> Iterator[Smtpd]:
    """A factory of peers; they are closed after the test."""
    with Smtpd(smtpd_loop) as factory:
        yield factory


@pytest.fixture(scope="session")
def dns_server() -> Iterator[DnsServer]:
    """Authority and resolver of the session."""
    servers = DnsServer()
    servers.start()
    yield servers
    servers.close()


@pytest.fixture
def dns(dns_server: DnsServer) -> Iterator[DnsServer]:
    """Authority and resolver; zones and faults are forgotten after the test."""
    yield dns_server
    dns_server.reset()


@pytest.fixture
def postfix(lab: Lab) -> Iterator[Callable[..., Postfix]]:
    """A factory of running relays (the arguments of Postfix); they are closed after the test."""
    with contextlib.ExitStack() as relays:

        def start(**settings: Any) -> Postfix:
            relay = Postfix(**settings)
            relays.callback(relay.close)
            relay.start()
            return relay

        yield start


@pytest.fixture(scope="session")
def debian13(lab: Lab, dns_server: DnsServer) -> Iterator[Root]:
    """Debian 13 in a directory; tests that ask for it are skipped, with the reason, where it cannot be made."""
    with skip_without("trixie").entered() as root:
        yield root


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The session's Redis; it keeps what earlier tests wrote unless they clean up: `.client().flushall()`."""
    server = RedisServer()
    yield from _served(server)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL cluster."""
    server = PostgresServer()
    yield from _served(server)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of one file.

    Playwright's loop runs in the main thread until it is stopped, and so long asyncio starts no other one there.
    """
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is missing: apt-get install chromium")
    with pytest.MonkeyPatch.context() as environment, chromium() as running:
        # Playwright keeps an event loop in this thread while the test calls the ORM without one.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture
def complaints() -> list[str]:
    """What the page complained about; whatever is left at the end fails the test."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A page without cookies; a console error, a policy violation or a failed load fails the test."""
    context = watched(browser, complaints)
    yield context.new_page()
    context.close()
    if complaints:
        pytest.fail("the page complains:\n" + "\n".join(complaints))


@pytest.fixture
def sign_in(page: Page, live_server: LiveServer) -> Callable[[Any], None]:
    """Return a function that gives the page the session of a person."""

    def as_person(person: Any) -> None:
        client = Client()
        client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        name = settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])

    return as_person


@pytest.fixture(scope="session")
def axe() -> Callable[..., None]:
    """Return tests.kit.browser.assert_accessible."""
    return assert_accessible


@pytest.fixture(scope="session")
def shoot() -> Callable[[Page, str], list[Path]]:
    """Return tests.kit.browser.shoot."""
    return browser_shoot


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Put Django's test database into a cluster of the kit if TLSPORTAL_TEST_DATABASE=postgresql (pytest-django's hook)."""
    if os.environ.get("TLSPORTAL_TEST_DATABASE") == "postgresql":
        cluster: PostgresServer = request.getfixturevalue("postgres_server")
        place = {"HOST": str(cluster.directory), "NAME": "tlsportal", "USER": CLUSTER_USER, "OPTIONS": {}}
        connections.settings["default"].update({"ENGINE": "django.db.backends.postgresql", **place})
        connections["default"] = connections.create_connection("default")
    else:
        request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")


@pytest.fixture(autouse=True)
def servers_run_again() -> Iterator[None]:
    """Start what the test before has stopped, killed or frozen."""
    yield
    for server in _servers:
        server.ensure()


def _served(server: Server) -> Iterator[Server]:
    server.start()
    _servers.append(server)
    yield server
    _servers.remove(server)
    server.close()
