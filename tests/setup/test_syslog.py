"""The journal in the house's syslog: RFC 5424 with JSON, sent and never waited for."""

import json
import logging
import re
import socket
import time

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from partners.actions import audit
from partners.actions.journal import JOURNAL
from tests.actions.people import NOON, editor
from tlsportal.syslog import SyslogHandler, demand_place

_SHAPE = re.compile(r"<(\d+)>1 (\S+) (\S+) tlsportal (\d+) (\S+) - (\{.*\})", re.ASCII)


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(2)
        yield one


@pytest.fixture
def journal(receiver):
    """The journal's logger, sent to the receiver."""
    logger, handler = logging.getLogger(JOURNAL), SyslogHandler(f"udp://127.0.0.1:{receiver.getsockname()[1]}")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    handler.close()


@pytest.mark.django_db(transaction=True)
class TestJournal:
    def test_an_audit_entry(self, journal, receiver):
        """One datagram: facility log audit, the act as message id, the entry as JSON."""
        entry = audit.record("probe.asked", "nexthop bücher.example\n", by=editor(), now=NOON, detail={"a": 1})

        found = _SHAPE.fullmatch(receiver.recv(9000).decode("ascii"))
        assert (found[1], found[5]) == (str(13 * 8 + 6), "probe.asked")
        told = json.loads(found[6])
        assert (told["number"], told["act"], told["entry_hash"]) == (entry.pk, "probe.asked", entry.entry_hash)
        assert told["subject"] == "nexthop bücher.example\n"

    def test_not_before_it_is_kept(self, journal, receiver):
        """What is rolled back was never told."""
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            audit.record("probe.asked", "nexthop a", by=None, now=NOON)
            _ = 1 / 0

        receiver.settimeout(0.2)
        with pytest.raises(TimeoutError):
            receiver.recv(9000)

    def test_a_long_entry_stays_json(self, journal, receiver):
        """It fits one datagram and says what was left out."""
        audit.record("policy.imported", "x", by=None, now=NOON, detail={"lines": ["y" * 100] * 200})

        told = json.loads(_SHAPE.fullmatch(receiver.recv(70_000).decode())[6])
        assert told["left_out"] == ["detail"]

    def test_nobody_listens(self, receiver, journal):
        """A dead receiver costs no time and no act."""
        receiver.close()
        begun = time.monotonic()
        for number in range(5):
            audit.record("probe.asked", f"nexthop {number}", by=None, now=NOON)

        assert time.monotonic() - begun < 1
        assert journal.lost > 0


def test_a_socket_that_is_not_there(tmp_path):
    """Dropped and counted, never raised."""
    handler = SyslogHandler(f"unix://{tmp_path}/no-such-socket")
    handler.handle(logging.makeLogRecord({"msg": "x", "levelno": logging.INFO}))

    assert handler.lost == 1


@pytest.mark.parametrize(
    "text",
    ["udp://logs.example.com:514", "tcp://192.0.2.1:514", "udp://192.0.2.1:0", "unix://dev/log", "x", "udp://[::1"],
)
def test_a_place_that_could_wait_is_refused(text):
    """A name would be looked up while somebody waits; each refusal shows how to write it."""
    with pytest.raises(ImproperlyConfigured, match=r"udp://192\.0\.2\.1:514"):
        demand_place(text)
