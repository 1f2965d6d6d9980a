"""Lists of protocols, grades and exclusions; each line was seen with Postfix 3.7.11 and 3.10.13."""

import pytest

from partners.core.offers import (
    Unusable,
    allowed_versions,
    canonical_versions,
    exclusions,
    grade_rank,
    listed_versions,
)
from partners.core.relay import PostfixRelease

NOW, OLD = PostfixRelease(3, 7, 11), PostfixRelease(3, 5)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (":", ""),
        (">=TLSv1", ""),
        ("!SSLv2, !SSLv3", ""),
        ("SSLv2", ""),  # no bit of its own: nothing is named
        (">=0", ""),
        (">=", ""),
        (">=0xffff", ""),  # OpenSSL refuses the bound, the handshake goes on without
        (">=0x0305", ""),
        (">=771", ""),  # hexadecimal, whatever it looks like
        (">=303", ">=TLSv1.2"),
        (">=0x0303", ">=TLSv1.2"),
        (">=tlsv1.2", ">=TLSv1.2"),
        ("TLSv1.2:TLSv1.3", ">=TLSv1.2"),
        (">=TLSv1.2:TLSv1.3", ">=TLSv1.3"),
        ("<=TLSv1.2", "TLSv1:TLSv1.1:TLSv1.2"),
        ("!TLSv1.1", "TLSv1:TLSv1.2:TLSv1.3"),
    ],
)
def test_a_list_that_can_be_used(text: str, canonical: str) -> None:
    """What is left is the same however it is written."""
    assert canonical_versions(allowed_versions(text, NOW)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "TLSv1.4",
        "!TLSv1.4",
        "=TLSv1.2",
        "0x0303",
        "!0x0303",
        ">=SSLv2",
        ">=TLSv1.4",
        ">=0x",
        "SSLv3",
        "<=SSLv3",
        ">=TLSv1.3:<=TLSv1.2",
        "TLSv1.2:!TLSv1.2",
        "TLSv1.2:>=TLSv1.3",
        "!TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3",
    ],
)
def test_a_list_at_which_the_handshake_fails(text: str) -> None:
    """An unknown word, or no version left."""
    with pytest.raises(Unusable):
        allowed_versions(text, NOW)


def test_bounds_came_with_3_6() -> None:
    """Before, ">=" is no protocol."""
    with pytest.raises(Unusable, match=r"no protocol"):
        listed_versions(">=TLSv1.2", OLD)


def test_grades() -> None:
    """export, low and medium are one list in OpenSSL 3; null and what is unknown cannot be used."""
    assert [grade_rank(grade) for grade in ("export", "low", "MEDIUM", "high")] == [0, 0, 0, 1]
    for grade in ("null", "default", ""):
        with pytest.raises(Unusable):
            grade_rank(grade)


def test_exclusions() -> None:
    """Names alone; a sign before one spoils the list."""
    assert exclusions("aNULL, eNULL:RC4") == ("aNULL", "eNULL", "RC4")
    for sign in "!+-@":
        with pytest.raises(Unusable):
            exclusions(f"RC4:{sign}MD5")
