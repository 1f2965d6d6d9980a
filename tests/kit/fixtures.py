"""The fixtures of the kit; tests/conftest.py makes them known to every test.

    ca               session   a root CA                                    tests.kit.ca
    smtpd            function  makes STARTTLS peers, closes them            tests.kit.smtpd, tests.kit.script
    lab              session   addresses of the private network             tests.kit.lab
    dns              function  zones, forgotten after the test              tests.kit.dns, tests.kit.zones
    dns_server       session   the same for fixtures of wider scope
    postfix          function  makes relays, closes them                     tests.kit.postfix, tests.kit.maillog
    redis_server     session   Redis on a unix socket                       tests.kit.redis
    postgres_server  session   PostgreSQL on a unix socket                  tests.kit.postgres

A server that a test stopped or killed is started again for the next.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from tests.kit.ca import Certificate, root_ca
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.lab import lab as the_lab
from tests.kit.postfix import Postfix
from tests.kit.postgres import PostgresServer
from tests.kit.redis import RedisServer
from tests.kit.smtpd import Loop, Smtpd

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
def postfix(lab: Lab) -> Iterator[Callable[..., Postfix]]:  # noqa: ARG001
    """A factory of running relays (the arguments of Postfix); they are closed after the test."""
    with contextlib.ExitStack() as relays:

        def start(**settings: Any) -> Postfix:
            relay = Postfix(**settings)
            relays.callback(relay.close)
            relay.start()
            return relay

        yield start


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
