"""Entries that Postfix takes, and that say what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.entry import NOTHING, PolicyEntry, parse_entry, render_entry, render_value
from partners.core.errors import EntryRefused, RefusedInput
from partners.core.grammar import Invalid, ParsedPolicy, parse_value
from partners.core.levels import SecurityLevel
from partners.core.names import Nexthop
from partners.core.relay import PostfixRelease, RelaySettings

OLD, NEW = PostfixRelease(3, 7, 11), PostfixRelease(3, 10, 13)
SHA256, OTHER = "AA:" * 31 + "AA", "BB:" * 31 + "BB"
RELAY = RelaySettings()


def entry(value: str, nexthop: str = "example.com", release: PostfixRelease = NEW) -> PolicyEntry:
    return parse_entry(nexthop, value, release)


ENTRIES = [
    ("secure", "secure"),
    ("SECURE Match=MX.example.net:.b.example", "secure match=mx.example.net:.b.example"),
    ("verify match=a.example match=a.example", "verify match=a.example"),
    ("secure match=münchen.example", "secure match=xn--mnchen-3ya.example"),
    (f"fingerprint match={SHA256.lower()}|{OTHER}", f"fingerprint match={SHA256}|{OTHER}"),
    ("encrypt protocols=>=tlsv1.2:!TLSV1.3", "encrypt protocols=>=TLSv1.2:!TLSv1.3"),
    ("encrypt protocols=<=0x304", "encrypt protocols=<=0x304"),
    ("encrypt protocols= exclude=", "encrypt protocols=: exclude=:"),
    ("may ciphers=HIGH exclude=aNULL:RC4", "may ciphers=high exclude=aNULL:RC4"),
    ("dane servername=hostname", "dane servername=hostname"),
    ("dane-only connection_reuse=yes", "dane-only connection_reuse=yes"),
    ("secure tafile=/a.pem tafile=b.pem", "secure tafile=/a.pem tafile=b.pem"),
    ("encrypt enable_rpk=no", "encrypt enable_rpk=no"),
    (
        "secure match=hostname policy_type=sts mx_host_pattern=*.a.example",
        "secure match=hostname policy_type=sts mx_host_pattern=*.a.example",
    ),
    ("none", "none"),
]


@pytest.mark.parametrize(("value", "written"), [pytest.param(*case, id=case[0][:40]) for case in ENTRIES])
def test_an_entry_is_written_in_one_form(value: str, written: str) -> None:
    """What is read and written once stays as it is."""
    one = entry(value)

    assert render_value(one) == written
    assert render_entry(one) == f"example.com\t{written}"
    assert entry(written) == one


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("none match=x", "ignoring attribute"),
        ("secure match=:", "nothing is left"),
        ("secure match=mx.example.", "final dot"),
        (f"fingerprint match={SHA256}|zz", "malformed"),
        ("fingerprint match=AABB", "no fingerprint"),
        ("fingerprint", "nothing is pinned"),
        (f"fingerprint match={SHA256}|{'AA' * 20}", "several algorithms"),
        ("encrypt protocols=TLSv9", "no protocol"),
        ("encrypt protocols=TLSv1::TLSv1.1", "no protocol"),
        ("encrypt protocols=0x303", "no protocol"),
        ("may ciphers=null", "no cipher grade"),
        ("may ciphers=strong", "no cipher grade"),
        ("may exclude=!aNULL", "by name"),
        ("may exclude=a::b", "by name"),
        ("secure tafile=/a{b}.pem", "no path"),
        ("secure match=192.0.2.1:a.example", "match together"),
        ("secure {match = a b}", "blank"),
        ("may policy_type=sts {policy_domain = a b}", "cannot be written"),
        ("bogus", "refuses it"),
        ("encrypt servername=Hostname", "lower case alone"),
    ],
)
def test_an_entry_is_refused(value: str, cause: str) -> None:
    """What Postfix would ignore, misread or notice at the handshake only never becomes an entry."""
    with pytest.raises(EntryRefused) as refused:
        entry(value)

    assert refused.value.subject == "nexthop example.com"
    assert cause in refused.value.cause


@pytest.mark.parametrize(
    "fields",
    [
        {"level": SecurityLevel.NONE, "ciphers": "high"},
        {"level": SecurityLevel.ENCRYPT, "match": ("a.example",)},
        {"level": SecurityLevel.DANE, "tafile": ("/a.pem",)},
        {"level": SecurityLevel.FINGERPRINT, "match": (SHA256,), "tafile": ("/a.pem",)},
        {"level": SecurityLevel.MAY, "servername": "a b"},
        {"level": SecurityLevel.MAY, "servername": "a.example."},
        {"level": SecurityLevel.MAY, "servername": "a..example"},
        {"level": SecurityLevel.MAY, "sts": (("match", "x"),)},
        {"level": SecurityLevel.MAY, "sts": (("bogus", "x"),)},
        {"level": SecurityLevel.MAY, "sts": (("policy_ttl", "1"),)},
    ],
)
def test_the_constructor_refuses_too(fields: dict[str, object]) -> None:
    """An entry is valid by construction, however it is made."""
    with pytest.raises(EntryRefused):
        PolicyEntry(Nexthop.parse("example.com"), **fields)  # type: ignore[arg-type]


def test_secure_needs_a_name_for_an_address() -> None:
    """The default of secure never succeeds for [ip]; match=nexthop does."""
    with pytest.raises(EntryRefused, match="write match=nexthop"):
        entry("secure", "[192.0.2.1]")
    with pytest.raises(EntryRefused, match="match together"):
        entry("secure match=nexthop:a.example", "[192.0.2.1]")
    assert render_entry(entry("secure match=nexthop", "[192.0.2.1]")) == "[192.0.2.1]\tsecure match=nexthop"
    assert render_value(entry("verify", "[192.0.2.1]")) == "verify"


def test_warnings() -> None:
    """What Postfix takes but hardly means what was meant is told."""
    assert "nexthop is the keyword" in entry("secure match=next-hop").warnings[0]
    assert "TLSA" in entry("dane servername=a.example").warnings[0]
    assert "no effect" in entry("secure enable_rpk=yes").warnings[0]
    assert entry("encrypt enable_rpk=yes").warnings == ()


@pytest.mark.parametrize(
    ("value", "since"),
    [
        ("secure", (2, 3)),
        ("may ciphers=high", (2, 6)),
        ("encrypt ciphers=high", (2, 3)),
        ("dane", (2, 11)),
        ("encrypt protocols=>=TLSv1.2", (3, 6)),
        ("encrypt servername=a.example", (3, 4)),
        ("encrypt enable_rpk=yes", (3, 9)),
        ("encrypt policy_type=sts", (3, 10)),
    ],
)
def test_an_entry_is_checked_for_a_release(value: str, since: tuple[int, int]) -> None:
    """What the oldest relay of a group cannot take is refused for it."""
    one = entry(value)

    assert one.since == PostfixRelease(*since)
    assert one.check_for(one.since) is one
    with pytest.raises(EntryRefused):
        one.check_for(PostfixRelease(since[0], since[1] - 1))


def test_main_cf_stands_where_nothing_is_set() -> None:
    """An empty text is not written; ":" is, and replaces main.cf's list by an empty one."""
    one = PolicyEntry(Nexthop.parse("a.example"), SecurityLevel.ENCRYPT, protocols="", exclude=NOTHING)

    assert render_value(one) == "encrypt exclude=:"
    read_back = one.as_read_by(RELAY)
    assert (read_back.protocols, read_back.exclude) == (None, ":")


HOSTILE = st.text(alphabet=st.sampled_from(list("ab.:|,=#{}\n\r\t \0\"'!>*é\u2028")), max_size=12)


@given(
    st.sampled_from(SecurityLevel),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("protocols", "ciphers", "exclude", "servername"), HOSTILE)),
    st.lists(HOSTILE, max_size=2),
    st.lists(HOSTILE, max_size=2),
)
def test_no_field_puts_a_line_or_an_attribute_into_the_map(
    level: SecurityLevel, texts: dict[str, str], match: list[str], tafile: list[str]
) -> None:
    """Whatever an entry is made of, its line is one line, and Postfix reads just the fields that were set."""
    try:
        one = PolicyEntry(Nexthop.parse("example.com"), level, match=tuple(match), tafile=tuple(tafile), **texts)
    except RefusedInput:
        return

    line = render_entry(one)
    assert line.isprintable() or line.replace("\t", "").isprintable()
    assert line.isascii()
    for release in (OLD, NEW):
        policy = parse_value(line.partition("\t")[2], release)
        assert isinstance(policy, ParsedPolicy)
        assert (policy.level, policy.match, policy.tafile) == (level, one.match, one.tafile)
        for name in ("protocols", "ciphers", "exclude", "servername"):
            assert (getattr(policy, name) or "") == getattr(one, name)


@given(st.text(max_size=60), st.sampled_from([OLD, NEW]))
def test_every_text_is_read(text: str, release: PostfixRelease) -> None:
    """Reading never fails; what can become an entry is read back as the same."""
    assert isinstance(parse_value(text, release, RELAY), ParsedPolicy | Invalid)
    try:
        one = parse_entry("example.com", text, release)
    except RefusedInput:
        return
    assert parse_entry("example.com", render_value(one), release) == one
