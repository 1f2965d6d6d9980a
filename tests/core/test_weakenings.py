"""Weakenings: denied by default, and none for a proven strengthening."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.core.grammar import Invalid, parse_value
from partners.core.levels import SecurityLevel
from partners.core.policymap import lookup, parse
from partners.core.relay import PostfixRelease, RelaySettings
from partners.core.weakenings import Weakening, weakenings
from tests.kit.ca import new_key, self_signed

A, B = "AA" * 32, "BB" * 32
RELAY = RelaySettings(smtp_tls_security_level=SecurityLevel.MAY)
KEY = "example.com"
ONE = self_signed("one.example", key=new_key()).pem.encode()
TWO = self_signed("two.example", key=new_key()).pem.encode()

# what the entry was, what it becomes, the attributes that are weaker
SAME_KEY = [
    ("none", "may", []),
    ("none", "secure", []),
    ("may", "none", ["level"]),
    ("may", "encrypt", []),
    ("may", "dane", []),
    ("encrypt", "may", ["level"]),
    ("encrypt", "dane", ["level"]),
    ("encrypt", "dane-only", []),
    ("encrypt", f"fingerprint match={A}", []),
    ("encrypt", "secure", []),
    (f"fingerprint match={A}", "secure", ["level"]),
    ("secure", f"fingerprint match={A}", ["level"]),
    ("dane", "dane-only", []),
    ("dane-only", "dane", ["level"]),
    ("dane", "secure", ["level"]),
    ("secure", "dane-only", ["level"]),
    ("secure", "encrypt", ["level"]),
    (f"fingerprint match={A}", f"fingerprint match={A}|{B}", ["match"]),
    (f"fingerprint match={A}|{B}", f"fingerprint match={B}", []),
    (f"fingerprint match={A}|{B}", f"fingerprint match={B}|{A}", []),
    (f"fingerprint match={A}", f"fingerprint match={A.lower()}", []),
    (f"fingerprint match={A}", f"fingerprint match={A}|AABB", []),
    ("secure match=mx.example.net", "secure match=mx.example.net:evil.example", ["match"]),
    ("secure match=mx.example.net:a.example", "secure match=a.example", []),
    ("secure match=.example.net", "secure match=mx.example.net", []),
    ("secure match=.example.net", "secure match=.mx.example.net", []),
    ("secure match=.example.net", "secure match=example.net", ["match"]),
    ("secure match=.example.net", "secure match=.net", ["match"]),
    ("secure match=mx.example.net", "secure match=.example.net", ["match"]),
    ("secure match=.example.net", "secure match=.badexample.net", ["match"]),
    ("secure match=*.example.net", "secure match=mx.example.net", ["match"]),
    ("secure", "secure match=nexthop", []),
    ("secure", "secure match=example.com", []),
    ("secure", "secure match=mx.example.com", []),
    ("secure", "secure match=hostname", ["match"]),
    ("secure", "verify", ["match"]),
    ("verify", "secure", ["match"]),
    ("verify", "verify match=hostname", []),
    ("verify match=nexthop", "secure match=nexthop", []),
    ("secure", "secure match=:", []),
    ("secure match=:", "secure", ["match"]),
    ("secure", "secure tafile=/one.pem", ["tafile"]),
    ("secure tafile=/one.pem", "secure", ["tafile"]),
    ("secure tafile=/one.pem", "secure tafile=/one.pem tafile=/two.pem", ["tafile"]),
    ("secure tafile=/one.pem tafile=/two.pem", "secure tafile=/two.pem", []),
    ("secure tafile=/one.pem", "secure tafile=/unknown.pem", ["tafile"]),
    ("encrypt protocols=>=TLSv1.2", "encrypt", ["protocols"]),
    ("encrypt", "encrypt protocols=>=TLSv1.2", []),
    ("encrypt protocols=TLSv1.2:TLSv1.3", "encrypt protocols=>=0x303", []),
    ("encrypt protocols=!SSLv2:!SSLv3", "encrypt protocols=!SSLv2", ["protocols"]),
    ("encrypt protocols=TLSv1.3", "encrypt protocols=<=TLSv1.2", ["protocols"]),
    ("encrypt protocols=TLSv1.3", "encrypt protocols=", ["protocols"]),
    ("encrypt protocols=junk", "encrypt protocols=TLSv1.3", ["protocols"]),
    ("encrypt protocols=0xzz", "encrypt protocols=0xzz", []),
    ("encrypt ciphers=high", "encrypt ciphers=medium", ["ciphers"]),
    ("encrypt ciphers=medium", "encrypt ciphers=HIGH", []),
    ("encrypt ciphers=low", "encrypt ciphers=export", []),
    ("encrypt ciphers=null", "encrypt ciphers=high", ["ciphers"]),
    ("encrypt ciphers=null", "encrypt ciphers=null servername=a.example", ["servername"]),
    ("encrypt exclude=aNULL:RC4", "encrypt exclude=RC4", ["exclude"]),
    ("encrypt exclude=aNULL", "secure", []),
    ("may exclude=RC4", "may exclude=", ["exclude"]),
    ("encrypt servername=a.example", "encrypt", ["servername"]),
    ("encrypt", "encrypt servername=a.example", ["servername"]),
    ("encrypt", "encrypt connection_reuse=yes", []),
    ("may match=x", "secure", ["level"]),
    ("secure", "may match=x", []),
    ("may protocols=>=TLSv1.2", "encrypt", ["protocols"]),
]


def compare(old: dict[str, str], new: dict[str, str], **changes: object) -> tuple[Weakening, ...]:
    before = RELAY.with_(ta_files=(("/one.pem", ONE), ("/two.pem", TWO)))
    return weakenings(old, new, before, before.with_(**changes))


@pytest.mark.parametrize(
    ("was", "now", "weaker"), [pytest.param(*case, id=f"{case[0]} -> {case[1]}") for case in SAME_KEY]
)
def test_an_entry_is_edited(was: str, now: str, weaker: list[str]) -> None:
    """A change is reported unless each peer accepted after was accepted before."""
    found = compare({KEY: was}, {KEY: now})

    assert [one.what for one in found] == weaker
    assert all(one.key == KEY and one.sentence.startswith(f"{KEY}: ") for one in found)


@pytest.mark.parametrize("value", [case[0] for case in SAME_KEY])
def test_no_change_is_no_weakening(value: str) -> None:
    """The same entry under the same settings never weakens."""
    assert compare({KEY: value}, {KEY: value}) == ()


def test_a_removed_entry_gives_way_to_main_cf() -> None:
    """Without its entry a nexthop gets main.cf's level, which is no floor."""
    (found,) = compare({KEY: "secure"}, {})

    assert (found.key, found.what, found.before, found.after) == (KEY, "level", "secure", "may (main.cf)")
    assert "without its entry, main.cf applies" in found.sentence


def test_a_removed_entry_gives_way_to_its_parent() -> None:
    """Without its entry a nexthop gets its parent's; an equal one is no weakening."""
    old = {KEY: "secure", ".com": "encrypt"}

    (found,) = compare(old, {".com": "encrypt"})

    assert found.after == "encrypt (key .com)"
    assert compare({KEY: "encrypt", ".com": "encrypt"}, {".com": "encrypt"}) == ()


def test_a_new_key_hides_its_parent() -> None:
    """A new exact key with a lower level weakens what the parent demanded."""
    (found,) = compare({".example.com": "secure"}, {".example.com": "secure", "mx.example.com": "encrypt"})

    assert found.key == "mx.example.com"
    assert "the new key hides .example.com" in found.sentence


def test_a_new_parent_below_a_parent_hides_it() -> None:
    """A nearer dotted key hides the farther one for every name below."""
    (found,) = compare({".example.com": "secure"}, {".example.com": "secure", ".sub.example.com": "may"})

    assert found.key == ".sub.example.com"


def test_a_dotted_key_does_not_cover_itself() -> None:
    """A key .example.com says nothing of example.com."""
    (found,) = compare({KEY: "secure"}, {".example.com": "secure"})

    assert found.key == KEY


def test_a_new_key_weaker_than_main_cf() -> None:
    """main.cf's level is a default, so that an entry may lower it."""
    before = RELAY.with_(smtp_tls_security_level=SecurityLevel.ENCRYPT)

    (found,) = weakenings({}, {KEY: "may"}, before, before)

    assert (found.before, found.after) == ("encrypt (main.cf)", "may")


def test_an_address_and_a_name_are_joined_by_and() -> None:
    """With an address among the names nothing but equality is proven."""
    old = {"[192.0.2.1]": "secure match=nexthop"}

    assert compare(old, {"[192.0.2.1]": "secure match=192.0.2.1"}) == ()
    assert compare(old, {"[192.0.2.1]": "secure match=mx.example"})[0].what == "match"


@pytest.mark.parametrize(
    ("value", "changes", "weaker"),
    [
        pytest.param("secure", {"ca_pem": ONE}, ["CA set"], id="ca-added"),
        pytest.param("secure", {"smtp_tls_CApath": "/etc/ssl/certs"}, ["CA set"], id="capath-added"),
        pytest.param("secure", {"smtp_tls_trust_anchor_file": ("/one.pem",)}, ["tafile"], id="anchor-file"),
        pytest.param("secure", {"smtp_tls_scert_verifydepth": 12}, ["smtp_tls_scert_verifydepth"], id="depth"),
        pytest.param("secure", {"smtp_tls_secure_cert_match": ("nexthop",)}, [], id="narrower-default"),
        pytest.param("secure", {"smtp_tls_secure_cert_match": ("hostname",)}, ["match"], id="other-default"),
        pytest.param("secure tafile=/one.pem", {"ta_files": (("/one.pem", TWO),)}, ["tafile"], id="tafile-swapped"),
        pytest.param(f"fingerprint match={A}", {"smtp_tls_fingerprint_digest": "sha1"}, ["match"], id="digest"),
        pytest.param("dane", {"smtp_dns_support_level": "dnssec"}, ["dane"], id="dane-settings"),
        pytest.param("dane", {"postfix": PostfixRelease(3, 7, 13)}, ["dane"], id="dane-default-moved"),
        pytest.param("encrypt", {"smtp_tls_mandatory_protocols": ">=SSLv3"}, ["protocols"], id="floor"),
        pytest.param("encrypt", {"smtp_tls_exclude_ciphers": "RC4"}, [], id="more-excluded"),
        pytest.param("encrypt", {"smtp_tls_servername": "x.example"}, ["servername"], id="servername"),
        pytest.param("encrypt", {"postfix": PostfixRelease(3, 10, 13)}, ["tls_required_enable"], id="tls-required"),
        pytest.param("none", {"smtp_tls_mandatory_protocols": ""}, [], id="none-asks-nothing"),
    ],
)
def test_settings_change(value: str, changes: dict[str, object], weaker: list[str]) -> None:
    """The same entry means something else under other settings."""
    found = compare({KEY: value}, {KEY: value}, **changes)

    assert [one.what for one in found if one.key] == weaker


def test_raw_keys_and_sts_and_wrappermode() -> None:
    """Raw public keys, MX patterns and a dropped wrappermode are reported."""
    relay = RELAY.with_(postfix=PostfixRelease(3, 10, 13), smtp_tls_wrappermode=True)
    old = {KEY: "encrypt"}

    assert weakenings(old, {KEY: "encrypt enable_rpk=yes"}, relay, relay)[0].what == "enable_rpk"
    assert weakenings(old, {KEY: "encrypt policy_type=sts"}, relay, relay)[0].what == "mx_host_pattern"
    assert weakenings(old, old, relay, relay.with_(smtp_tls_wrappermode=False))[-1].what == "smtp_tls_wrappermode"


def test_a_table_is_compared_as_it_is_parsed() -> None:
    """A parsed table stands for its values; of duplicates the first counts."""
    old = parse("example.com secure\n", RELAY.postfix)
    new = parse("Example.com secure\nexample.com none\n", RELAY.postfix)

    assert weakenings(old, new, RELAY, RELAY) == ()
    assert weakenings(old, parse("", RELAY.postfix), RELAY, RELAY)[0].what == "level"


def test_mail_that_a_map_stops_is_no_weakening() -> None:
    """A refused entry accepts no peer; the guard speaks of mail that stops. The way back needs a second person."""
    assert compare({KEY: "secure"}, {KEY: "bogus"}) == ()
    assert [one.what for one in compare({KEY: "bogus"}, {KEY: "secure"})] == ["level"]


def test_names_that_match_nothing_prove_nothing() -> None:
    """A field that cannot be read is a literal of its own."""
    assert [one.what for one in compare({KEY: "secure match=a.example."}, {KEY: "secure match=a.example"})] == ["match"]


def test_anchors_that_cannot_be_decoded_are_compared_as_bytes() -> None:
    """Broken base64 in the CA file is told apart by its bytes."""
    broken = ONE.replace(b"\nMII", b"\n!II")

    assert [one.what for one in compare({KEY: "secure"}, {KEY: "secure"}, ca_pem=broken)] == ["CA set"]


def test_an_insecure_mx_policy_that_is_set_counts() -> None:
    """A set smtp_tls_dane_insecure_mx_policy goes before every default."""
    assert [one.what for one in compare({KEY: "dane"}, {KEY: "dane"}, smtp_tls_dane_insecure_mx_policy="may")] == []
    assert [one.what for one in compare({KEY: "dane"}, {KEY: "dane"}, smtp_tls_dane_insecure_mx_policy="dane")] == [
        "dane"
    ]


def test_fingerprints_of_main_cf_count() -> None:
    """Without match= main.cf's fingerprints are compared."""
    before = RELAY.with_(smtp_tls_fingerprint_cert_match=(A,), smtp_tls_security_level=SecurityLevel.FINGERPRINT)
    after = before.with_(smtp_tls_fingerprint_cert_match=(f"{A}|{B}",))

    assert [(one.key, one.what) for one in weakenings({}, {}, before, after)] == [("", "match")]
    assert weakenings({}, {}, after, before) == ()


HOSTS = st.sampled_from(["a.example", "b.a.example", ".example", ".a.example", "[a.example]", "[a.example]:25"])
VALUES = st.sampled_from([case[0] for case in SAME_KEY])
MAPS = st.dictionaries(HOSTS, VALUES, max_size=4)


@given(MAPS, MAPS)
def test_every_lowered_level_is_told(old: dict[str, str], new: dict[str, str]) -> None:
    """No nexthop falls from a level that must match to one that does not without a word, whatever key it was."""
    told = {one.key for one in compare(old, new)}
    before, after = RELAY.postfix, RELAY.postfix

    for nexthop in ("a.example", "b.a.example", "c.a.example", "d.example", "[a.example]", "[a.example]:25", "[x]"):
        was, now = (lookup(parse("".join(f"{k} {v}\n" for k, v in one.items()), before), nexthop) for one in (old, new))
        policies = [parse_value(found[1] if found else "may", after) for found in (was, now)]
        if any(isinstance(policy, Invalid) for policy in policies):
            continue
        if policies[0].level.must_match and not policies[1].level.must_match:
            keys = {found[0] for found in (was, now) if found}
            assert told & (keys | {nexthop}), (nexthop, was, now)


def test_the_default_of_main_cf_is_compared_too() -> None:
    """A lowered main.cf is a weakening of every nexthop without an entry."""
    found = weakenings({}, {}, RELAY.with_(smtp_tls_security_level=SecurityLevel.ENCRYPT), RELAY)

    assert [one.key for one in found] == [""]
    assert found[0].sentence.startswith("every nexthop without an entry: ")
