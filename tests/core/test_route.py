"""Which addresses Postfix tries, and in which order; facts as DNS gave them."""

from dataclasses import replace
from typing import Any

import pytest

from partners.core.observation import HostFacts, LookupStatus, NexthopFacts
from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.core.relay import RelaySettings
from partners.core.route import DeadEnd, route_of
from tests.core.judged import MX, MX2, dns, host

RELAY = RelaySettings()
OWN = "127.0.0.1"


def addresses(facts: NexthopFacts, port: int = 25, **settings: Any) -> list[str]:
    route = route_of(facts, RELAY.with_(**settings), port, momentary=True)
    assert not isinstance(route, DeadEnd), route
    return [hop.address for hop in route]


def ended(facts: NexthopFacts, *, momentary: bool = True, **settings: object) -> tuple[Delivery, str]:
    route = route_of(facts, RELAY.with_(**settings), 25, momentary=momentary)
    assert isinstance(route, DeadEnd)
    return route.delivery, route.dsn


def many(name: str, *listed: str, preference: int = 10) -> HostFacts:
    return replace(host(preference=preference, name=name), addresses=listed)


def lost(preference: int, status: LookupStatus = LookupStatus.FAILED) -> HostFacts:
    return replace(host(preference=preference, name="lost.example.com"), status=status, addresses=())


class TestOrder:
    def test_family_comes_after_preference(self) -> None:
        """The preferred family goes first among all hosts of one preference, never before a better one."""
        facts = dns(many("a", MX, "2001:db8::1"), many("b", MX2, "2001:db8::2"), many("c", "2001:db8::3", preference=5))

        assert addresses(facts, smtp_address_preference="ipv4") == [
            "2001:db8::3",
            MX,
            MX2,
            "2001:db8::1",
            "2001:db8::2",
        ]
        assert addresses(facts, smtp_address_preference="any")[1:3] == [MX, "2001:db8::1"]

    V4 = tuple(f"192.0.2.{number}" for number in range(1, 8))
    V6 = tuple(f"2001:db8::{number}" for number in range(1, 8))

    @pytest.mark.parametrize(
        ("v4", "v6", "kept"),
        [(7, 7, (3, 2)), (7, 1, (4, 1)), (1, 7, (1, 4)), (2, 2, (2, 2)), (0, 7, (0, 7)), (3, 3, (3, 2))],
    )
    def test_one_family_does_not_crowd_out_the_other(self, v4: int, v6: int, kept: tuple[int, int]) -> None:
        """smtp_balance_inet_protocols keeps some of each within the limit of 5 addresses."""
        found = addresses(dns(many("a", *self.V4[:v4], *self.V6[:v6])), smtp_address_preference="ipv4")

        assert (sum("." in one for one in found), sum(":" in one for one in found)) == kept

    def test_balance_can_be_off(self) -> None:
        """Then the limit cuts whatever comes first."""
        facts = dns(many("a", *self.V4, *self.V6))

        assert len(addresses(facts, smtp_balance_inet_protocols=False)) == 14
        assert len(addresses(facts, smtp_mx_address_limit=0)) == 14


class TestOwnAddress:
    @pytest.mark.parametrize(
        ("facts", "outcome"),
        [
            pytest.param(dns(host(OWN)), (Delivery.BOUNCE, "5.4.6"), id="best"),
            pytest.param(dns(host(OWN), host(MX2, 20)), (Delivery.BOUNCE, "5.4.6"), id="others-are-worse"),
            pytest.param(dns(host(MX, 10), host(OWN, 10)), (Delivery.BOUNCE, "5.4.6"), id="equal"),
            pytest.param(
                dns(lost(5, LookupStatus.NOT_FOUND), host(OWN, 10)), (Delivery.DEFER, "4.4.4"), id="best-has-no-address"
            ),
            pytest.param(
                dns(host(OWN), mx_asked=False, mx_status=LookupStatus.NOT_FOUND), (Delivery.BOUNCE, "5.4.6"), id="no-mx"
            ),
        ],
    )
    def test_mail_loops(self, facts: NexthopFacts, outcome: tuple[Delivery, str]) -> None:
        """The relay is an MX host of its own: nothing better is left."""
        assert ended(facts) == outcome

    def test_only_better_hosts_are_tried(self) -> None:
        """The list ends before the relay's own preference."""
        assert addresses(dns(host(MX, 10), host(OWN, 20), host(MX2, 30))) == [MX]

    def test_on_other_ports_nobody_looks(self) -> None:
        """Loops are looked for on port 25 alone."""
        assert addresses(dns(host(OWN)), 587) == [OWN]

    @pytest.mark.parametrize(
        ("changed", "own"),
        [
            ({"proxy_interfaces": (MX,)}, True),
            ({"inet_interfaces": (f"[{MX}]",)}, True),
            ({"inet_interfaces": ("loopback-only",)}, False),
            ({"inet_interfaces": ("mail.example.net",)}, False),
        ],
    )
    def test_what_is_ones_own(self, changed: dict[str, Any], own: bool) -> None:
        """inet_interfaces and proxy_interfaces, as far as they are addresses."""
        assert isinstance(route_of(dns(), RELAY.with_(**changed), 25, momentary=True), DeadEnd) is own


class TestFailures:
    def test_a_host_without_answer_is_left_out(self) -> None:
        """Postfix goes on with those that have addresses; what the portal stored stays unknown."""
        facts = dns(lost(5), host())

        assert addresses(facts) == [MX]
        assert [hop.address for hop in route_of(facts, RELAY, 25, momentary=False)] == ["", MX]  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("facts", "outcome"),
        [
            pytest.param(dns(lost(10)), (Delivery.DEFER, "4.4.3"), id="servfail"),
            pytest.param(
                dns(lost(10), lost(20, LookupStatus.NXDOMAIN)), (Delivery.DEFER, "4.4.4"), id="soft-dominates"
            ),
            pytest.param(dns(lost(10, LookupStatus.NXDOMAIN)), (Delivery.BOUNCE, "5.4.4"), id="no-such-host"),
            pytest.param(dns(mx_status=LookupStatus.FAILED), (Delivery.DEFER, "4.4.3"), id="mx-servfail"),
            pytest.param(dns(null_mx=True), (Delivery.BOUNCE, "5.1.0"), id="null-mx"),
        ],
    )
    def test_no_address(self, facts: NexthopFacts, outcome: tuple[Delivery, str]) -> None:
        """What ends a delivery before any connection."""
        assert ended(facts) == outcome

    def test_settings_that_soften(self) -> None:
        """smtp_defer_if_no_mx_address_found; ignore_mx_lookup_error goes on with the domain's own address."""
        gone = dns(lost(10, LookupStatus.NXDOMAIN))

        assert ended(gone, smtp_defer_if_no_mx_address_found=True) == (Delivery.DEFER, "4.4.4")
        assert addresses(dns(mx_status=LookupStatus.FAILED), ignore_mx_lookup_error=True) == [MX]

    def test_stored_failures_are_unknown(self) -> None:
        """What failed once says nothing of the next time."""
        assert ended(dns(mx_status=LookupStatus.FAILED), momentary=False) == (Delivery.UNKNOWN, "")

    @pytest.mark.parametrize("changed", [{"smtp_dns_support_level": "disabled"}, {"disable_dns_lookups": True}])
    def test_without_dns_the_mx_records_say_nothing(self, changed: dict[str, Any]) -> None:
        """The relay would ask its own host table; a domain without MX is looked up there all the same."""
        route = route_of(dns(), RELAY.with_(**changed), 25, momentary=True)

        assert isinstance(route, DeadEnd)
        assert (route.unknown, route.reason) == ("native-lookup", Reason.NOT_MEASURED)
        assert addresses(dns(mx_status=LookupStatus.NOT_FOUND), **changed) == [MX]

    def test_without_dns_nothing_found_has_codes_of_its_own(self) -> None:
        """getaddrinfo() knows no domain without an address."""
        bare = {"mx_asked": False, "mx_status": LookupStatus.NOT_FOUND}

        assert ended(dns(lost(0, LookupStatus.NXDOMAIN), **bare), disable_dns_lookups=True) == (
            Delivery.BOUNCE,
            "5.3.0",
        )
        assert ended(dns(lost(0), **bare), disable_dns_lookups=True) == (Delivery.DEFER, "4.3.0")
