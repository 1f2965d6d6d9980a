"""SMTP replies out of fragments."""

import pytest

from partners.probe.reply import LINE_LIMIT, Reply, ReplyParser, TooMuch, cleaned


def parser(reply_bytes: int = 32_768, reply_lines: int = 200) -> ReplyParser:
    return ReplyParser(reply_bytes=reply_bytes, reply_lines=reply_lines)


def replies(octets: bytes, fragment: int = 4096) -> list[Reply]:
    """Return all replies in *octets*, fed in fragments."""
    reading, found = parser(), []
    for start in range(0, len(octets), fragment):
        reading.feed(octets[start : start + fragment])
        while reply := reading.next_reply():
            found.append(reply)
    return found


SESSION = (
    b"220 mx.example.com ESMTP\r\n"
    b"250-mx.example.com\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
    b"220 2.0.0 Go\n500\r\n"
)


@pytest.mark.parametrize("fragment", [4096, 16, 1])
class TestFragments:
    def test_a_session_reads_alike_in_any_fragments(self, fragment: int):
        """Where a packet ends means nothing."""
        assert [reply.code for reply in replies(SESSION, fragment)] == [220, 250, 220, 500]

    def test_a_multi_line_reply_keeps_its_lines(self, fragment: int):
        """All lines are there, without their ends; the text is that of the last."""
        ehlo = replies(SESSION, fragment)[1]

        assert ehlo.lines == (b"250-mx.example.com", b"250-SIZE 1000", b"250-STARTTLS", b"250 8BITMIME")
        assert ehlo.text == "8BITMIME"

    def test_a_bare_line_feed_ends_a_line(self, fragment: int):
        """Postfix takes it; so does the probe."""
        assert replies(b"220 mx\n", fragment)[0].text == "mx"

    def test_a_long_line_is_cut_where_postfix_cuts_it(self, fragment: int):
        """What stands beyond line_length_limit is not there."""
        (reply,) = replies(b"250 " + b"x" * 5000 + b"\r\n", fragment)

        assert len(reply.last) == LINE_LIMIT


class TestOddLines:
    def test_garbage_before_the_reply_is_read_past(self):
        """Lines without a code are no end of the reply."""
        assert [reply.code for reply in replies(b"hello\r\n12 x\r\n1234 x\r\n220 mx\r\n")] == [220]

    def test_a_nul_ends_the_line(self):
        """Postfix's strings end at a NUL: what is hidden behind it does not count."""
        assert replies(b"250-mx\r\n250 A\0STARTTLS\r\n")[0].lines[1] == b"250 A"

    def test_lines_beyond_2048_bytes_are_not_kept(self):
        """The line that crosses the limit is kept, the next one is not; the code is still the last line's."""
        filler = b"250-" + b"x" * 1020 + b"\r\n"
        (reply,) = replies(filler * 2 + b"250-CROSSING\r\n250-BEYOND\r\n250 LAST\r\n")

        assert (len(reply.lines), reply.last) == (2, b"250 LAST")

    def test_text_is_made_fit_for_people(self):
        """Control characters cannot reach a terminal or a log, nor can a book."""
        assert cleaned(b"a\x1b[31m\r\nb\xff") == "a [31m  b\N{REPLACEMENT CHARACTER}"
        assert len(cleaned(b"x" * 9999)) == 512


class TestLimits:
    def test_an_endless_line_is_too_much(self):
        """The line needs no end to be refused."""
        reading = parser(reply_bytes=1000)
        reading.feed(b"x" * 1001)
        with pytest.raises(TooMuch, match="1000 bytes"):
            reading.next_reply()

    def test_an_endless_reply_is_too_much(self):
        """Lines that go on and on end by their number."""
        reading = parser(reply_lines=10)
        reading.feed(b"220-x\r\n" * 11)
        with pytest.raises(TooMuch, match="10 lines"):
            reading.next_reply()

    def test_many_bytes_in_lines_are_too_much(self):
        """Lines of fair size end by their sum."""
        reading = parser(reply_bytes=1000)
        reading.feed((b"220-" + b"x" * 500 + b"\r\n") * 2)
        with pytest.raises(TooMuch, match="1000 bytes"):
            reading.next_reply()

    def test_a_new_reply_begins_to_count_anew(self):
        """The limit is of one reply."""
        reading = parser(reply_lines=1)
        reading.feed(b"220 a\r\n250 b\r\n")
        codes = [reply.code for reply in (reading.next_reply(), reading.next_reply()) if reply]
        assert codes == [220, 250]
