"""Cases drawn by lot, delivered and predicted as those of test_cases.py are.

TLSPORTAL_ORACLE_SEED=7 TLSPORTAL_ORACLE_RANDOM=500 draws 500 others of each kind.
"""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import pytest

from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.rootfs import Root
from tests.kit.smtpd import Loop, Smtpd
from tests.oracle import random_cases, wide_cases
from tests.oracle.trial import Record, compare
from tests.oracle.world import Placed, World

SEED = int(os.environ.get("TLSPORTAL_ORACLE_SEED", "1"))
COUNT = int(os.environ.get("TLSPORTAL_ORACLE_RANDOM", "30"))
WANTED = os.environ.get("TLSPORTAL_ORACLE_CASES", "*")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(dns_server: DnsServer, lab: Lab, smtpd_loop: Loop) -> Iterator[tuple[World, Sequence[Placed]]]:
    """Zones and peers of the cases of this seed."""
    drawn = (*random_cases.draw(SEED, COUNT), *wide_cases.draw(SEED, COUNT))
    cases = [case for case in drawn if any(fnmatchcase(case.name, one) for one in WANTED.split(","))]
    with Smtpd(smtpd_loop) as smtpd:
        made = World(dns_server, lab, smtpd)
        yield made, made.place(cases)
    dns_server.reset()


def test_this_machines_postfix(world: tuple[World, Sequence[Placed]], record_property: Record) -> None:
    """Whatever is drawn, Postfix does what is predicted."""
    compare(*world, None, record_property)


def test_debian_13(world: tuple[World, Sequence[Placed]], debian13: Root, record_property: Record) -> None:
    """So does the Postfix of Debian 13."""
    compare(*world, debian13, record_property)
