"""Values as Postfix reads them, and entries that say what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.entry import NOTHING, PolicyEntry, parse_entry, render_entry, render_value
from partners.core.errors import EntryRefused, RefusedInput
from partners.core.grammar import NOTHING_LEFT, Invalid, ParsedPolicy, digest_of, parse_value
from partners.core.levels import SecurityLevel
from partners.core.names import Nexthop
from partners.core.relay import PostfixRelease, RelaySettings

OLD, V38, V39, NEW = (PostfixRelease(*parts) for parts in ((3, 7, 11), (3, 8, 8), (3, 9, 14), (3, 10, 13)))
SHA256, OTHER = "AA:" * 31 + "AA", "BB:" * 31 + "BB"
PEM = b"words\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nmore"
FILES = (
    ("good", PEM),
    ("gone", None),
    ("empty", b""),
    ("text", b"no PEM here"),
    ("broken", PEM.replace(b"AAAA", b"A!AA")),
    ("cut", PEM.partition(b"-----END")[0]),
    ("key", PEM.replace(b"CERTIFICATE", b"PRIVATE KEY")),
)
RELAY = RelaySettings(ta_files=FILES)


def read(value: str, release: PostfixRelease = OLD) -> ParsedPolicy:
    policy = parse_value(value, release)
    assert isinstance(policy, ParsedPolicy), policy
    return policy


def entry(value: str, nexthop: str = "example.com", release: PostfixRelease = NEW) -> PolicyEntry:
    return parse_entry(nexthop, value, release)


@pytest.mark.parametrize("level", [level.value for level in SecurityLevel if level is not SecurityLevel.FINGERPRINT])
def test_levels_ignore_case(level: str) -> None:
    """All eight levels are read in any case."""
    assert read(f"\t {level.upper()} ,\n").level.value == level


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "invalid empty policy"),
        (" ,\t\r\n", "invalid empty policy"),
        ("half-dane", "invalid security level"),
        ("halfdane", "invalid security level"),
        ("secure;match=x", "invalid security level"),
        ('"secure"', "invalid security level"),
        ("may\vciphers=high", "invalid security level"),
        ("may # comment", "missing '='"),
        ("encrypt ciphers =high", "missing '='"),
        ("encrypt ciphers= high", "empty value"),
        ("encrypt =high", "missing attribute name"),
        ("encrypt unknown=1", "invalid attribute name"),
        ("may match=x", 'invalid at security level "may"'),
        ("encrypt match=x", 'invalid at security level "encrypt"'),
        ("dane match=x", 'invalid at security level "dane"'),
        ("dane-only match=x", 'invalid at security level "dane-only"'),
        ("fingerprint tafile=x", 'invalid at security level "fingerprint"'),
        ("dane tafile=x", 'invalid at security level "dane"'),
        ("secure match=", "empty value"),
        ("secure tafile=", "empty value"),
        ("may ciphers=", "empty value"),
        ("may servername=", "empty value"),
        ("may ciphers=high CIPHERS=low", "multiple times"),
        ("may protocols= protocols=", "multiple times"),
        ("may exclude=a exclude=b", "multiple times"),
        ("may servername=a.example servername=a.example", "multiple times"),
        ("may servername=a.example.", "invalid hostname"),
        ("may servername=münchen.example", "invalid hostname"),
        ("may servername=192.0.2.1", "invalid hostname"),
        ("may connection_reuse=maybe", "bad value"),
        ("fingerprint match=AA,BB", "missing '='"),
        ("fingerprint match=A", "panics"),
    ],
)
def test_values_that_postfix_refuses(value: str, reason: str) -> None:
    """An invalid entry stops mail; the reason is Postfix's own."""
    policy = parse_value(value, OLD)

    assert isinstance(policy, Invalid)
    assert reason in policy.reason
    assert policy.invalid == policy.reason


def test_separators_are_blanks_and_commas() -> None:
    """Attributes are separated by blanks, line ends and commas, names within match= by colons."""
    policy = read("secure,match=a:b,,\tMatch=:c:\n protocols=!SSLv2:!SSLv3 ciphers=high")

    assert (policy.match, policy.protocols, policy.ciphers) == (("a", "b", "c"), "!SSLv2:!SSLv3", "high")


def test_repeats() -> None:
    """match and tafile add up; of connection_reuse the last one wins; empty protocols and exclude are values."""
    policy = read(
        "verify match=a tafile=/1 match=b tafile=/2 connection_reuse=YES connection_reuse=no exclude= protocols="
    )

    assert (policy.match, policy.tafile, policy.connection_reuse) == (("a", "b"), ("/1", "/2"), False)
    assert (policy.exclude, policy.protocols, policy.ciphers, policy.enable_rpk) == ("", "", None, None)


def test_none_ignores_every_attribute() -> None:
    """At level none even nonsense is ignored, with a warning for each."""
    policy = read("none match nonsense=1")

    assert policy.warnings == (
        'ignoring attribute "match" with TLS disabled',
        'ignoring attribute "nonsense=1" with TLS disabled',
    )


@pytest.mark.parametrize("value", ["secure match=:", "verify match=::", "secure match=."])
def test_nothing_left_to_match(value: str) -> None:
    """Empty fields and a lone dot are dropped; main.cf's names do not come back."""
    assert read(value).match == NOTHING_LEFT
    assert bool(read(value).warnings) == ("." in value)


@pytest.mark.parametrize(
    ("value", "since"),
    [
        ("may enable_rpk=yes", V39),
        ("may policy_type=sts", NEW),
        ("secure policy_type=sts mx_host_pattern=a mx_host_pattern=b", NEW),
        ("secure { match = a }", NEW),
        ("may servername=a.example", PostfixRelease(3, 4)),
        ("may exclude=a", PostfixRelease(2, 6)),
        ("dane", PostfixRelease(2, 11)),
        ("secure tafile=/x", PostfixRelease(2, 11)),
        (f"fingerprint match={SHA256}", PostfixRelease(2, 5)),
    ],
)
def test_what_came_with_which_release(value: str, since: PostfixRelease) -> None:
    """An attribute or level that the running release does not know stops mail."""
    before = PostfixRelease(since.major, since.minor - 1, 99)

    assert isinstance(parse_value(value, before), Invalid)
    assert isinstance(parse_value(value, since), ParsedPolicy)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("secure {match=a}", ("a",)),
        ("secure { match = a b }", ("a b",)),
        ("secure { match = a, b },{ciphers = high}", ("a, b",)),
        ("secure match={a b}", ("{a b}",)),
        ("secure match=a}", ("a}",)),
        ("secure { match = {a} }", ("{a}",)),
    ],
)
def test_braces_from_3_10(value: str, match: tuple[str, ...]) -> None:
    """Within braces separators do not count, and blanks around '=' are taken off."""
    assert read(value, NEW).match == match


@pytest.mark.parametrize(
    "value", ["secure {match=a", "secure {match=a}b", "secure {}", "secure {match}", "secure { a b = c }"]
)
def test_broken_braces(value: str) -> None:
    """Unbalanced braces and text after them are errors."""
    assert isinstance(parse_value(value, NEW), Invalid)


@pytest.mark.parametrize(
    "value", ["may policy_ttl=1", "secure match=hostname mx_host_pattern=a", "may policy_type=a policy_type=b"]
)
def test_sts_attributes_need_a_type(value: str) -> None:
    """policy_* and mx_host_pattern without policy_type, or twice, are errors."""
    assert isinstance(parse_value(value, NEW), Invalid)


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("good", True),
        ("gone", False),
        ("empty", False),
        ("text", False),
        ("broken", False),
        ("cut", False),
        ("key", True),
        ("?", True),
    ],
)
def test_tafiles_are_looked_at(path: str, taken: bool) -> None:
    """No file, no PEM object and broken base64 stop mail; a private key counts as loaded, though it adds nothing."""
    policy = parse_value(f"secure tafile={path}", OLD, RELAY)

    assert isinstance(policy, ParsedPolicy) is taken


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (SHA256, 32),
        (SHA256.lower().replace(":", ""), 32),
        ("AABB:CC", 3),
        (f":{SHA256}", None),
        (f"{SHA256}:", None),
        ("A:A", None),
        ("AAB", None),
        ("AA::BB", None),
        ("SHA256:AA", None),
        ("", None),
    ],
)
def test_the_form_of_a_fingerprint(text: str, size: int | None) -> None:
    """Hex pairs in any case, colons optional between them, none at the ends, no prefix."""
    digest = digest_of(text)

    assert (None if digest is None else len(digest)) == size


def test_fingerprints_are_separated_by_bars() -> None:
    """Digests contain colons, so that "|" separates them; malformed ones are ignored with a warning."""
    policy = read(f"fingerprint match={SHA256}|{OTHER.lower()}||zz match=AABB")

    assert policy.match == (SHA256, OTHER, "AA:BB")
    assert policy.warnings == ("malformed fingerprint value: zz",)
    assert policy.usable("sha256") == (SHA256, OTHER)


def test_a_fingerprint_of_another_length_matches_nothing() -> None:
    """It is kept and warned of: the entry is valid, and no certificate will do."""
    policy = parse_value("fingerprint match=AABB", OLD, RELAY)

    assert isinstance(policy, ParsedPolicy)
    assert (policy.match, policy.usable("sha256")) == (("AA:BB",), ())
    assert policy.warnings == ("fingerprint AA:BB is no sha256 digest: it matches nothing",)


@pytest.mark.parametrize(
    ("value", "release", "of_main_cf", "taken"),
    [
        ("fingerprint", OLD, (), False),
        ("fingerprint", OLD, (SHA256,), True),
        ("fingerprint", NEW, (SHA256,), True),
        ("fingerprint", NEW, ("zz",), False),
        ("fingerprint match=zz", V38, (SHA256,), True),
        ("fingerprint match=zz", V38, (), False),
        ("fingerprint match=zz", V39, (SHA256,), False),
        ("fingerprint match=|", V38, (SHA256,), True),
    ],
)
def test_where_main_cf_stands_in(value: str, release: PostfixRelease, of_main_cf: tuple[str, ...], taken: bool) -> None:
    """Up to 3.8 malformed values fall back to main.cf's fingerprints, from 3.9 on they stop mail."""
    relay = RELAY.with_(postfix=release, smtp_tls_fingerprint_cert_match=of_main_cf)

    policy = parse_value(value, release, relay)

    assert isinstance(policy, ParsedPolicy) is taken
    assert policy.match == ()


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
