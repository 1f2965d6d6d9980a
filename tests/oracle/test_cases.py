"""Every case of tests/oracle/cases, delivered by a real Postfix and predicted by `manage.py predict --jsonl`.

TLSPORTAL_ORACLE_CASES="dane-*,wildcard-*" runs only those; TLSPORTAL_ORACLE_REPORT=PATH writes what differs, with the
lines of the log and the question asked, to PATH.<release>.md, and all that Postfix did to PATH.<release>.txt.
"""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import pytest

from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.rootfs import Root
from tests.kit.smtpd import Loop, Smtpd
from tests.oracle.case import Case
from tests.oracle.cases import ALL
from tests.oracle.trial import Record, compare
from tests.oracle.world import Placed, World, names_of

AT_LEAST = 400

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(dns_server: DnsServer, lab: Lab, smtpd_loop: Loop) -> Iterator[tuple[World, Sequence[Placed]]]:
    """Zones and peers of all cases; both releases meet the same."""
    with Smtpd(smtpd_loop) as smtpd:
        made = World(dns_server, lab, smtpd)
        yield made, made.place(_asked_for())
    dns_server.reset()


def test_each_case_has_a_name_and_says_what_it_shows() -> None:
    """At least 400 cases, each with a name of its own and a line."""
    assert len(names_of(ALL)) >= AT_LEAST
    assert [case.name for case in ALL if len(case.shows) < 12 or "\n" in case.shows] == []


def test_this_machines_postfix(world: tuple[World, Sequence[Placed]], record_property: Record) -> None:
    """Status, TLS word, plaintext, code and host are those of the prediction, for every case."""
    compare(*world, None, record_property)


def test_debian_13(world: tuple[World, Sequence[Placed]], debian13: Root, record_property: Record) -> None:
    """The same with the Postfix of Debian 13."""
    compare(*world, debian13, record_property)


def _asked_for() -> list[Case]:
    patterns = os.environ.get("TLSPORTAL_ORACLE_CASES", "*").split(",")
    return [case for case in ALL if any(fnmatchcase(case.name, pattern) for pattern in patterns)]
