"""Two persons are two people."""

import pytest

from partners.core.second_person import is_second


@pytest.mark.parametrize(
    ("may_approve", "is_author", "given_alone", "alone_now", "counts"),
    [
        pytest.param(True, False, False, False, True, id="another-approver"),
        pytest.param(True, True, False, False, False, id="an-author"),
        pytest.param(False, False, False, False, False, id="demoted-since"),
        pytest.param(True, True, True, True, True, id="one-alone"),
        pytest.param(True, True, True, False, False, id="no-longer-alone"),
        pytest.param(True, False, True, False, False, id="marked-alone-by-another"),
        pytest.param(False, True, True, True, False, id="alone-and-switched-off"),
    ],
)
def test_whose_yes_counts(
    *, may_approve: bool, is_author: bool, given_alone: bool, alone_now: bool, counts: bool
) -> None:
    """An approver who wrote none of it; an author only while one person runs the portal."""
    found = is_second(may_approve=may_approve, is_author=is_author, given_alone=given_alone, alone_now=alone_now)

    assert found is counts
