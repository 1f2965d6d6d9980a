"""Shares, ring, axis, fingerprints and map lines, laid out for the eye."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.reports.drawings import Span, axis, donut, fingerprint, map_line, share

OLD, NEW = "3d" * 32, "a1" * 32
START, END, NOW = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 12, 6))


def span(start: datetime = START, end: datetime = END, tone: str = "ok") -> Span:
    return Span("Leaf", "valid", start, end, tone)


class TestShare:
    def test_a_single_partner_among_thousands_is_seen(self):
        """The least share keeps a width, and all together are 100."""
        slices = share([("ok", 9999), ("bad", 1)])

        assert slices[1].width > 0.5
        assert sum(one.width for one in slices) == pytest.approx(100, abs=0.1)

    def test_nothing_is_drawn_for_nothing(self):
        """Zero has no slice; no partner at all has none either."""
        assert [one.state for one in share([("ok", 3), ("bad", 0)])] == ["ok"]
        assert share([("ok", 0)]) == ()

    @given(st.lists(st.tuples(st.just("ok"), st.integers(0, 10**6)), max_size=7))
    def test_slices_stand_side_by_side(self, counts):
        """Each begins where the one before ends."""
        slices = share(counts)

        for left, right in pairwise(slices):
            assert right.x == pytest.approx(left.x + left.width, abs=0.02)


class TestDonut:
    def test_a_single_state_closes_the_ring(self):
        """No gap is left where there is nothing to part."""
        assert donut([("ok", "as agreed", 5, "#")])[0].length == 100

    def test_arcs_begin_at_the_top(self):
        """SVG begins at three o'clock; a quarter back is twelve."""
        assert donut([("ok", "as agreed", 5, "#"), ("bad", "violated", 5, "#")])[0].offset == 25


class TestAxis:
    def test_a_span_beyond_the_axis_is_cut(self):
        """It ends at the edge, with the mark of a cut."""
        bar = axis([span(end=END.replace(year=2031))], start=START, end=END, now=NOW, now_label="today").bars[0]

        assert (bar.x + bar.width, bar.cut_x) == (800, 791)

    def test_today_stands_between(self):
        """Now is placed by its share of the whole."""
        drawn = axis([span()], start=START, end=END, now=START + (END - START) / 2, now_label="today")

        assert drawn.now_x == 400

    def test_january_names_its_year(self):
        """A new year is told where it begins."""
        drawn = axis([], start=NOW, end=NOW.replace(year=2027), now=NOW, now_label="today")

        assert [tick.label for tick in drawn.ticks if "2027" in tick.label] == ["Jan 2027"]

    def test_ten_years_have_few_ticks(self):
        """A CA's validity does not draw 120 months."""
        drawn = axis([span()], start=START, end=START.replace(year=2036), now=NOW, now_label="today")

        assert 0 < len(drawn.ticks) <= 14

    def test_an_axis_without_length_is_refused(self):
        """The caller's mistake is told."""
        with pytest.raises(ValueError, match="not after its start"):
            axis([], start=START, end=START, now=NOW, now_label="today")

    def test_a_label_keeps_clear_of_todays_line(self):
        """It begins to the right of the line that would cross it."""
        drawn = axis([span(start=NOW)], start=START, end=END, now=NOW, now_label="today")

        assert drawn.bars[0].text_x > drawn.now_x


class TestFingerprint:
    @pytest.mark.parametrize("size, rows", [(16, 2), (20, 3), (32, 4), (64, 8)])
    def test_rows_hold_eight_groups(self, size, rows):
        """MD5, SHA-1, SHA-256 and SHA-512."""
        drawn = fingerprint("ab" * size)

        assert (len(drawn.rows), drawn.total, len(drawn.rows[0])) == (rows, size, 8)

    def test_typed_text_is_forgiven(self):
        """Spaces, colons and case do not count."""
        assert fingerprint("3D:3d 3D").rows == fingerprint("3d3d3d").rows

    def test_one_wrong_group_is_found(self):
        """Only the group that differs is marked."""
        heard = OLD[:40] + "61" + OLD[42:]

        drawn = fingerprint(heard, OLD)

        assert (drawn.differing, drawn.most_differ, drawn.rows[2][4].differs) == (1, False, True)

    def test_another_key_is_no_sea_of_red(self):
        """If most groups differ, that is said once."""
        assert fingerprint(NEW, OLD).most_differ


class TestMapLine:
    @given(st.text(max_size=200))
    def test_pieces_joined_are_the_line(self, line):
        """What is copied is what the map holds, byte for byte, whatever it is."""
        assert "".join(part for piece in map_line(line).pieces for part in piece.parts) == line

    def test_pins_are_told_apart(self):
        """Old and new digest carry their names; the bar between them none."""
        drawn = map_line(f"example.com\tfingerprint match={OLD}|{NEW}", {OLD.upper(): "A", NEW: "B"})

        assert [piece.kind for piece in drawn.pieces] == ["k", "", "l", "a", "pa", "a", "pb"]

    def test_a_break_may_follow_a_colon_only(self):
        """Names and digests break after ":", nowhere else."""
        parts = map_line("example.com\tsecure match=a.example:b.example").pieces[-1].parts

        assert parts == ("a.example:", "b.example")
