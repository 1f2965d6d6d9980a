"""Names: one oddity per case, and OpenSSL itself as the judge of the same names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import crypto
from OpenSSL._util import ffi, lib

from partners.core.effective import resolve
from partners.core.grammar import parse_value
from partners.core.matching import match_names
from partners.core.relay import DEBIAN_13, RelaySettings
from tests.kit.ca import Certificate, new_key, self_signed

KEY = new_key()
SECURE = ("nexthop", "dot-nexthop")


def cert(
    *names: str | bytes, cn: str | tuple[str, ...] = "", ips: tuple[str, ...] = (), emails: tuple[str, ...] = ()
) -> Certificate:
    return self_signed(*names, common_name=cn, ips=ips, emails=emails, key=KEY)


D = "example.com"
CASES = [
    # match=, names of the certificate, whether they match (postfix-tls policy semantics, Postfix >= 3.6)
    (("nexthop",), cert(D), True, "same"),
    (("nexthop",), cert("EXAMPLE.com"), True, "case"),
    (("NextHop",), cert(D), True, "keyword-case"),
    (("next-hop",), cert(D), False, "keyword-typo-is-a-literal"),
    (("nexthop",), cert("mx.example.com"), False, "below"),
    (("dot-nexthop",), cert("mx.example.com"), True, "below-dot"),
    (("dot-nexthop",), cert("a.b.example.com"), True, "far-below"),
    (("dot-nexthop",), cert(D), False, "dot-not-itself"),
    (("dot-nexthop",), cert("notexample.com"), False, "dot-needs-a-dot"),
    (("hostname",), cert("mx.example.net"), True, "hostname"),
    (("hostname",), cert(D), False, "hostname-other"),
    ((".example.com",), cert("mx.example.com"), True, "suffix"),
    ((".",), cert(D), False, "lone-dot"),
    ((), cert(D), False, "nothing-asked"),
    (("", "nexthop"), cert(D), True, "empty-field"),
    (("example.com.",), cert(D), False, "trailing-dot-asked"),
    (("nexthop",), cert("example.com."), False, "trailing-dot-seen"),
    (("nexthop",), cert(b"example.com\0.evil.example"), False, "nul"),
    (("nexthop",), cert(b"example.com "), False, "blank"),
    (("nexthop",), cert("*.com"), False, "star-needs-two-dots"),
    (("mx.example.com",), cert("*.example.com"), True, "star"),
    (("a.mx.example.com",), cert("*.example.com"), False, "star-is-one-label"),
    (("nexthop",), cert("*.example.com"), False, "star-not-itself"),
    (("mx.example.com",), cert("m*.example.com"), False, "partial-star"),
    (("mx.example.com",), cert("*x.example.com"), False, "partial-star-left"),
    (("a.b.example.com",), cert("a.*.example.com"), False, "inner-star"),
    (("xn--mx-xka.example.com",), cert("*.example.com"), True, "star-takes-idna"),
    (("m_x.example.com",), cert("*.example.com"), False, "star-refuses-underscore"),
    (("*.example.com",), cert("*.example.com"), True, "literal-star"),
    (("*.example.com",), cert("mx.example.com"), False, "star-in-match-is-text"),
    (("dot-nexthop",), cert("*.example.com"), True, "dot-takes-star"),
    (("dot-nexthop",), cert("*.sub.example.com"), True, "dot-takes-deep-star"),
    (("nexthop",), cert(cn=D), True, "common-name-alone"),
    (("nexthop",), cert(cn=("other.example", D)), True, "any-common-name"),
    (("nexthop",), cert("other.example", cn=D), False, "dns-name-hides-common-name"),
    (("nexthop",), cert(b"!", cn=D), False, "junk-dns-name-hides-common-name"),
    (("nexthop",), cert(cn=D, ips=("192.0.2.1",)), True, "ip-does-not-hide"),
    (("nexthop",), cert(cn=D, emails=("a@b.example",)), True, "email-does-not-hide"),
    (("bücher.example",), cert("xn--bcher-kva.example"), True, "u-label"),
    ((".bücher.example",), cert("mx.xn--bcher-kva.example"), True, "u-label-suffix"),
    (("\N{IDEOGRAPHIC FULL STOP}bücher.example",), cert("mx.xn--bcher-kva.example"), True, "ideographic-dot"),
]


@pytest.mark.parametrize(("patterns", "seen", "matched"), [pytest.param(*row[:3], id=row[3]) for row in CASES])
def test_names_match_as_in_postfix(patterns: tuple[str, ...], seen: Certificate, matched: bool) -> None:
    """Each oddity of a name has one outcome."""
    assert match_names(patterns, D, "mx.example.net", seen.der).matched is matched


IP = "192.0.2.1"


@pytest.mark.parametrize(
    ("patterns", "seen", "matched"),
    [
        pytest.param(("nexthop",), cert(ips=(IP,)), True, id="ip"),
        pytest.param(("nexthop",), cert(IP), False, id="ip-as-dns-name"),
        pytest.param(("nexthop",), cert(cn=IP), False, id="ip-as-common-name"),
        pytest.param(("nexthop",), cert(ips=("192.0.2.2",)), False, id="other-ip"),
        pytest.param(SECURE, cert(ips=(IP,)), False, id="default-of-secure-never-matches"),
        pytest.param(("nexthop", D), cert(ips=(IP,)), False, id="ip-and-name-both"),
        pytest.param(("nexthop", D), cert(D, ips=(IP,)), True, id="ip-and-name-there"),
    ],
)
def test_address_literals(patterns: tuple[str, ...], seen: Certificate, matched: bool) -> None:
    """[ip] asks for an iPAddress, and a name beside it must match too."""
    assert match_names(patterns, f"[{IP}]", IP, seen.der).matched is matched


@pytest.mark.parametrize("nexthop", [D, f"[{D}]", f"[{D}]:587", f"{D}:submission"])
def test_brackets_and_port_do_not_count(nexthop: str) -> None:
    """The keyword nexthop means the name alone."""
    assert match_names(("nexthop",), nexthop, "mx.example.net", cert(D).der).matched


def test_result_tells_what_was_asked_and_seen() -> None:
    """A mismatch shows both sides, cleaned."""
    result = match_names(SECURE, D, "mx", cert("mx\n.example.net").der)

    assert result.asked == ("example.com", ".example.com")
    assert result.seen == ("mx\N{REPLACEMENT CHARACTER}.example.net",)


def openssl_matches(seen: Certificate, name: bytes) -> bool | None:
    """Ask OpenSSL's own X509_check_host() by way of a verification that can fail for nothing else."""
    param = ffi.gc(lib.X509_VERIFY_PARAM_new(), lib.X509_VERIFY_PARAM_free)
    if not lib.X509_VERIFY_PARAM_set1_host(param, name, len(name)):
        return None  # OpenSSL 4 takes host names only
    lib.X509_VERIFY_PARAM_set_hostflags(param, 4)  # X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
    store = crypto.X509Store()
    leaf = crypto.load_certificate(crypto.FILETYPE_ASN1, seen.der)
    store.add_cert(leaf)
    lib.X509_STORE_set1_param(store._store, param)
    try:
        crypto.X509StoreContext(store, leaf).verify_certificate()
    except crypto.X509StoreContextError as error:
        assert error.errors[0] == 62, error.errors
        return False
    return True


LABELS = st.sampled_from(["*", "a", "-a", "a-", "x*", "xn--a", "xn--*", "a_b", "", "example", "com", "**", "A"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@given(seen=NAMES, asked=NAMES, below=st.booleans())
@settings(max_examples=400, deadline=None)
def test_openssl_is_of_the_same_opinion(seen: str, asked: str, below: bool) -> None:
    """For any pair of odd names the rule here and OpenSSL's agree."""
    pattern = f".{asked}" if below else asked
    if not seen or not asked or asked.startswith("."):
        return
    certificate = cert(seen)

    opinion = openssl_matches(certificate, pattern.encode())
    assert opinion in {None, match_names((pattern,), D, "mx", certificate.der).matched}


def test_a_blank_within_a_field_stays() -> None:
    """Braces (release 3.10) let blanks into match=, which is split at colons alone."""
    policy = parse_value("secure { match = a : hostname }", DEBIAN_13[0])

    assert resolve(policy, RelaySettings()).names == ("a ", " hostname")


def test_ipv6_nexthops_are_compared_as_addresses() -> None:
    """The tag ipv6: is no part of the address."""
    der = self_signed("x.example", ips=("2001:db8::1",)).der

    assert match_names(("nexthop",), "[ipv6:2001:db8::1]:25", "x", der).matched
    assert not match_names(("nexthop",), "[IPv6:2001:db8::2]", "x", der).matched
