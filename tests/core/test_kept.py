"""What is kept is bounded, and found again by its key."""

from partners.core.kept import Kept, joint_digest


def test_the_oldest_goes_first() -> None:
    """At most so many results, each made once while it is kept."""
    kept, made = Kept[int](2), []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in (1, 1, 2, 3, 1):
        assert kept.get(number, lambda number=number: make(number)) == number  # type: ignore[misc]
    assert (made, len(kept)) == ([1, 2, 3, 1], 2)


def test_a_digest_tells_where_parts_end() -> None:
    """The same bytes, cut elsewhere, are another key."""
    assert joint_digest((b"ab", b"c")) != joint_digest((b"a", b"bc"))
    assert joint_digest((b"ab", b"c")) == joint_digest([b"ab", b"c"])
