"""How far a round is, as it tells itself: kept for the page of the running cycle."""

from datetime import timedelta

import pytest

from partners.actions.cycles import ROUNDS_KEPT, RoundTally, end_visit, forget_rounds, tell_round
from partners.actions.cycles import tell_visit as visit
from partners.core.observation import PERMISSIVE, NotMeasured, NotMeasuredCause, PeerFacts, Stage, TlsFacts
from partners.models import RoundRow
from partners.models.rounds import SILENT_AFTER
from tests.actions.people import NOON

pytestmark = pytest.mark.django_db

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def met(address: str = "192.0.2.1", ms: int = 40) -> PeerFacts:
    tls = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", ())
    return PeerFacts(address, 25, PERMISSIVE, NOON, Stage.DONE, tls=tls, duration_ms=ms)


def missed(address: str = "192.0.2.9", cause: NotMeasuredCause = NotMeasuredCause.CONNECT_TIMEOUT) -> NotMeasured:
    return NotMeasured(address, 25, PERMISSIVE, NOON, cause, duration_ms=10_000)


def test_a_tally_keeps_who_was_slow_and_who_failed() -> None:
    """One row of each address, the slowest first; the cause beside it."""
    tally = RoundTally()

    for outcome in (met(ms=40), met(ms=900), met("192.0.2.2", 70), missed()):
        tally.take(outcome)

    assert (tally.endpoints, tally.handshakes, tally.troubled) == (4, 3, 1)
    assert [(one["address"], one["ms"]) for one in tally.slowest] == [
        ("192.0.2.9", 10_000),
        ("192.0.2.1", 900),
        ("192.0.2.2", 70),
    ]
    assert [one["cause"] for one in tally.failed] == ["connect-timeout"]


def test_a_tally_stays_small() -> None:
    """However many sessions a round has, a few are told; what was cancelled was no session."""
    tally = RoundTally()

    for number in range(100):
        tally.take(missed(f"192.0.2.{number}"))
    tally.take(missed(cause=NotMeasuredCause.CANCELLED))

    assert (tally.endpoints, len(tally.slowest), len(tally.failed)) == (100, 8, 8)


def test_a_round_is_one_row_however_often_it_tells() -> None:
    """The first time makes it, the last one ends it."""
    tally = RoundTally()
    pk = tell_round(None, "due", tally, begun_at=NOON, now=NOON + SECOND)
    tally.take(met())

    assert tell_round(pk, "due", tally, begun_at=NOON, now=NOON + MINUTE, is_over=True) == pk
    row = RoundRow.objects.get()
    assert (row.begun_at, row.finished_at, row.endpoints) == (NOON, NOON + MINUTE, 1)


def test_reports_from_elsewhere_add_up_to_a_spell() -> None:
    """As long as they come; whoever asks and finds nothing due ends it."""
    visit("dmz", [met(), missed()], now=NOON)
    visit("dmz", [met("192.0.2.3", 2000)], now=NOON + 20 * SECOND)
    end_visit("dmz")

    row = RoundRow.objects.get()
    assert (row.vantage, row.endpoints, row.troubled) == ("dmz", 3, 1)
    assert row.finished_at == NOON + 20 * SECOND
    assert row.slowest[1]["address"] == "192.0.2.3"


def test_after_a_silence_it_is_another_spell() -> None:
    """The first one ended with its last report."""
    visit("dmz", [met()], now=NOON)
    visit("dmz", [met()], now=NOON + SILENT_AFTER + SECOND)

    first, second = RoundRow.objects.order_by("pk")
    assert (first.finished_at, second.finished_at) == (NOON, None)


def test_old_rounds_are_forgotten() -> None:
    """Two days are enough to see what is usual."""
    for age in (ROUNDS_KEPT + MINUTE, MINUTE):
        tell_round(None, "due", RoundTally(), begun_at=NOON - age, now=NOON - age, is_over=True)

    assert forget_rounds(now=NOON) is False
    assert RoundRow.objects.count() == 1
