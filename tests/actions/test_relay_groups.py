"""A relay group's row is read into the settings that decide an outcome."""

import pytest

from partners.actions.relay_groups import add_group, ensure_group, settings_of
from partners.core.errors import SettingsRefused
from partners.core.levels import SecurityLevel
from partners.core.relay import PostfixRelease
from partners.models import RelayGroup
from tests.actions.people import NOON, approver

pytestmark = pytest.mark.django_db


def test_parameters_are_read_by_their_own_names() -> None:
    """Types follow RelaySettings; what the portal does not judge by is kept aside."""
    group = RelayGroup(
        name="main",
        postfix="3.10.13",
        main_cf={
            "smtp_tls_security_level": "may",
            "smtp_tls_fingerprint_digest": "sha1",
            "smtp_tls_secure_cert_match": "nexthop, dot-nexthop",
            "inet_protocols": "all",
            "smtp_mx_address_limit": "0",
            "smtp_tls_wrappermode": "no",
            "smtp_tls_loglevel": "1",
        },
    )

    relay = settings_of(group, {"/etc/postfix/a.pem": "PEM"})

    assert relay.postfix == PostfixRelease(3, 10, 13)
    assert relay.smtp_tls_security_level is SecurityLevel.MAY
    assert relay.fingerprint_digest == "sha1"
    assert relay.smtp_tls_secure_cert_match == ("nexthop", "dot-nexthop")
    assert relay.inet_protocols == {"ipv4", "ipv6"}
    assert relay.smtp_mx_address_limit == 0
    assert relay.smtp_tls_wrappermode is False
    assert relay.extra == (("smtp_tls_loglevel", "1"),)
    assert relay.ta_files == (("/etc/postfix/a.pem", b"PEM"),)


@pytest.mark.parametrize(
    ("name", "text"),
    [("smtp_tls_wrappermode", "maybe"), ("smtp_mx_address_limit", "x"), ("smtp_tls_security_level", "x")],
)
def test_a_parameter_that_cannot_be_read_is_named(name: str, text: str) -> None:
    """Nothing is judged by a guess."""
    with pytest.raises(SettingsRefused, match=name):
        settings_of(RelayGroup(name="main", main_cf={name: text}))


@pytest.mark.parametrize("path", ["etc", "/etc/a b", "/etc/a,b", "/etc/a\nb", "/" + "a" * 300])
def test_the_directory_of_anchors_cannot_carry_an_attribute(path: str) -> None:
    """It is written into the map as tafile=."""
    with pytest.raises(SettingsRefused):
        add_group("main", postfix="3.7.11", openssl="3.0.19", tafile_directory=path, by=approver(), now=NOON)


def test_a_small_company_has_one_group_without_asking() -> None:
    """It is made once."""
    assert ensure_group(now=NOON) == ensure_group(now=NOON)
    assert RelayGroup.objects.count() == 1


def test_times_are_read_as_postconf_prints_them() -> None:
    """Of a bare number, each parameter has its own unit."""
    printed = {"maximal_queue_lifetime": "5d", "minimal_backoff_time": "300s"}
    bare = {"maximal_queue_lifetime": "5", "minimal_backoff_time": "300"}

    for main_cf in (printed, bare):
        relay = settings_of(RelayGroup(name="main", main_cf=main_cf))
        assert (relay.maximal_queue_lifetime, relay.minimal_backoff_time) == (432_000, 300)


def test_a_time_that_postfix_refuses_is_refused() -> None:
    """The parameter is named."""
    with pytest.raises(SettingsRefused, match="maximal_queue_lifetime"):
        settings_of(RelayGroup(name="main", main_cf={"maximal_queue_lifetime": "5 days"}))
