"""Every code has its sentences, and no subject gets into a shell."""

import shlex

import pytest

from partners.core.reasons import REASON_TEXTS, Reason, command_by_hand


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_speaks_to_both_sides(reason: Reason) -> None:
    """A red mark without a sentence for either side would help nobody."""
    text = REASON_TEXTS[reason]

    assert text.team.endswith(".")
    assert text.partner.endswith(".")


def test_command_shows_the_peer() -> None:
    """The seed's command by hand, for one address."""
    command = command_by_hand(
        Reason.CERTIFICATE_EXPIRED, nexthop="example.com", mx_host="mx.example.com", address="2001:db8::1"
    )

    assert "-connect '[2001:db8::1]:25' -verify_hostname mx.example.com" in command


@pytest.mark.parametrize("reason", list(Reason))
def test_subjects_are_quoted(reason: Reason) -> None:
    """A hostile name stays one word of the command line."""
    hostile = "x;touch $(id)"
    words = shlex.split(command_by_hand(reason, nexthop=hostile, mx_host=hostile))

    assert not {";touch", "$(id)", "touch"} & set(words)


def test_option_is_no_subject() -> None:
    """A name that reads as an option gives no command."""
    assert command_by_hand(Reason.NULL_MX, nexthop="-f/etc/passwd") == ""
    assert "'[-f.example]:587'" in command_by_hand(Reason.NULL_MX, nexthop="[-f.example]:587")


@pytest.mark.parametrize(
    ("nexthop", "question"),
    [
        ("example.com", "example.com MX"),
        ("example.com:587", "example.com MX"),
        ("[mx.example.com]:587", "mx.example.com A"),
        ("[mx.example.com]", "mx.example.com A"),
    ],
)
def test_dig_asks_what_postfix_asks(nexthop: str, question: str) -> None:
    """Brackets and port are Postfix's and no part of a name; behind brackets no MX is looked up."""
    assert command_by_hand(Reason.NO_ADDRESS, nexthop=nexthop) == f"dig +dnssec {question}"
