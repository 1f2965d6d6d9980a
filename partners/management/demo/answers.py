"""The demo's DNS: it answers for the six zones of the cast over UDP and TCP, and refuses every other question."""

import asyncio
import contextlib
import struct
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from partners.management.demo.world import CAST

__all__ = ["Names", "serve_names"]

TTL_SECONDS = 60
TCP_PATIENCE_SECONDS = 10.0
UDP_PAYLOAD = 1232

_Records = dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset]


class Names:
    """The records, and the answer to a question about them."""

    def __init__(self) -> None:
        """Take the zones of the cast."""
        self._records: _Records = {}
        self._zones: list[dns.name.Name] = []
        for player in CAST:
            self._zones.append(self._add(player.key, "MX", f"10 {player.mx_host}."))
            self._add(player.mx_host, "A", player.address)

    def answer(self, octets: bytes) -> bytes | None:
        """Return the answer to the question in *octets*, None where they are no question."""
        try:
            question = dns.message.from_wire(octets)
        except dns.exception.DNSException:
            return None
        if question.flags & dns.flags.QR or len(question.question) != 1:
            return None
        reply = dns.message.make_response(question, recursion_available=True, our_payload=UDP_PAYLOAD)
        asked = question.question[0]
        name = asked.name.canonicalize()
        if not any(name.is_subdomain(zone) for zone in self._zones):
            reply.set_rcode(dns.rcode.REFUSED)
        elif found := self._records.get((name, asked.rdtype)):
            reply.answer.append(found)
        elif not any(owner.is_subdomain(name) for owner, _rdtype in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()

    def _add(self, owner: str, rdtype: str, text: str) -> dns.name.Name:
        name = dns.name.from_text(owner)
        kind = dns.rdatatype.from_text(rdtype)
        self._records[name, kind] = dns.rrset.from_text(name, TTL_SECONDS, dns.rdataclass.IN, kind, text)
        return name


class _Datagrams(asyncio.DatagramProtocol):
    """Answers over UDP."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # it is one, yet no instance before Python 3.12

    def datagram_received(self, octets: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        if self._transport is not None and (reply := self._names.answer(octets)):
            self._transport.sendto(reply, addr)


async def serve_names(address: str, port: int) -> None:
    """Answer at *address* and *port* from now on. Errors: OSError where somebody else listens there."""
    names = Names()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(TCP_PATIENCE_SECONDS):
                while reply := names.answer(await _framed(reader)):
                    writer.write(struct.pack("!H", len(reply)) + reply)
                    await writer.drain()
        writer.close()

    await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Datagrams(names), local_addr=(address, port))
    listener = await asyncio.start_server(talk, address, port)
    await listener.start_serving()


async def _framed(reader: asyncio.StreamReader) -> bytes:
    """Return one message with its length in front (RFC 1035 section 4.2.2)."""
    (length,) = struct.unpack("!H", await reader.readexactly(2))
    return await reader.readexactly(length)
