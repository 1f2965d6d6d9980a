"""Workers that judge the partners of one place at the same moment: one alert, a part for each, on PostgreSQL too."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections

from partners.actions.alerts import close_calm
from partners.actions.judging import judge_nexthops
from partners.actions.notices import claim_deliveries
from partners.core.alarms import STEADY
from partners.models import Alert, AlertDelivery, AlertPartner, Nexthop, NoticeTarget
from tests.actions.people import editor
from tests.actions.watched import NOON, ask_dns, publish, see, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db(transaction=True)
LEAF, OTHER = self_signed("mx.example.com"), self_signed("mx.example.com")
LATER = NOON + timedelta(hours=2)
WORKERS = 4


@pytest.fixture
def nexthops() -> list[Nexthop]:
    """Twelve partners of one provider, seen as agreed; the map then asks for another certificate."""
    eda = editor()
    NoticeTarget.objects.create(via="mail", address="team@house.example", added_by=eda, added_at=NOON)
    rows = [watched(f"p{number}.example", by=eda) for number in range(12)]
    for number, leaf in enumerate((LEAF, OTHER), start=1):
        lines = (f"{row.key}\tfingerprint match={leaf.cert_fingerprint()}\n" for row in rows)
        publish("".join(lines), by=eda, number=number, at=NOON - timedelta(hours=3 - number))
        if number == 1:
            for row in rows:
                ask_dns(row)
            see(LEAF)
    return rows


def at_once(*jobs) -> None:
    """Run each of *jobs* in a thread of its own, all begun together."""
    gate, ended = threading.Barrier(len(jobs)), []

    def run(job) -> None:
        try:
            gate.wait(timeout=10)
            job()
            ended.append(job)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(ended) == len(jobs)


def test_one_alert(nexthops: list[Nexthop]) -> None:
    """They meet at its grouping; who comes second joins it, and one message is planned."""
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("threads share the one connection of a database in memory")
    parts = [[row.pk for row in nexthops[number::WORKERS]] for number in range(WORKERS)]

    at_once(*(lambda pks=pks: judge_nexthops(pks, now=LATER) for pks in parts))
    judge_nexthops([row.pk for row in nexthops], now=LATER)  # as the next tick does for whoever was too late

    assert Alert.objects.count() == 1
    assert AlertPartner.objects.count() == 12
    assert AlertDelivery.objects.filter(kind="raised").count() == 1


def test_one_message(nexthops: list[Nexthop]) -> None:
    """Of two who claim at once, one has it; of two who end it at once, one plans the recovery."""
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("threads share the one connection of a database in memory")
    judge_nexthops([row.pk for row in nexthops], now=LATER)
    taken: list[int] = []
    at_once(*(lambda: taken.extend(one.delivery.pk for one in claim_deliveries(9, now=LATER + STEADY)),) * WORKERS)
    assert len(taken) == 1

    AlertDelivery.objects.update(sent_at=LATER, next_try_at=None, lease_token="")
    AlertPartner.objects.update(calm_since=LATER)
    at_once(*(lambda: close_calm(now=LATER + STEADY),) * WORKERS)
    assert AlertDelivery.objects.filter(kind="recovered").count() == 1
