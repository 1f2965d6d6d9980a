"""What the DNS says, asked of a real validating resolver."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.core.errors import NameRefused
from partners.core.names import Nexthop
from partners.core.observation import Dnssec, HostFacts, LookupStatus, NexthopFacts
from partners.probe.limits import Limits
from partners.probe.resolver import Resolver
from tests.kit.ca import Certificate
from tests.kit.dns import DnsServer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHORT = Limits(dns_query=timedelta(seconds=0.2), dns_lookup=timedelta(seconds=0.5), dns_nexthop=timedelta(seconds=2))


async def resolved(dns: DnsServer, nexthop: str, limits: Limits | None = None) -> NexthopFacts:
    """Return the facts of *nexthop* as the kit's resolver tells them."""
    return await Resolver((dns.address, dns.port), limits=limits).resolve(Nexthop.parse(nexthop), now=NOON)


def host_named(facts: NexthopFacts, name: str) -> HostFacts:
    return next(host for host in facts.hosts if host.name == name)


class TestMx:
    async def test_hosts_come_by_preference_with_both_kinds_of_address(self, dns: DnsServer):
        """MX, A and AAAA of an unsigned zone."""
        zone = dns.zone("example.com")
        zone.add("@ MX 20 b", "@ MX 10 a", "a A 198.18.0.1", "a AAAA 2001:db8::1", "b A 198.18.0.2")

        facts = await resolved(dns, "example.com")

        assert [(host.preference, host.name) for host in facts.hosts] == [(10, "a.example.com"), (20, "b.example.com")]
        assert facts.hosts[0].addresses == ("198.18.0.1", "2001:db8::1")
        assert (facts.mx_status, facts.mx_dnssec, facts.looked_up_at) == (LookupStatus.FOUND, Dnssec.INSECURE, NOON)

    async def test_the_case_of_a_name_is_kept_beside_it(self, dns: DnsServer):
        """Postfix logs names as the DNS gives them, which is in the case of the question."""
        dns.zone("example.com").add("@ MX 10 mx", "mx A 198.18.0.1")

        facts = await resolved(dns, "EXAMPLE.com")

        assert [(host.name, host.written) for host in facts.hosts] == [("mx.example.com", "mx.EXAMPLE.com")]
        assert [host.written for host in (await resolved(dns, "example.com")).hosts] == [""]

    async def test_a_signed_zone_is_secure(self, dns: DnsServer):
        """The resolver's AD bit is believed, for MX and addresses each."""
        dns.zone("example.com", signed=True).add("@ MX 10 mx", "mx A 198.18.0.1")

        facts = await resolved(dns, "example.com")

        assert (facts.mx_dnssec, facts.hosts[0].dnssec) == (Dnssec.SECURE, Dnssec.SECURE)

    async def test_no_mx_means_the_name_itself(self, dns: DnsServer):
        """RFC 5321 section 5.1: the address records of the domain."""
        dns.zone("example.com").add("@ A 198.18.0.1")

        facts = await resolved(dns, "example.com")

        assert (facts.mx_status, facts.mx_asked) == (LookupStatus.NOT_FOUND, True)
        assert [(host.name, host.addresses) for host in facts.hosts] == [("example.com", ("198.18.0.1",))]

    async def test_a_null_mx_takes_no_mail(self, dns: DnsServer):
        """Any record "0 ." counts, beside others too, and no host is looked up."""
        dns.zone("example.com").add("@ MX 0 .", "@ MX 10 mx", "mx A 198.18.0.1")

        facts = await resolved(dns, "example.com")

        assert (facts.null_mx, facts.hosts) == (True, ())

    async def test_a_name_that_does_not_exist(self, dns: DnsServer):
        """NXDOMAIN is an answer: there are no hosts."""
        dns.zone("example.com")

        facts = await resolved(dns, "absent.example.com")

        assert (facts.mx_status, facts.hosts) == (LookupStatus.NXDOMAIN, ())

    async def test_a_bogus_zone_is_a_failure(self, dns: DnsServer):
        """SERVFAIL is no answer, and its text is kept."""
        dns.servfail("dead.example")

        facts = await resolved(dns, "dead.example")

        assert (facts.mx_status, facts.hosts) == (LookupStatus.FAILED, ())
        assert "SERVFAIL" in facts.lookup_text

    async def test_silence_is_a_failure_within_its_time(self, dns: DnsServer):
        """Name servers that never answer cost a bounded time."""
        dns.zone("slow.example")
        dns.silent("slow.example")
        begun = datetime.now(UTC)

        facts = await resolved(dns, "slow.example", SHORT)

        assert (facts.mx_status, facts.lookup_text) == (LookupStatus.FAILED, "slow.example MX: time-out")
        assert datetime.now(UTC) - begun < timedelta(seconds=2)

    async def test_a_dead_resolver_is_a_failure(self, dns: DnsServer):
        """Nobody listens where the resolver should be."""
        dns.stop_resolver()

        assert (await resolved(dns, "example.com", SHORT)).mx_status is LookupStatus.FAILED

    async def test_an_mx_record_may_hold_an_address(self, dns: DnsServer):
        """Against the RFC, and Postfix uses it."""
        dns.zone("example.com").add("@ MX 10 198.18.0.1.")

        assert (await resolved(dns, "example.com")).hosts[0].addresses == ("198.18.0.1",)

    async def test_more_hosts_than_the_limit_are_a_failure(self, dns: DnsServer):
        """Nothing is left out silently."""
        dns.zone("example.com").add(*(f"@ MX {number} mx{number}" for number in range(4)))

        facts = await resolved(dns, "example.com", Limits(mx_hosts=3))

        assert (facts.mx_status, facts.lookup_text[:12]) == (LookupStatus.FAILED, "4 MX records")


class TestHosts:
    async def test_a_host_without_address_a_missing_and_a_failing_one(self, dns: DnsServer):
        """Each host has its own status."""
        dns.servfail("dead.example")
        zone = dns.zone("example.com")
        zone.add(
            "@ MX 1 bare", "bare TXT x", "@ MX 2 absent", "@ MX 3 mx.dead.example.", "@ MX 4 mx", "mx A 198.18.0.1"
        )

        facts = await resolved(dns, "example.com")

        expected = [LookupStatus.NOT_FOUND, LookupStatus.NXDOMAIN, LookupStatus.FAILED, LookupStatus.FOUND]
        assert [host.status for host in facts.hosts] == expected

    async def test_an_alias_names_its_end(self, dns: DnsServer):
        """A secure alias to an insecure host is told apart from a secure host."""
        dns.zone("example.net").add("real A 198.18.0.1")
        dns.zone("example.com", signed=True).add("@ MX 10 mx", "mx CNAME real.example.net.")

        (host,) = (await resolved(dns, "example.com")).hosts

        assert (host.canonical, host.addresses) == ("real.example.net", ("198.18.0.1",))
        assert (host.alias_dnssec, host.dnssec) == (Dnssec.SECURE, Dnssec.INSECURE)
        assert [tlsa.name for tlsa in host.tlsa] == ["mx.example.com"]

    async def test_the_domain_may_be_an_alias(self, dns: DnsServer):
        """Its target is kept: DANE names may be of it."""
        dns.zone("example.net").add("@ MX 10 mx", "mx A 198.18.0.1")
        dns.zone("example.com").add("mail CNAME example.net.")

        facts = await resolved(dns, "mail.example.com")

        assert (facts.canonical, facts.hosts[0].name) == ("example.net", "mx.example.net")


class TestTlsa:
    async def test_records_at_the_port_of_the_nexthop(self, dns: DnsServer, ca: Certificate):
        """TLSA is asked for where the address is secure."""
        leaf = ca.leaf("mx.example.com")
        zone = dns.zone("example.com", signed=True).add("@ MX 10 mx", "mx A 198.18.0.1")
        zone.tlsa("mx", leaf).tlsa("mx", leaf, port=587, matching=2)

        (usual,) = (await resolved(dns, "example.com")).hosts[0].tlsa
        (submission,) = (await resolved(dns, "example.com:587")).hosts[0].tlsa

        assert (usual.status, usual.dnssec, usual.records[0].matching_type) == (LookupStatus.FOUND, Dnssec.SECURE, 1)
        assert submission.records[0].matching_type == 2

    async def test_an_insecure_address_is_not_asked_for_tlsa(self, dns: DnsServer, ca: Certificate):
        """Postfix does not look either."""
        zone = dns.zone("example.com").add("@ MX 10 mx", "mx A 198.18.0.1")
        zone.tlsa("mx", ca.leaf("mx.example.com"))

        assert (await resolved(dns, "example.com")).hosts[0].tlsa == ()

    async def test_a_spoiled_tlsa_lookup_is_a_failure(self, dns: DnsServer, ca: Certificate):
        """A bogus answer must not pass for "there is none"."""
        zone = dns.zone("example.com", signed=True).add("@ MX 10 mx", "mx A 198.18.0.1")
        zone.tlsa("mx", ca.leaf("mx.example.com")).spoil("_25._tcp.mx TLSA")

        assert (await resolved(dns, "example.com")).hosts[0].tlsa[0].status is LookupStatus.FAILED


class TestBrackets:
    async def test_a_bracketed_host_is_not_asked_for_mx(self, dns: DnsServer):
        """[mx.example.com] is the host itself."""
        dns.zone("example.com").add("mx MX 10 other", "mx A 198.18.0.1")

        facts = await resolved(dns, "[mx.example.com]:587")

        assert (facts.mx_asked, facts.nexthop) == (False, "[mx.example.com]:587")
        assert host_named(facts, "mx.example.com").addresses == ("198.18.0.1",)

    @pytest.mark.parametrize(
        ("nexthop", "address"), [("[198.18.0.1]", "198.18.0.1"), ("[ipv6:2001:db8::1]", "2001:db8::1")]
    )
    async def test_a_bracketed_address_asks_nobody(self, dns: DnsServer, nexthop: str, address: str):
        """No lookup is made; a dead resolver does not matter."""
        dns.stop_resolver()

        assert (await resolved(dns, nexthop, SHORT)).hosts[0].addresses == (address,)

    async def test_a_parent_key_is_no_destination(self, dns: DnsServer):
        """The error says what to do."""
        with pytest.raises(NameRefused, match="no destination"):
            await resolved(dns, ".example.com")
