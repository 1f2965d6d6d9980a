"""The few kinds of DNS messages that a probe needs, from and to bytes; no sockets here.

A lookup makes one question, with EDNS and DO; of the answer only its header and the records of the answer section
count. Everything is bounds-checked: what a resolver sends on may come from anybody.
Source: RFC 1035 section 4.1, RFC 6891, RFC 6698 section 2.1.
"""

import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from partners.core.observation import TlsaRecord

__all__ = [
    "EDNS_PAYLOAD",
    "Malformed",
    "Message",
    "Rcode",
    "Record",
    "Type",
    "name_of",
    "parse_message",
    "query",
    "question",
    "rcode_text",
]

EDNS_PAYLOAD = 1232  # DNS flag day 2020: no fragments; larger answers come over TCP
RECORDS_MAX = 1000

_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_QUESTION = struct.Struct(">HH")
_IN = 1
_RESPONSE, _TRUNCATED, _RD, _AD, _RCODE = 0x8000, 0x0200, 0x0100, 0x0020, 0x000F
_OPT = b"\0" + struct.pack(">HHIH", 41, EDNS_PAYLOAD, 0x8000, 0)  # DO
_NAME_OCTETS_MAX = 255
_LABEL_OCTETS_MAX = 63
_PLAIN = re.compile(rb"[A-Za-z0-9_-]+")
_ESCAPE = re.compile(rb"\\(\d{3}|\D)", re.DOTALL)  # RFC 1035 section 5.1
_CUT = re.compile(rb"(?:[^.\\]|\\\d{3}|\\\D)*", re.DOTALL)
_SPECIAL = b'"().;\\@$'


class Malformed(Exception):
    """Bytes that are no message, or a name that has no form on the wire."""


class Type(IntEnum):
    """The record types that are asked for."""

    A = 1
    CNAME = 5
    MX = 15
    AAAA = 28
    TLSA = 52


class Rcode(IntEnum):
    """What became of a question. Source: RFC 1035 section 4.1.1, RFC 2136 section 2.2."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the answer section. value: address or name as text, (preference, name), or a TlsaRecord."""

    owner: str
    type: int
    value: str | tuple[int, str] | TlsaRecord


@dataclass(frozen=True, slots=True)
class Message:
    """An answer. question: as it was asked, in lower case."""

    number: int
    rcode: int
    is_truncated: bool
    is_authentic: bool
    question: bytes
    records: tuple[Record, ...]


def name_of(text: str) -> bytes:
    """Return a name, without its final dot, as it goes on the wire. Errors: Malformed."""
    try:
        octets = text.encode("ascii")
        labels = _labels(octets) if b"\\" in octets else octets.split(b".")
    except ValueError as cause:
        raise Malformed(f"{text!r} is no name") from cause
    if not all(0 < len(label) <= _LABEL_OCTETS_MAX for label in labels):
        raise Malformed(f"{text!r} has a label that is empty or too long")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(wire) > _NAME_OCTETS_MAX:
        raise Malformed(f"{text!r} is too long")
    return wire


def rcode_text(rcode: int) -> str:
    """Return the name of *rcode* for people."""
    try:
        return Rcode(rcode).name
    except ValueError:
        return f"RCODE{rcode}"


def question(name: bytes, rdtype: Type) -> bytes:
    """Return the question section for *name* in wire form; in lower case the answer is known by it again.

    A resolver that compresses names gives them in the case of the question.
    """
    return name + _QUESTION.pack(rdtype, _IN)


def query(number: int, asked: bytes) -> bytes:
    """Return the message that asks *asked*."""
    return _HEADER.pack(number, _RD | _AD, 1, 0, 0, 1) + asked + _OPT


def parse_message(wire: bytes) -> Message:
    """Read an answer. Errors: Malformed."""
    try:
        number, flags, questions, answers, _authority, _additional = _HEADER.unpack_from(wire)
        if not flags & _RESPONSE or questions != 1 or answers > RECORDS_MAX:
            raise Malformed("it is no answer to one question")
        _name, place = _read_name(wire, _HEADER.size)
        place += _QUESTION.size
        asked = wire[_HEADER.size : place].lower()
        truncated = bool(flags & _TRUNCATED)
        records = () if truncated else tuple(_records(wire, place, answers))
    except (struct.error, IndexError) as cause:
        raise Malformed("it ends too early") from cause
    return Message(number, flags & _RCODE, truncated, bool(flags & _AD), asked, records)


def _records(wire: bytes, place: int, count: int) -> Iterator[Record]:
    for _number in range(count):
        owner, place = _read_name(wire, place)
        rdtype, rdclass, _ttl, length = _RECORD.unpack_from(wire, place)
        place += _RECORD.size
        if place + length > len(wire):
            raise Malformed("a record ends behind the message")
        if rdclass == _IN and (value := _value(wire, rdtype, place, length)) is not None:
            yield Record(owner.lower(), rdtype, value)
        place += length


def _value(wire: bytes, rdtype: int, place: int, length: int) -> str | tuple[int, str] | TlsaRecord | None:
    """Return what a record says; None for a type that is not asked for (RRSIG, DNAME)."""
    octets = wire[place : place + length]
    match rdtype:
        case Type.A | Type.AAAA:
            family, size = (socket.AF_INET, 4) if rdtype == Type.A else (socket.AF_INET6, 16)
            if length != size:
                raise Malformed("an address has the wrong length")
            return socket.inet_ntop(family, octets)
        case Type.CNAME:
            return _whole_name(wire, place, place + length)
        case Type.MX:
            return int.from_bytes(octets[:2], "big"), _whole_name(wire, place + 2, place + length)
        case Type.TLSA:
            if length < 3:
                raise Malformed("a TLSA record is too short")
            return TlsaRecord(octets[0], octets[1], octets[2], octets[3:])
    return None


def _whole_name(wire: bytes, place: int, end: int) -> str:
    name, after = _read_name(wire, place)
    if after != end:
        raise Malformed("a name does not fill its record")
    return name


def _read_name(wire: bytes, place: int) -> tuple[str, int]:
    """Return the name at *place* as text without its final dot, and the place after it.

    Pointers lead back only (RFC 1035 section 4.1.4), so that none goes round in a circle.
    """
    labels: list[bytes] = []
    size, after, bound = 0, -1, place
    while length := wire[place]:
        if length > _LABEL_OCTETS_MAX:
            target = int.from_bytes(wire[place : place + 2], "big") & 0x3FFF
            if length < 0xC0 or place + 2 > len(wire) or target >= bound:
                raise Malformed("a name leads nowhere")
            after = place + 2 if after < 0 else after
            place = bound = target
            continue
        label = wire[place + 1 : place + 1 + length]
        size += length + 1
        if len(label) != length or size >= _NAME_OCTETS_MAX:
            raise Malformed("a name is too long")
        labels.append(label)
        place += 1 + length
    return _as_text(labels), (place + 1 if after < 0 else after)


def _as_text(labels: list[bytes]) -> str:
    if all(_PLAIN.fullmatch(label) for label in labels):
        return b".".join(labels).decode("ascii")
    return ".".join(map(_escaped, labels))


def _labels(octets: bytes) -> list[bytes]:
    """Return the labels of a name in which dots and other octets are escaped. Errors: ValueError."""
    labels, place = [], 0
    while True:
        cut = _CUT.match(octets, place)
        end = cut.end() if cut is not None else place
        labels.append(_ESCAPE.sub(_unescaped, octets[place:end]))
        if end == len(octets):
            return labels
        if octets[end : end + 1] != b".":
            raise ValueError("a backslash that escapes nothing")
        place = end + 1


def _unescaped(found: re.Match[bytes]) -> bytes:
    """Return the octet that an escape stands for. Errors: ValueError for a number beyond 255."""
    return bytes((int(found[1]),)) if found[1].isdigit() else found[1]


def _escaped(label: bytes) -> str:
    return "".join(_shown(octet) for octet in label)


def _shown(octet: int) -> str:
    if octet in _SPECIAL:
        return f"\\{chr(octet)}"
    return chr(octet) if 0x20 < octet < 0x7F else f"\\{octet:03d}"
