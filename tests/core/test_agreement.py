"""What was promised beside what an entry gives by itself."""

import pytest

from partners.core.agreement import caveats, effective_protection, is_enough, shortfall
from partners.core.grammar import parse_value
from partners.core.levels import Protection
from partners.core.names import Nexthop
from partners.core.relay import PostfixRelease

RELEASE = PostfixRelease(3, 7, 11)
SHA256 = "AA" * 32


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("none", Protection.NONE),
        ("may", Protection.NONE),
        ("encrypt", Protection.ENCRYPTED),
        (f"fingerprint match={SHA256}", Protection.PIN),
        ("dane", Protection.NONE),
        ("dane-only", Protection.DANE),
        ("verify", Protection.CA_NAME),
        ("secure", Protection.CA_NAME),
        ("secure match=", None),
    ],
)
def test_an_entry_gives_the_least_of_its_level(value: str, given: Protection | None) -> None:
    """Opportunistic levels give nothing by themselves; a refused entry lets nothing flow."""
    assert effective_protection(parse_value(value, RELEASE)) is given


@pytest.mark.parametrize("given", list(Protection))
@pytest.mark.parametrize("agreed", list(Protection))
def test_the_kinds_of_authentication_do_not_replace_each_other(given: Protection, agreed: Protection) -> None:
    """none < encrypted < authenticated; a pin is no CA, and neither is DANE."""
    weak = {Protection.NONE: 0, Protection.ENCRYPTED: 1}
    expected = given is agreed or (agreed in weak and weak.get(given, 2) >= weak[agreed])

    assert is_enough(given, agreed) is expected


@pytest.mark.parametrize(
    ("agreed", "value", "cause"),
    [
        (Protection.ENCRYPTED, "encrypt", ""),
        (Protection.ENCRYPTED, "secure", ""),
        (Protection.PIN, f"fingerprint match={SHA256}", ""),
        (Protection.PIN, "secure", "gives ca-and-name, and pin was agreed"),
        (Protection.CA_NAME, "encrypt", "gives encrypted"),
        (Protection.DANE, "dane", "usable TLSA records"),
        (Protection.ENCRYPTED, "dane", "usable TLSA records"),
        (Protection.PIN, "dane", "gives none"),
        (Protection.NONE, "bogus", "mail stops"),
    ],
)
def test_shortfall(agreed: Protection, value: str, cause: str) -> None:
    """An entry below the agreement says so in words."""
    told = shortfall(agreed, parse_value(value, RELEASE))

    assert cause in told
    assert bool(cause) == bool(told)


@pytest.mark.parametrize(
    ("nexthop", "value", "count"),
    [
        ("example.com", "verify", 1),
        ("example.com", "secure match=Hostname", 1),
        ("[mx.example.com]", "verify", 0),
        ("example.com", "secure", 0),
        ("example.com", "verify match=nexthop", 0),
        ("example.com", "secure match=.com", 1),
        ("example.com", "encrypt", 0),
        ("example.com", "bogus", 0),
    ],
)
def test_caveats(nexthop: str, value: str, count: int) -> None:
    """A name taken from the DNS, or a whole TLD, is worth a word."""
    assert len(caveats(parse_value(value, RELEASE), Nexthop.parse(nexthop))) == count
