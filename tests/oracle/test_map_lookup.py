"""The table file beside the real postmap: what it reads, what it finds, and what it does not."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.core.names import lookup_keys, table_key
from partners.core.policymap import lookup, parse, render
from partners.core.relay import PostfixRelease

RELEASE = PostfixRelease(3, 7, 11)
LONG_AGO = 1_600_000_000  # a file younger than a second is read again and again
BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Postmap:
    """Postfix's own reader of table files, with a configuration directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.table = directory / "tls_policy"
        self._write(directory / "main.cf", b"compatibility_level = 3.6\nsmtputf8_enable = yes\n")
        self._write(directory / "master.cf", b"")

    def write(self, text: str | bytes) -> None:
        self._write(self.table, text if isinstance(text, bytes) else text.encode())

    def _write(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        os.utime(path, (LONG_AGO, LONG_AGO))

    def all(self) -> dict[str, str]:
        """Return every key and value that Postfix sees."""
        return dict(line.split("\t", 1) for line in self._run("-s").split("\n") if line)

    def find(self, nexthop: str) -> tuple[str, str] | None:
        """Look the keys up one after the other, as smtp(8) does."""
        for key in lookup_keys(nexthop):
            if value := self._run("-q", key).removesuffix("\n"):
                return key, value
        return None

    def _run(self, *arguments: str) -> str:
        command = ["postmap", "-c", str(self.directory), *arguments, f"texthash:{self.table}"]
        return subprocess.run(command, capture_output=True, timeout=20, check=False).stdout.decode()


@pytest.fixture
def postmap(tmp_path: Path) -> Iterator[Postmap]:
    return Postmap(tmp_path)


TABLES = [
    pytest.param("a.example\tsecure\n\n# c\n  match=a\n  # d\n \tmatch=b\nB.example may \n", id="folded-lines"),
    pytest.param("a.example may\n   # b\n  # c\n\t\n ciphers=high", id="comments-within"),
    pytest.param(" a.example may\n b.example may\nc.example may\n", id="begins-with-a-blank"),
    pytest.param("a.example\t\n  b.example may\nc.example may", id="key-with-a-tab"),
    pytest.param("a.example\n\nb.example may\n", id="no-value"),
    pytest.param("a.example: may\n\"b\" encrypt\n'c' may\n", id="colon-and-quotes"),
    pytest.param("\ufeffa.example may\nb.example may\n", id="byte-order-mark"),
    pytest.param("a.example may\0 match=x\n  more\nb\0.example may\n\0c may\nd may", id="nul"),
    pytest.param(b"a.example may\nb\xff.example may\nc may \xff\nd may\n", id="not-utf8"),
    pytest.param("a.example may\r\nb.example encrypt\r\n\r\n  ciphers=high\r\n", id="crlf"),
    pytest.param("a.example\vmay\n\fb.example may\nc may\f\v\n", id="odd-blanks"),
    pytest.param("a.example may\nA.EXAMPLE encrypt\nb.example may\n", id="duplicate"),
    pytest.param("straße.example may\nSTRASSE.example none\nİ.example may\nΣς may\n", id="folding"),
    pytest.param("a.example may # no comment\n#b may\n", id="comment-after-value"),
    pytest.param("a\N{NO-BREAK SPACE}b may\nc\u2028d may\n", id="wide-blanks"),
    pytest.param("", id="empty"),
    pytest.param("# only\n\n   \n", id="comments-only"),
]


@pytest.mark.parametrize("text", TABLES)
def test_postmap_sees_the_same_lines(text: str | bytes, postmap: Postmap) -> None:
    """Keys and values are those that Postfix sees, byte for byte."""
    postmap.write(text)

    assert postmap.all() == parse(text, RELEASE).values


@BOUNDED
@given(text=st.text(alphabet=st.sampled_from(list("abA.# \t\v\n\n\r\0=:,{é\ufeffß")), max_size=50))
def test_postmap_sees_the_same_lines_in_any_text(text: str, postmap: Postmap) -> None:
    """No arrangement of blanks, comments, line ends and NULs is read in another way."""
    postmap.write(text)

    assert postmap.all() == parse(text, RELEASE).values


TABLE = (
    "example.com secure\n.example.com encrypt\n.COM may\nexample.com:25 dane\n[example.com]:25 verify\n"
    "example.org none\nmünchen.example secure\nstraße.example secure\n[ipv6:2001:db8::1] encrypt\n_x.example none\n"
)


@pytest.mark.parametrize(
    "nexthop",
    [
        "example.com",
        "EXAMPLE.com",
        "sub.example.com",
        "a.sub.example.com",
        "other.com",
        "com",
        "[example.com]",
        "[example.com]:25",
        "[example.com]:smtp",
        "example.com:25",
        "sub.example.com:25",
        "sub.example.org",
        "MÜNCHEN.example",
        "xn--mnchen-3ya.example",
        "strasse.example",
        "[IPv6:2001:DB8::1]",
        "192.0.2.1",
        "_x.example",
    ],
)
def test_postmap_finds_the_same(nexthop: str, postmap: Postmap) -> None:
    """Exact, then dotted parents; both sides folded as Postfix folds them."""
    postmap.write(TABLE)

    assert postmap.find(nexthop) == lookup(parse(TABLE, RELEASE), nexthop)


def test_what_is_rendered_is_what_postmap_sees(postmap: Postmap) -> None:
    """The portal's own bytes hold nothing that Postfix would ignore or read in another way."""
    written = render(parse(TABLE, RELEASE).entries, "made by the portal", {"example.com": ["a\nevil.example none"]})

    postmap.write(written.text)

    assert postmap.all() == {table_key(line.key): line.value for line in parse(TABLE, RELEASE).lines}
