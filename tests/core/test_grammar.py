"""Values as tls_policy_lookup_one() reads them, release by release."""

import pytest

from partners.core.grammar import NOTHING_LEFT, Invalid, ParsedPolicy, digest_of, parse_value
from partners.core.levels import SecurityLevel
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


def test_a_fingerprint_of_the_right_length_draws_no_warning() -> None:
    """Only what the relay's algorithm cannot have made is warned of."""
    policy = parse_value(f"fingerprint match={SHA256}|AABB", OLD, RELAY)

    assert isinstance(policy, ParsedPolicy)
    assert len(policy.warnings) == 1


@pytest.mark.parametrize(("octets", "is_read"), [(64, True), (65, False)])
def test_a_fingerprint_longer_than_any_digest_is_malformed(octets: int, is_read: bool) -> None:
    """Postfix counts characters: 192 at most, which are 64 octets with colons or 96 without."""
    assert (digest_of(":".join(["AB"] * octets)) is not None) is is_read
    assert (digest_of("AB" * 96) is not None, digest_of("AB" * 97)) == (True, None)


def test_a_long_value_without_colons_is_read_twice_alike() -> None:
    """An entry is written with colons only where it can be read again."""
    assert digest_of(read(f"fingerprint match={'ab' * 80}").match[0]) == b"\xab" * 80
