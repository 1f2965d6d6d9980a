"""Nexthops, lookup keys and the names of match=."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.errors import NameRefused
from partners.core.names import (
    DnsName,
    MatchKind,
    MatchName,
    Nexthop,
    NexthopKind,
    fold,
    is_hostname,
    lookup_keys,
    shown,
    table_key,
    to_ascii,
    to_unicode,
)

TAKEN = [
    ("example.com", "example.com", NexthopKind.DOMAIN, "example.com", 25),
    (" Example.COM\t", "example.com", NexthopKind.DOMAIN, "example.com", 25),
    ("localhost", "localhost", NexthopKind.DOMAIN, "localhost", 25),
    ("_spf.x-y.example", "_spf.x-y.example", NexthopKind.DOMAIN, "_spf.x-y.example", 25),
    (".example.com", ".example.com", NexthopKind.PARENT, "example.com", 25),
    (".com", ".com", NexthopKind.PARENT, "com", 25),
    ("example.com:587", "example.com:587", NexthopKind.DOMAIN_PORT, "example.com", 587),
    ("[mx.example.com]", "[mx.example.com]", NexthopKind.LITERAL, "mx.example.com", 25),
    ("[MX.example.com]:25", "[mx.example.com]:25", NexthopKind.LITERAL, "mx.example.com", 25),
    ("[mx.example.com]:submission", "[mx.example.com]:submission", NexthopKind.LITERAL, "mx.example.com", 587),
    ("[192.0.2.1]", "[192.0.2.1]", NexthopKind.ADDRESS, "192.0.2.1", 25),
    ("[ipv6:2001:DB8::1]:465", "[ipv6:2001:db8::1]:465", NexthopKind.ADDRESS, "2001:db8::1", 465),
    ("[2001:db8::1]", "[2001:db8::1]", NexthopKind.ADDRESS, "2001:db8::1", 25),
    ("München.example", "münchen.example", NexthopKind.DOMAIN, "münchen.example", 25),
    ("日本。example", "日本.example", NexthopKind.DOMAIN, "日本.example", 25),
    ("xn--zzzzzz.example", "xn--zzzzzz.example", NexthopKind.DOMAIN, "xn--zzzzzz.example", 25),
]
REFUSED = [
    ("", "empty"),
    ("  ", "empty"),
    ("a b.example", "blank"),
    ("a.example\nb.example may", "blank"),
    ("a.example\u2028b", "blank"),
    ("a\N{NO-BREAK SPACE}b.example", "blank"),
    ("a\0.example", "control"),
    ("a\u202eb.example", "control"),
    ("a\u200bb.example", "control"),
    ("a,b.example", "comma"),
    ("#a.example", "'#'"),
    ('"a.example"', "quote"),
    ("'a.example'", "quote"),
    ("a\\.example", "backslash"),
    ("http://a.example", "slash"),
    ("a.example.", "final dot"),
    ("[a.example.]", "nothing else"),
    ("*.example.com", "'*'"),
    ("user@example.com", "never an address"),
    ("192.0.2.1", "brackets"),
    ("ipv6:2001:db8::1", "brackets"),
    ("2001:db8::1", "brackets"),
    ("1.2.3", "digits alone"),
    ("a..example", "a label is empty"),
    ("..example", "a label is empty"),
    ("[]", "a label is empty"),
    ("-a.example", "nothing else"),
    ("a-.example", "nothing else"),
    ("a!.example", "nothing else"),
    ("[a.example", "nothing else"),
    ("[a.example]x", "nothing else"),
    ("[fe80::1%eth0]", "nothing else"),
    ("[ipv6:192.0.2.1]", "nothing else"),
    ("smtp:example.com", "no port"),
    ("example.com:", "no port"),
    ("example.com:0", "no port"),
    ("example.com:65536", "no port"),
    ("example.com:٢٥", "no port"),
    ("a" * 64 + ".example", "a label is longer"),
    ("ä" * 60 + ".example", "IDNA"),
    ("a." * 130 + "example", "longer than 253"),
    ("a" * 400, "longer than"),
    ("\N{SNOWMAN}.example", "IDNA"),
]


@pytest.mark.parametrize(("text", "key", "kind", "host", "port"), [pytest.param(*case, id=case[0]) for case in TAKEN])
def test_a_nexthop_is_taken(text: str, key: str, kind: NexthopKind, host: str, port: int) -> None:
    """The key is what Postfix looks up, in lower case, with brackets and port as written."""
    nexthop = Nexthop.parse(text)

    assert (nexthop.text, nexthop.kind, nexthop.host, nexthop.port, str(nexthop)) == (key, kind, host, port, key)
    assert Nexthop.parse(key) == nexthop


@pytest.mark.parametrize(("text", "cause"), [pytest.param(*case, id=repr(case[0][:40])) for case in REFUSED])
def test_a_nexthop_is_refused(text: str, cause: str) -> None:
    """What Postfix never looks up, misreads or dies of names its subject and cause."""
    with pytest.raises(NameRefused) as refused:
        Nexthop.parse(text)

    assert cause in refused.value.cause
    assert refused.value.subject.startswith("nexthop ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("user@example.com", "example.com"),
        ("*.example.com", ".example.com"),
        ("example.com.", "example.com"),
        ("192.0.2.1", "[192.0.2.1]"),
        ("2001:db8::1", "[ipv6:2001:db8::1]"),
    ],
)
def test_a_refusal_names_the_key_that_was_meant(text: str, meant: str) -> None:
    """Where the right key is plain, the cure says it."""
    with pytest.raises(NameRefused) as refused:
        Nexthop.parse(text)

    assert refused.value.cure == f"write {meant}"
    assert Nexthop.parse(meant).text == meant


def test_a_nexthop_cannot_be_built_with_a_second_line() -> None:
    """Not even the constructor takes a line end."""
    with pytest.raises(NameRefused):
        Nexthop("a.example\nb.example may", NexthopKind.DOMAIN, "a.example")


def test_who_asks_for_mx() -> None:
    """Brackets and parent keys have no MX; a parent is no destination."""
    asked = {text: Nexthop.parse(text).asks_mx for text in ("a.example", "a.example:25", "[a.example]", ".a.example")}

    assert list(asked.values()) == [True, True, False, False]
    assert [Nexthop.parse(text).is_destination for text in ("a.example", ".a.example")] == [True, False]
    assert str(Nexthop.parse("[ipv6:2001:db8:0::1]").address) == "2001:db8::1"
    assert Nexthop.parse("a.example").address is None


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("example.com", ("example.com",)),
        ("münchen.example", ("xn--mnchen-3ya.example", "münchen.example")),
        ("xn--mnchen-3ya.example", ("xn--mnchen-3ya.example", "münchen.example")),
        (".münchen.example", (".xn--mnchen-3ya.example", ".münchen.example")),
        ("[mx.münchen.example]:25", ("[mx.xn--mnchen-3ya.example]:25", "[mx.münchen.example]:25")),
        ("straße.example", ("xn--strae-oqa.example", "straße.example")),
        ("xn--zzzzzz.example", ("xn--zzzzzz.example",)),
        ("[192.0.2.1]", ("[192.0.2.1]",)),
    ],
)
def test_an_internationalised_name_has_two_keys(text: str, keys: tuple[str, ...]) -> None:
    """Postfix converts nothing for the lookup, so that both forms are needed."""
    assert Nexthop.parse(text).keys() == keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("A.b.Example", ("a.b.example", ".b.example", ".example")),
        ("example", ("example",)),
        ("_a.b", ("_a.b", ".b")),
        ("[a.b.example]", ("[a.b.example]",)),
        ("[a.b.example]:25", ("[a.b.example]:25",)),
        ("a.b.example:25", ("a.b.example:25",)),
        ("[192.0.2.1]", ("[192.0.2.1]",)),
        ("192.0.2.1", ("192.0.2.1",)),
        ("ä.b.example", ("ä.b.example", ".b.example", ".example")),
        ("straße.example", ("strasse.example", ".example")),
        ("a..b", ("a..b",)),
    ],
)
def test_lookup_keys(text: str, keys: tuple[str, ...]) -> None:
    """Exact first; a valid host name brings its dotted parents, nearest first, down to the TLD."""
    assert lookup_keys(text) == keys


def test_two_spellings_of_one_key() -> None:
    """Postfix folds as ICU does: sharp s and ss are one key."""
    assert table_key("Straße.example") == table_key("STRASSE.example") == "strasse.example"


def test_dns_name() -> None:
    """A host name loses one final dot and takes its A-labels."""
    name = DnsName.parse("MX.München.example.")

    assert (name.ascii, name.unicode, str(name)) == ("mx.xn--mnchen-3ya.example", "mx.münchen.example", name.ascii)
    with pytest.raises(NameRefused):
        DnsName.parse("a..example")


@pytest.mark.parametrize(
    ("text", "written", "kind", "warned"),
    [
        ("NextHop", "nexthop", MatchKind.NEXTHOP, ""),
        ("dot-nexthop", "dot-nexthop", MatchKind.DOT_NEXTHOP, ""),
        ("HOSTNAME", "hostname", MatchKind.HOSTNAME, ""),
        ("next-hop", "next-hop", MatchKind.LITERAL, "nexthop is the keyword"),
        (".nexthop", ".nexthop", MatchKind.SUFFIX, "dot-nexthop is the keyword"),
        ("Mx.Example.com", "mx.example.com", MatchKind.LITERAL, ""),
        ("localhost", "localhost", MatchKind.LITERAL, "single label"),
        (".example.com", ".example.com", MatchKind.SUFFIX, ""),
        ("*.example.com", "*.example.com", MatchKind.LITERAL, ".example.com means all names below"),
        ("192.0.2.1", "192.0.2.1", MatchKind.ADDRESS, ""),
        ("münchen.example", "xn--mnchen-3ya.example", MatchKind.LITERAL, ""),
        (".münchen.example", ".xn--mnchen-3ya.example", MatchKind.SUFFIX, ""),
    ],
)
def test_match_names(text: str, written: str, kind: MatchKind, warned: str) -> None:
    """Keywords ignore case; near misses are literal names to Postfix and draw a warning."""
    name = MatchName.parse(text)

    assert (name.text, name.kind, str(name)) == (written, kind, written)
    assert warned in name.warning
    assert bool(warned) == bool(name.warning)


@pytest.mark.parametrize(
    "text",
    ["", ".", "mx.example.", "a:b", "a|b", "2001:db8::1", "a b", "a\nb", "a,b", "*", "m*.example.com", "a.*.b", "{a}"],
)
def test_match_names_refused(text: str) -> None:
    """What can match nothing, or would split the entry, is no name."""
    with pytest.raises(NameRefused):
        MatchName.parse(text)


def test_names_that_cannot_be_converted_stay() -> None:
    """An unconvertible name stays as it is, and is no host name."""
    assert to_ascii("\N{SNOWMAN}.example") == "\N{SNOWMAN}.example"
    assert to_unicode("xn--zzzzzz.example") == "xn--zzzzzz.example"
    assert not is_hostname("\N{SNOWMAN}.example")
    assert fold("STRASSE ") == "strasse"


def test_shown_is_one_short_line() -> None:
    """A text from outside stands in a message on one line and cut."""
    assert shown("a\nb\x1b[1m") == "a\ufffdb\ufffd[1m"
    assert shown("x" * 100, 10) == "x" * 9 + "…"


@given(st.text(max_size=40))
def test_a_key_is_one_word_whatever_comes(text: str) -> None:
    """No text becomes a key with a blank, a comma, a comment or a line end in it."""
    try:
        key = Nexthop.parse(text).text
    except NameRefused:
        return

    assert key.isprintable()
    assert not set(key) & set(' ,#"\t\r\n{}=')


@given(st.text(max_size=40))
def test_a_match_name_is_one_field_whatever_comes(text: str) -> None:
    """No text becomes a name that splits match= or the entry."""
    try:
        name = MatchName.parse(text).text
    except NameRefused:
        return

    assert name.isascii()
    assert not set(name) & set(' ,:|#"\t\r\n{}=')


@pytest.mark.parametrize(
    ("text", "as_host", "at_2525"),
    [
        ("example.com", "[example.com]:25", "example.com:2525"),
        ("example.com:587", "[example.com]:587", "example.com:587"),
        ("[example.com]", "[example.com]", "[example.com]:2525"),
        ("[example.com]:587", "[example.com]:587", "[example.com]:587"),
    ],
)
def test_other_ways_to_the_same_host(text: str, as_host: str, at_2525: str) -> None:
    """Without MX records, and at the relay's own default port."""
    nexthop = Nexthop.parse(text)

    assert (nexthop.as_host().text, nexthop.with_port("2525").text, nexthop.with_port("smtp").text) == (
        as_host,
        at_2525,
        text,
    )


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Example.COM", "Example.COM"),
        ("example.com", "example.com"),
        ("[MX.Example.com]:25", "MX.Example.com"),
        ("Example.com:587", "Example.com"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("[IPv6:2001:DB8::1]", "2001:db8::1"),
    ],
)
def test_the_dns_is_asked_in_the_case_that_was_written(text: str, asked: str) -> None:
    """Names in its answer, and so in Postfix's log, come back in that case; the key is the same all the same."""
    nexthop = Nexthop.parse(text)

    assert nexthop.asked_name == asked
    assert nexthop == Nexthop.parse(nexthop.text)


def test_a_port_may_have_leading_zeros() -> None:
    """Postfix reads it so; the key keeps them."""
    assert (Nexthop.parse("[mx.example.com]:0025").port, Nexthop.parse("example.com:025").text) == (
        25,
        "example.com:025",
    )
