"""DNS messages from bytes that anybody may have written, and questions that only their own answer ends."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.observation import LookupStatus, TlsaRecord
from partners.probe.dns_message import (
    Malformed,
    Message,
    Record,
    Type,
    _read_name,
    name_of,
    parse_message,
    query,
    question,
    rcode_text,
)
from partners.probe.questions import Questions
from partners.probe.resolver import Resolver
from tests.kit.dns import DnsServer

RECORDS = (
    "a.example. 60 IN CNAME b.example.",
    "b.example. 60 IN MX 10 MX.b.example.",
    "b.example. 60 IN A 192.0.2.1",
    "b.example. 60 IN AAAA 2001:db8::1",
    "b.example. 60 IN TLSA 3 1 9 0aff",
    "b.example. 60 IN TXT ignored",
)


def answer_to(wire: bytes, *records: str, flags: int = 0) -> bytes:
    """Return what a resolver answers to *wire*."""
    response = dns.message.make_response(dns.message.from_wire(wire), recursion_available=True)
    for owner, ttl, rdclass, rdtype, text in (record.split(" ", 4) for record in records):
        response.answer.append(dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, text))
    response.flags |= flags
    return response.to_wire()


ASKED = question(name_of("a.example"), Type.MX)
GOOD = answer_to(query(7, ASKED), *RECORDS, flags=dns.flags.AD)


class TestParse:
    def test_reads_what_a_probe_needs(self):
        """Compressed names, each type; other types are passed over."""
        message = parse_message(GOOD)

        assert (message.number, message.rcode, message.is_authentic, message.question) == (7, 0, True, ASKED)
        assert [record.value for record in message.records][:4] == [
            "b.example",
            (10, "MX.b.example"),
            "192.0.2.1",
            "2001:db8::1",
        ]
        assert message.records[0] == Record("a.example", Type.CNAME, "b.example")
        assert len(message.records) == 5

    def test_a_tlsa_record_of_the_wrong_length_is_read(self):
        """Postfix finds out at the handshake that it is of no use; dnspython refuses the whole answer."""
        short = GOOD.replace(b"\x03\x01\x09", b"\x03\x01\x01")

        assert parse_message(short).records[4].value == TlsaRecord(3, 1, 1, b"\x0a\xff")

    @given(st.binary(max_size=200))
    def test_takes_any_bytes_without_another_error(self, octets: bytes):
        """Malformed, or a message."""
        with contextlib.suppress(Malformed):
            assert isinstance(parse_message(octets), Message)

    @given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
    def test_takes_a_spoiled_answer_without_another_error(self, place: int, octet: int):
        """One octet is enough to let a pointer lead anywhere."""
        with contextlib.suppress(Malformed):
            assert isinstance(parse_message(GOOD[:place] + bytes((octet,)) + GOOD[place + 1 :]), Message)

    def test_a_name_that_points_to_itself_ends(self):
        """A pointer leads back only."""
        looping = GOOD[:12] + b"\xc0\x0c" + GOOD[14:]

        with pytest.raises(Malformed):
            parse_message(looping)

    @pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", ".".join(["abcdefgh"] * 30), "münchen"])
    def test_a_name_without_a_form_is_refused(self, name: str):
        """Nothing odd is sent to the resolver."""
        with pytest.raises(Malformed):
            name_of(name)

    def test_an_odd_name_keeps_its_form(self):
        """What a zone may hold, though no host has such a name."""
        assert name_of("a\\032b.example") == b"\x03a b\x07example\0"

    @given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=4))
    def test_any_label_is_written_and_read_as_dnspython_does(self, labels: list[bytes]):
        """Escapes come back as the octets that they stand for."""
        wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
        text = dns.name.Name([*labels, b""]).to_text(omit_final_dot=True)

        assert name_of(text) == wire
        assert _read_name(wire, 0) == (text, len(wire))

    @given(st.text("a.\\01259é", min_size=1, max_size=12))
    def test_any_text_is_a_name_where_it_is_one_for_dnspython(self, text: str):
        """Half an escape, or a number beyond 255, is no name; what is not ASCII has no form here."""
        try:
            relative = dns.name.from_text(text, None)
        except dns.exception.DNSException:
            relative = dns.name.root
        refused = relative.is_absolute() or not text.isascii()  # the final dot is not written
        wanted = None if refused else relative.concatenate(dns.name.root).to_wire()

        with contextlib.suppress(Malformed):
            assert name_of(text) == wanted
            return
        assert wanted is None

    @pytest.mark.parametrize("rcode", [*range(11), 15])
    def test_a_failure_has_its_usual_name(self, rcode: int):
        """As dig prints it."""
        assert rcode_text(rcode) == (dns.rcode.to_text(dns.rcode.Rcode(rcode)) if rcode < 11 else "RCODE15")


class TestQuestions:
    @pytest.fixture
    def resolver(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.bind(("127.0.0.1", 0))
            opened.setblocking(False)
            yield opened

    async def test_only_the_answer_to_the_very_question_counts(self, resolver: socket.socket):
        """Another number and another name are dropped."""
        loop = asyncio.get_running_loop()
        asking = asyncio.create_task(Questions(*resolver.getsockname()).ask(ASKED, seconds=5))
        wire, client = await loop.sock_recvfrom(resolver, 4096)
        number = int.from_bytes(wire[:2], "big")
        other = query(number, question(name_of("evil.example"), Type.MX))
        for forged in (answer_to(query(number ^ 1, ASKED), RECORDS[0]), answer_to(other, RECORDS[0]), b"\0" * 12):
            await loop.sock_sendto(resolver, forged, client)
        await loop.sock_sendto(resolver, answer_to(wire, *RECORDS), client)

        assert len((await asking).records) == 5

    async def test_silence_ends_in_time(self, resolver: socket.socket):
        """Each question has its own patience."""
        with pytest.raises(TimeoutError):
            await Questions(*resolver.getsockname()).ask(ASKED, seconds=0.05)

    async def test_a_closed_port_is_told_at_once(self, resolver: socket.socket):
        """The kernel knows."""
        address = resolver.getsockname()
        resolver.close()

        with pytest.raises(OSError, match="refused"):
            await Questions(*address).ask(ASKED, seconds=5)


@pytest.mark.lab
async def test_an_answer_too_large_for_a_datagram_comes_over_tcp(dns: DnsServer):
    """Nothing of it is lost."""
    dns.zone("big.example").add(*[f"@ MX {number} a-rather-long-name-of-a-host-{number}" for number in range(60)])

    answer = await Resolver((dns.address, dns.port)).lookup("big.example", Type.MX)

    assert (answer.status, len(answer.records)) == (LookupStatus.FOUND, 60)
