"""Two maps side by side, by key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.reports.differences import Moved, compared, entries_among

OLD = "# A\na.example\tencrypt\nb.example\tsecure match=mx1.b.example:mx2.b.example\nd.example\tencrypt\n"
NEW = "# A\na.example\tencrypt\nb.example\tsecure match=mx1.b.example\nc.example\tencrypt\n"


def test_entries_that_differ_are_told_by_key() -> None:
    """Changed, new and gone; what is the same is not told."""
    assert compared(OLD, NEW).moved == (
        Moved("b.example", "secure match=mx1.b.example:mx2.b.example", "secure match=mx1.b.example"),
        Moved("c.example", "", "encrypt"),
        Moved("d.example", "encrypt", ""),
    )


def test_a_comment_is_no_entry() -> None:
    """It is a line of the difference, and asks nothing of anybody."""
    new = OLD.replace("# A", "# B")

    assert compared(OLD, new).moved == ()
    assert [hunk.key for hunk in compared(OLD, new).hunks] == ["a.example"]


def test_lines_carry_their_numbers_in_either_map() -> None:
    """The removed line has the old number, the added one the new."""
    changed, added, gone = compared(OLD, NEW).hunks

    assert [(line.sign, line.old, line.new) for line in changed.lines] == [("-", 3, None), ("+", None, 3)]
    assert [(line.sign, line.new) for line in added.lines] == [("+", 4)]
    assert [(line.sign, line.old) for line in gone.lines] == [("-", 4)]


def test_only_the_words_that_differ_are_marked() -> None:
    """The common beginning of the line carries no mark; a new line carries none at all."""
    changed, added, _gone = compared(OLD, NEW).hunks

    marked = [piece.text for line in changed.lines for piece in line.pieces if piece.changed]
    assert "".join(marked).startswith("mx1.b.example:mx2.b.example") or "mx2.b.example" in "".join(marked)
    assert not any("b.example\t" in text for text in marked)
    assert not any(piece.changed for line in added.lines for piece in line.pieces)


@pytest.mark.parametrize("text", ["", "a.example\tencrypt\n", OLD])
def test_a_map_does_not_differ_from_itself(text: str) -> None:
    """Nothing moved, nothing shown."""
    assert (compared(text, text).hunks, compared(text, text).moved) == ((), ())


_VALUES = st.text("ab:|= \t", max_size=12).map(str.strip)


@given(was=_VALUES, becomes=_VALUES)
def test_joined_the_pieces_are_the_line(was: str, becomes: str) -> None:
    """Nothing of a line is lost or doubled by the marks."""
    for hunk in compared(f"k\tx{was}\n", f"k\tx{becomes}\n").hunks:
        texts = {line.sign: "".join(piece.text for piece in line.pieces) for line in hunk.lines}
        assert texts == {"-": f"k\tx{was}", "+": f"k\tx{becomes}"}


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        pytest.param("# x\na\tmay\n# x\nb\tmay\n", "# x\na\tmay\nb\tmay\n", ["b"], id="one-of-two-equal-comments"),
        pytest.param("a\tmay\n# end\n", "a\tmay\n", [""], id="comment-at-the-end"),
        pytest.param("a\tmay\n", "# top\n# two\na\tmay\n", ["a"], id="comments-above"),
        pytest.param("# x\na\tmay\nb\tmay\n", "a\tmay\n# x\nb\tmay\n", ["a", "b"], id="comment-that-moved"),
    ],
)
def test_comments_belong_to_the_entry_below(old: str, new: str, keys: list[str]) -> None:
    """Even where the same words stand above several entries."""
    found = compared(old, new)

    assert ([hunk.key for hunk in found.hunks], found.moved) == (keys, ())


def test_some_entries_are_read_out_of_a_map() -> None:
    """By key; comments are none."""
    assert entries_among(OLD, {"a.example", "# A", "x"}) == {"a.example": "encrypt"}
