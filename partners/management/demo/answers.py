"""The demo's DNS: it answers for the zones of the cast over UDP and TCP, and refuses every other question.

It is the validating resolver of its small world as well: what lies in a signed zone is answered with the AD flag, which
is what Postfix and the portal go by (RFC 4035 section 3.2.3). There are no signatures behind it.
"""

import asyncio
import contextlib
import struct
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from partners.management.demo.cast import CAST, NEWCOMERS
from partners.management.demo.papers import Papers
from partners.management.demo.world import Server

__all__ = ["SMTP_PORT", "Names", "serve_names"]

SMTP_PORT = 25
TTL_SECONDS = 60
TCP_PATIENCE_SECONDS = 10.0
UDP_PAYLOAD = 1232

_Records = dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset]


class Names:
    """The records, and the answer to a question about them. servers: those that are up, by their addresses."""

    def __init__(self, papers: Papers, servers: Iterable[Server]) -> None:
        """Take the zones of the cast."""
        self._records: _Records = {}
        self._zones: set[dns.name.Name] = set()
        self._signed = {dns.name.from_text(key) for player in CAST if player.signed for key in player.keys}
        for player in CAST:
            for key in player.keys:
                self.point(key, player.mx)
        for key, mx_hosts in NEWCOMERS.items():
            self.point(key, mx_hosts)
        for mx_host, its in groupby(sorted(servers, key=lambda one: one.mx_host), key=lambda one: one.mx_host):
            self._add_addresses(mx_host, list(its), papers)

    def point(self, key: str, mx_hosts: Sequence[str]) -> None:
        """Let the MX records of *key* name *mx_hosts*, or nobody (RFC 7505)."""
        texts = [f"{10 * place} {mx_host}." for place, mx_host in enumerate(mx_hosts, start=1)]
        self._put(key, "MX", texts or ["0 ."])
        self._zones.add(dns.name.from_text(key))

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
        if any(name.is_subdomain(zone) for zone in self._signed):
            reply.flags |= dns.flags.AD
        if not any(name.is_subdomain(zone) for zone in self._zones):
            reply.set_rcode(dns.rcode.REFUSED)
        elif found := self._records.get((name, asked.rdtype)):
            reply.answer.append(found)
        elif not any(owner.is_subdomain(name) for owner, _rdtype in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()

    def _add_addresses(self, mx_host: str, servers: Sequence[Server], papers: Papers) -> None:
        """Add the addresses of *mx_host*, and its TLSA records where its zone is signed."""
        zone = mx_host.split(".", 1)[1]
        self._zones.add(dns.name.from_text(zone))
        for rdtype, has_colon in (("A", False), ("AAAA", True)):
            if texts := [one.address for one in servers if (":" in one.address) == has_colon]:
                self._put(mx_host, rdtype, texts)
        if dns.name.from_text(zone) in self._signed:
            digests = {papers.key_digest(one.paper) for one in servers if one.paper}
            self._put(f"_{SMTP_PORT}._tcp.{mx_host}", "TLSA", [f"3 1 1 {digest}" for digest in sorted(digests)])

    def _put(self, owner: str, rdtype: str, texts: Sequence[str]) -> None:
        name = dns.name.from_text(owner)
        kind = dns.rdatatype.from_text(rdtype)
        self._records[name, kind] = dns.rrset.from_text(name, TTL_SECONDS, dns.rdataclass.IN, kind, *texts)


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


async def serve_names(names: Names, address: str, port: int) -> None:
    """Answer at *address* and *port* from now on. Errors: OSError where somebody else listens there."""

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
