"""PEM as OpenSSL 3 reads it, oddities included, for what smtp(8) loads through it: CAfile, tafile.

A byte order mark before an object, text between objects, blanks at the end of a line and lines of any length do not
matter; an indented boundary is text, and one with something behind it is none.
Source: PEM_read_bio_ex(), get_name(), get_header_and_data() in crypto/pem/pem_lib.c.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PemFile", "PemObject", "read_pem"]

_LINE = 254  # LINESIZE less the final NUL: a longer line is read in pieces
_WHOLE_LINE = 64  # below a header, each line but the last has so many characters
_BEGIN, _END, _TAIL = b"-----BEGIN ", b"-----END ", b"-----"
_BLANKS = b" \t\r\n"  # B64_WS of encode.c: neither form feed nor vertical tab
_PADDING_MAX = 2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class PemObject:
    """One object. header: the lines before a blank one, as of an encrypted key."""

    label: bytes
    header: bytes
    der: bytes


@dataclass(frozen=True, slots=True)
class PemFile:
    """The objects up to the end, or up to the first that is broken. is_sound: whether none is."""

    objects: tuple[PemObject, ...]
    is_sound: bool


class _Broken(Exception):
    """An object without its end, or whose base64 is none."""


def read_pem(content: bytes) -> PemFile:
    """Return the PEM objects of *content*."""
    lines = _lines(content)
    objects: list[PemObject] = []
    try:
        while (label := _next_label(lines)) is not None:
            header, body = _header_and_body(lines, label)
            objects.append(PemObject(label, header, _decoded(body)))
    except _Broken:
        return PemFile(tuple(objects), is_sound=False)
    return PemFile(tuple(objects), is_sound=True)


def _lines(content: bytes) -> Iterator[bytes]:
    """Yield what BIO_gets() would return, without its end: for it a line that begins with NUL is the end of all."""
    for line in content.split(b"\n"):
        for start in range(0, max(len(line), 1), _LINE):
            text, nul, _rest = line[start : start + _LINE].partition(b"\0")
            if nul and not text:
                return
            yield text


def _trimmed(line: bytes) -> bytes:
    """Cut what is no printable ASCII off the end (sanitize_line())."""
    end = len(line)
    while end and not 0x20 < line[end - 1] < 0x80:
        end -= 1
    return line[:end]


def _next_label(lines: Iterator[bytes]) -> bytes | None:
    for number, line in enumerate(lines):
        text = _trimmed(line.removeprefix(_BYTE_ORDER_MARK) if number == 0 else line)
        if text.startswith(_BEGIN) and text.endswith(_TAIL) and len(text) >= len(_BEGIN) + len(_TAIL):
            return text[len(_BEGIN) : -len(_TAIL)]
    return None


def _header_and_body(lines: Iterator[bytes], label: bytes) -> tuple[bytes, bytes]:
    """Return what stands before a blank line, if there is one, and the rest. Errors: _Broken."""
    header: list[bytes] = []
    read: list[bytes] = []
    is_below, is_last, has_colon = False, False, False
    for line in map(_trimmed, lines):
        has_colon |= b":" in line and not is_below
        if not line:
            if is_below:
                raise _Broken
            header, read, is_below = read, [], True
            continue
        if line.startswith(_END):
            if line.removeprefix(_END) != label + _TAIL:
                raise _Broken
            is_header_alone = has_colon and not is_below
            return b"\n".join(header), b"" if is_header_alone else b"".join(read)
        if is_last or (is_below and len(line) > _WHOLE_LINE):
            raise _Broken
        is_last = is_below and len(line) < _WHOLE_LINE
        read.append(line)
    raise _Broken


def _decoded(body: bytes) -> bytes:
    """Decode as EVP_DecodeUpdate() does, which ends at a hyphen. Errors: _Broken.

    Unlike Python's, it wants four characters for each three octets, and takes no more padding than is needed.
    """
    text = body.partition(b"-")[0].translate(None, _BLANKS)
    if len(text) % 4 or text.count(b"=") > _PADDING_MAX:
        raise _Broken
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error as cause:
        raise _Broken from cause
    if not decoded:
        raise _Broken
    return decoded
