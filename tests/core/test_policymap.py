"""The table file: read as postmap reads it, written so that nothing can slip in."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.entry import PolicyEntry
from partners.core.errors import MapRefused, RefusedInput
from partners.core.grammar import Invalid
from partners.core.levels import SecurityLevel
from partners.core.names import Nexthop, table_key
from partners.core.policymap import PolicyTable, Severity, lookup, parse, render
from partners.core.relay import PostfixRelease

OLD, NEW = PostfixRelease(3, 7, 11), PostfixRelease(3, 10, 13)


def table(text: str | bytes) -> PolicyTable:
    return parse(text, OLD)


def told(text: str | bytes, severity: Severity) -> list[tuple[int, str]]:
    return [(one.number, one.key) for one in table(text).findings if one.severity is severity]


def entry(nexthop: str, level: SecurityLevel = SecurityLevel.ENCRYPT) -> PolicyEntry:
    return PolicyEntry(Nexthop.parse(nexthop), level)


def test_lines_keep_order_number_and_comments() -> None:
    """Every line is there, with the number of its first physical line and the comments above it."""
    seen = table("# head\n\nb.example  encrypt\n# of a\n#second\na.example\tmay\n# end\n")

    assert [(line.number, line.key, line.value) for line in seen.lines] == [
        (3, "b.example", "encrypt"),
        (6, "a.example", "may"),
    ]
    assert [line.comments for line in seen.lines] == [("# head",), ("# of a", "#second")]
    assert seen.trailing == ("# end",)
    assert seen.findings == ()


def test_a_line_that_begins_with_a_blank_goes_on() -> None:
    """Comments and empty lines between do not end a logical line; line ends are not part of the value."""
    seen = table("a.example\tsecure\n\n# about b\n  match=b.example\n   # c\n\tmatch=c.example\nb.example may")

    assert seen.lines[0].value == "secure  match=b.example\tmatch=c.example"
    assert seen.lines[0].within == ("# about b", "# c")
    assert [line.number for line in seen.lines] == [1, 7]
    assert seen.lines[0].entry == PolicyEntry(
        Nexthop.parse("a.example"), SecurityLevel.SECURE, match=("b.example", "c.example")
    )


def test_a_key_alone_takes_the_next_indented_line() -> None:
    """A key with only a tab after it takes the next, indented, entry as its value."""
    seen = table("a.example\t\n  b.example may\n")

    assert (seen.lines[0].key, seen.lines[0].value) == ("a.example", "b.example may")
    assert isinstance(seen.lines[0].policy, Invalid)


@pytest.mark.parametrize(
    ("text", "severity", "where"),
    [
        pytest.param("a.example may\nA.example encrypt", Severity.TABLE, [(2, "A.example")], id="duplicate"),
        pytest.param("straße.example may\nstrasse.example may", Severity.TABLE, [(2, "strasse.example")], id="folded"),
        pytest.param("a.example\nb.example may", Severity.IGNORED, [(1, "a.example")], id="no-value"),
        pytest.param("a.example \t \n", Severity.IGNORED, [(1, "a.example")], id="blank-value"),
        pytest.param("  a.example may\n b.example may", Severity.IGNORED, [(1, "")], id="begins-with-a-blank"),
        pytest.param(b"a.ex\xffmple may\n", Severity.IGNORED, [(1, "a.ex\udcffmple")], id="no-utf8"),
        pytest.param("a.exa\0mple may", Severity.IGNORED, [(1, "a.exa")], id="nul-in-key"),
        pytest.param("a.example may\0 match=x", Severity.WARNING, [(1, "a.example")], id="nul-in-value"),
        pytest.param("a.example bogus", Severity.MAIL, [(1, "a.example")], id="refused-value"),
        pytest.param("a.example may # why", Severity.MAIL, [(1, "a.example")], id="comment-after-value"),
        pytest.param("a.example fingerprint match=A", Severity.MAIL, [(1, "a.example")], id="half-a-byte"),
        pytest.param("a.example. may", Severity.MAIL, [(1, "a.example.")], id="final-dot"),
        pytest.param("*.a.example may", Severity.WARNING, [(1, "*.a.example")], id="star"),
        pytest.param("a.example secure match=next-hop", Severity.WARNING, [(1, "a.example")], id="near-keyword"),
        pytest.param("a.example none x", Severity.WARNING, [(1, "a.example")] * 2, id="ignored-attribute"),
        pytest.param("a.example encrypt protocols=TLSv9", Severity.WARNING, [(1, "a.example")], id="bad-protocol"),
        pytest.param("A.example may", Severity.NOTE, [(1, "A.example")], id="other-case"),
        pytest.param("a.example MAY", Severity.NOTE, [(1, "a.example")], id="other-writing"),
        pytest.param("münchen.example may", Severity.NOTE, [(1, "münchen.example")], id="both-keys"),
    ],
)
def test_findings(text: str | bytes, severity: Severity, where: list[tuple[int, str]]) -> None:
    """What Postfix ignores, refuses or misreads is told with its line."""
    assert told(text, severity) == where


@pytest.mark.parametrize("text", ["\ufeffa.example may", '"a.example" may', "a.example: may"])
def test_keys_that_are_never_found(text: str) -> None:
    """A byte order mark, quotes and a colon are part of the key: told, and no entry comes of it."""
    seen = table(text)

    assert seen.entries == ()
    assert [one.severity for one in seen.findings] == [Severity.WARNING] * 2
    assert lookup(seen, "a.example") is None


def test_a_cut_line_is_no_entry() -> None:
    """A NUL hides a part of the line from Postfix, so that nobody can say what was meant."""
    assert table("a.example may\0").entries == ()


def test_crlf_is_taken() -> None:
    """A carriage return before the line end is a blank to Postfix."""
    assert table("a.example may\r\nb.example\tencrypt\r\n").entries == (
        entry("a.example", SecurityLevel.MAY),
        entry("b.example"),
    )


def test_of_duplicates_the_first_counts() -> None:
    """postmap keeps the first; both lines stay to be told."""
    seen = table("a.example may\nA.example encrypt\n")

    assert len(seen.lines) == 2
    assert seen.entries == (entry("a.example", SecurityLevel.MAY),)
    assert lookup(seen, "a.example") == ("a.example", "may")


@pytest.mark.parametrize(
    ("nexthop", "found"),
    [
        ("example.com", ("example.com", "secure")),
        ("EXAMPLE.com", ("example.com", "secure")),
        ("sub.example.com", (".example.com", "encrypt")),
        ("a.sub.example.com", (".example.com", "encrypt")),
        ("other.com", (".com", "may")),
        ("[example.com]", None),
        ("example.com:25", ("example.com:25", "dane")),
        ("[example.com]:25", ("[example.com]:25", "verify")),
        ("[example.com]:smtp", None),
        ("com", None),
    ],
)
def test_lookup_order(nexthop: str, found: tuple[str, str] | None) -> None:
    """Exact, then the parents with a leading dot; brackets and ports exact only."""
    seen = table(
        "example.com secure\n.example.com encrypt\n.COM may\nexample.com:25 dane\n[example.com]:25 verify\n"
        "com.example none\nexample.org none\n"
    )

    assert lookup(seen, nexthop) == found


def test_render_sorts_and_hashes() -> None:
    """The bytes depend on the entries alone, and the sha256 on the bytes."""
    one, two = entry("b.example"), entry("a.example", SecurityLevel.NONE)

    written = render([one, two], "Head\nline two")

    assert written == render([two, one], "Head\nline two")
    assert written.text == "# Head\n# line two\na.example\tnone\nb.example\tencrypt\n"
    assert written.sha256 == hashlib.sha256(written.text.encode()).hexdigest()
    assert render([]).text == ""


def test_render_keeps_comments() -> None:
    """Comments stand above their line and are comments whatever they hold."""
    written = render([entry("a.example")], comments={"a.example": ["# old\nevil.example none", "\rx", ""]})

    assert [line.key for line in table(written.text).lines] == ["a.example"]
    assert written.text.startswith("# old\ufffdevil.example none\n# ")


@pytest.mark.parametrize("other", ["a.example", "A.EXAMPLE"])
def test_render_refuses_a_key_twice(other: str) -> None:
    """One duplicate would stop a texthash: table as a whole."""
    with pytest.raises(MapRefused):
        render([entry("a.example"), entry(other)])


def test_render_refuses_keys_that_fold_alike() -> None:
    """Postfix folds sharp s to ss."""
    with pytest.raises(MapRefused, match="one key"):
        render([entry("straße.example"), entry("strasse.example")])


WORDS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(WORDS.filter(lambda word: not word.isdigit() and word[2:4] != "--"), min_size=2, max_size=4).map(
    ".".join
)
KEYS = st.one_of(
    HOSTS,
    HOSTS.map(".{}".format),
    HOSTS.map("[{}]".format),
    st.tuples(HOSTS, st.integers(1, 65535)).map("[{0[0]}]:{0[1]}".format),
)
DIGESTS = st.lists(st.binary(min_size=32, max_size=32).map(lambda digest: digest.hex(":")), min_size=1, max_size=3)
COMMON = {
    "protocols": st.sampled_from(["", ":", ">=TLSv1.2", "!SSLv2:!SSLv3"]),
    "ciphers": st.sampled_from(["", "high"]),
    "exclude": st.sampled_from(["", ":", "aNULL:RC4"]),
    "servername": st.one_of(st.just(""), HOSTS),
    "connection_reuse": st.sampled_from([None, True, False]),
}
LEVELS = st.sampled_from([SecurityLevel.MAY, SecurityLevel.ENCRYPT, SecurityLevel.DANE, SecurityLevel.DANE_ONLY])
PKIX = st.sampled_from([SecurityLevel.VERIFY, SecurityLevel.SECURE])
NAMES = st.lists(
    st.one_of(HOSTS, HOSTS.map(".{}".format), st.sampled_from(["nexthop", "dot-nexthop", "hostname"])), max_size=3
)
NEXTHOPS = KEYS.map(Nexthop.parse)
ENTRIES = st.one_of(
    st.builds(PolicyEntry, NEXTHOPS, st.just(SecurityLevel.NONE)),
    st.builds(PolicyEntry, NEXTHOPS, LEVELS, **COMMON),
    st.builds(PolicyEntry, NEXTHOPS, PKIX, match=NAMES.map(tuple), **COMMON),
    st.builds(PolicyEntry, NEXTHOPS, st.just(SecurityLevel.FINGERPRINT), match=DIGESTS.map(tuple), **COMMON),
)


@given(st.lists(ENTRIES, max_size=6, unique_by=lambda one: table_key(one.nexthop.text)), st.text(max_size=30))
def test_what_is_written_is_read_back(entries: list[PolicyEntry], header: str) -> None:
    """parse(render(x)) == x, without a finding but warnings."""
    seen = parse(render(entries, header).text, NEW)

    assert seen.entries == tuple(sorted(entries, key=lambda one: one.nexthop.text))
    assert all(one.severity is Severity.WARNING for one in seen.findings)


@given(st.text(alphabet=st.sampled_from(list('ab.# \t\n\r\0=:"{}é\ufeff')), max_size=60))
def test_every_text_is_a_table(text: str) -> None:
    """Reading never fails, and what can be written again means the same."""
    seen = table(text)

    for one in seen.entries:
        assert table(render([one]).text).entries == (one,)


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3))
def test_no_header_or_comment_becomes_a_line(header: str, comments: list[str]) -> None:
    """Whatever a comment holds, the table has the one entry."""
    written = render([entry("a.example")], header, {"a.example": comments})

    assert [line.key for line in table(written.text).lines] == ["a.example"]
    assert all(line.startswith("#") or line == "a.example\tencrypt" for line in written.text.splitlines())


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_pasted_line_brings_a_second_entry(key: str, value: str) -> None:
    """What is taken from one pasted line is one line again."""
    for one in table(f"{key} {value}").entries:
        try:
            text = render([one]).text
        except RefusedInput:
            continue
        assert text.count("\n") == 1
