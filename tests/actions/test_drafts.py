"""Changes are merged by what they did, so that an urgent one need not take the others along."""

from datetime import timedelta
from typing import Any

import pytest

from partners.actions.drafts import Snapshot, merge, with_changes
from partners.core.errors import StaleRefused
from partners.models import Change
from tests.actions.people import NOON

EMPTY: Snapshot = {
    **dict.fromkeys(
        ("agreed", "basis", "review_on", "match", "protocols", "ciphers", "exclude", "servername", "comment"), ""
    ),
    "level": "fingerprint",
    "lowered_until": "",
    "lowered_reason": "",
    "removed": False,
    "nexthops": ["example.com"],
    "pins": [1],
    "authorities": [],
}


def shot(**fields: Any) -> Snapshot:
    return {**EMPTY, **fields}


def change(before: Snapshot | None, after: Snapshot, *, pk: int = 1) -> Change:
    return Change(pk=pk, channel_id=7, before=before, after=after, made_at=NOON + timedelta(minutes=pk))


class TestMerge:
    def test_the_first_change_brings_the_channel(self) -> None:
        """Its snapshot is taken whole."""
        assert merge(None, change(None, shot())) == shot()

    def test_a_change_brings_only_what_it_changed(self) -> None:
        """A pin goes ahead of a draft that was begun before it."""
        draft = shot(level="secure", match="nexthop")
        urgent = change(draft, {**draft, "pins": [1, 2]})

        assert merge(shot(), urgent) == shot(pins=[1, 2])

    def test_a_pin_that_went_ahead_stays_when_the_draft_follows(self) -> None:
        """The older snapshot does not take the newer pin away."""
        older = change(shot(), shot(comment="x"))

        assert merge(shot(pins=[1, 2]), older) == shot(pins=[1, 2], comment="x")

    def test_taking_away_takes_only_what_was_named(self) -> None:
        """Lists are merged by item."""
        assert merge(shot(pins=[1, 2, 3]), change(shot(pins=[1, 2]), shot(pins=[2]))) == shot(pins=[2, 3])

    def test_a_change_of_a_changed_field_is_not_guessed(self) -> None:
        """It rests on the earlier change, which has to be chosen too."""
        later = change(shot(level="encrypt"), shot(level="secure"))

        with pytest.raises(StaleRefused, match="level"):
            merge(shot(), later)

    def test_a_change_without_its_channel_is_refused(self) -> None:
        """The change that adds the channel comes first."""
        with pytest.raises(StaleRefused):
            merge(None, change(shot(), shot(comment="x")))
        with pytest.raises(StaleRefused):
            merge(shot(), change(None, shot()))


def test_chosen_changes_are_applied_by_age() -> None:
    """The order of choosing says nothing."""
    first, second = change(None, shot(), pk=1), change(shot(), shot(comment="x"), pk=2)

    assert with_changes({}, [second, first]) == {7: shot(comment="x")}
