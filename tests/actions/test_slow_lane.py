"""The slow lane as rows: which addresses it is left with, what its answers are worth, and whose patience it has."""

from datetime import timedelta

import pytest

from partners.actions.leases import claim_addresses, due_soon
from partners.actions.patience import patience_at
from partners.actions.probing import record_peers
from partners.actions.relay_groups import ensure_group
from partners.core.observation import NotMeasuredCause
from partners.core.slow_lane import QUICK_TO_LEAVE, Patience
from partners.models import Address, RelayGroup, VerdictRow
from tests.actions.people import editor
from tests.actions.watched import NOON, ask_dns, measured, not_measured, publish, watched
from tests.kit.ca import self_signed

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
LEAF = self_signed("mx.example.com")


def look(turn, *, is_slow, seconds=None, cause=NotMeasuredCause.TIMEOUT):
    """Claim the address in the lane asked for and record a session of *seconds*, or none for *cause*."""
    at = NOON + turn * 24 * HOUR
    (claim,) = claim_addresses(1, now=at, is_slow=is_slow)
    seen = not_measured(claim, cause, at=at) if seconds is None else measured(
        claim, LEAF, at=at, duration_ms=seconds * 1000
    )  # fmt: skip
    assert record_peers([seen], now=at) == 1
    return Address.objects.get()


@pytest.fixture
def slow():
    """An address that timed out twice in a row."""
    row = watched(level="encrypt", agreed="encrypted")
    publish("example.com\tencrypt\n", by=editor("eva"))
    ask_dns(row)
    look(0, is_slow=False)
    look(1, is_slow=False, cause=NotMeasuredCause.CONNECT_TIMEOUT)
    return row


def test_two_time_outs_lead_to_the_slow_lane(slow):
    """From then on the fast lane claims it no more, the slow lane does."""
    later = NOON + 48 * HOUR

    assert Address.objects.get().is_slow
    assert claim_addresses(9, now=later) == []
    assert not due_soon(48 * HOUR, now=NOON)
    assert len(claim_addresses(9, now=later, is_slow=True)) == 1


def test_one_time_out_does_not():
    """A time-out and a refused connection are not two time-outs in a row."""
    ask_dns(watched())
    look(0, is_slow=False)
    look(1, is_slow=False, cause=NotMeasuredCause.CONNECT_REFUSED)

    assert not look(2, is_slow=False).is_slow


def test_a_late_answer_is_a_verdict(slow):
    """A peer that answers after 50 s is one that Postfix reaches: delivered, not unknown."""
    assert VerdictRow.objects.get().delivery == "unknown"

    row = look(2, is_slow=True, seconds=50)

    assert VerdictRow.objects.get().delivery == "deliver"
    assert row.is_slow
    assert row.failing_since is None


def test_a_late_answer_stays_known(slow):
    """The next looks are the slow lane's as well: the fast one never makes it unknown in between."""
    for turn in range(2, 8):
        look(turn, is_slow=True, seconds=50)
        assert claim_addresses(9, now=NOON + (turn + 1) * 24 * HOUR) == []
        assert VerdictRow.objects.get().delivery == "deliver"


def test_a_peer_that_is_quick_again_leaves(slow):
    """After several quick looks in a row it is the fast lane's."""
    for turn in range(QUICK_TO_LEAVE):
        row = look(2 + turn, is_slow=True, seconds=1)

    assert not row.is_slow
    assert len(claim_addresses(9, now=NOON + 240 * HOUR)) == 1


def test_time_out_of_the_slow_lane(slow):
    """Nobody waits longer than Postfix: it stays unknown, and is tried less and less."""
    row = look(2, is_slow=True)

    assert row.is_slow
    assert row.due_at > NOON + 48 * HOUR + 3 * HOUR
    assert VerdictRow.objects.get().delivery == "unknown"


def test_asked_for_first(slow):
    """For whom somebody waits goes before what is due for longer."""
    ask_dns(watched("b.example"), "192.0.2.2")
    Address.objects.update(is_slow=True, due_at=NOON)
    Address.objects.filter(address="192.0.2.2").update(asked_at=NOON, due_at=NOON + HOUR)

    assert [one.address for one in claim_addresses(1, now=NOON + HOUR, is_slow=True)] == ["192.0.2.2"]


def test_patience_of_the_relays():
    """The relay group's own time-outs count, for the vantage that it is judged from."""
    ensure_group(now=NOON)
    RelayGroup.objects.update(main_cf={"smtp_helo_timeout": "2m", "smtp_connect_timeout": "10"}, vantage="dmz")

    assert patience_at("dmz") == Patience(10, 120, 300)
    assert patience_at() == Patience(30, 300, 300)


def test_settings_that_cannot_be_read():
    """They stop no probe: Postfix's own time-outs stand in."""
    ensure_group(now=NOON)
    RelayGroup.objects.update(main_cf={"smtp_helo_timeout": "soon"})

    assert patience_at() == Patience(30, 300, 300)
