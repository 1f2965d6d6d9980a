"""The slow lane: who enters it, who leaves it, and how long it waits."""

from datetime import timedelta

import pytest

from partners.core.slow_lane import QUICK, QUICK_TO_LEAVE, Lane, Patience, next_lane, patience_among
from partners.probe.limits import Limits

FAST, SLOW = Lane(), Lane(is_slow=True)
SECOND = timedelta(seconds=1)


def after(lane: Lane, *looks: int | None) -> Lane:
    """The lane after *looks*: seconds of a session that gave a fact, None for a time-out."""
    for seconds in looks:
        longest = None if seconds is None else seconds * SECOND
        lane = next_lane(lane, is_timed_out=seconds is None, longest=longest)
    return lane


def test_two_time_outs_in_a_row():
    """One time-out is chance, the second is a habit."""
    assert not after(FAST, None).is_slow
    assert after(FAST, None, None).is_slow


def test_an_answer_ends_the_row():
    """Time-outs with an answer between them are not in a row, however slow the answer was."""
    assert not after(FAST, None, 40, None).is_slow


def test_another_failure_ends_the_row():
    """A refused connection is an answer of sorts."""
    refused = next_lane(after(FAST, None), is_timed_out=False, longest=None)

    assert refused == FAST


def test_slow_answers_stay():
    """A peer that answers after 50 s stays where somebody waits for it."""
    assert after(SLOW, 50, 50, 50, 50) == SLOW


def test_quick_answers_leave():
    """Several quick looks in a row lead back; one in between that was slow begins the row anew."""
    assert after(SLOW, 1, 1).is_slow
    assert not after(SLOW, 1, 1, 1).is_slow
    assert after(SLOW, 1, 1, 20, 1).is_slow


def test_one_time_out_leads_back():
    """Who was slow before is not unknown for two looks again."""
    assert after(SLOW, *[1] * QUICK_TO_LEAVE, None).is_slow
    assert not after(SLOW, *[1] * QUICK_TO_LEAVE, 1, None).is_slow


def test_another_failure_leaves_nothing():
    """What neither timed out nor answered says nothing of how quick a peer is."""
    assert next_lane(Lane(is_slow=True, streak=2), is_timed_out=False, longest=None) == SLOW


def test_quick_is_quick_enough_for_the_fast_lane():
    """A session that took less in all than the shortest wait of the fast lane would have ended there too."""
    limits = Limits()
    waits = (limits.connect, limits.greeting, limits.reply, limits.starttls, limits.handshake)

    assert min(waits) >= QUICK


@pytest.mark.parametrize(
    ("relays", "wanted"),
    [
        pytest.param([], Patience(30, 300, 300), id="postfix's own"),
        pytest.param([Patience(10, 60, 60)], Patience(10, 60, 60), id="the only group's"),
        pytest.param([Patience(10, 60, 400), Patience(30, 20, 300)], Patience(30, 60, 400), id="the longest each"),
        pytest.param([Patience(0, 300, 300)], Patience(900, 300, 300), id="no limit of its own"),
        pytest.param([Patience(30, 86_400, 300)], Patience(30, 900, 300), id="bounded"),
    ],
)
def test_patience(relays: list[Patience], wanted: Patience):
    """Of several relay groups the most patient one counts, within a bound."""
    assert patience_among(relays) == wanted
