"""The kit's DNS, as a stub resolver sees it."""

import pytest
from dns.exception import Timeout
from dns.flags import AD
from dns.message import Message
from dns.rcode import to_text
from dns.rdatatype import RRSIG
from dns.resolver import Resolver

from tests.kit.ca import self_signed
from tests.kit.dns import DnsServer


def told(answer: Message) -> tuple[str, bool, list[str]]:
    """Return rcode, AD flag and the values of *answer* without signatures."""
    values = [str(rdata) for rrset in answer.answer if rrset.rdtype != RRSIG for rdata in rrset]
    return to_text(answer.rcode()), bool(answer.flags & AD), values


class TestAnswers:
    @pytest.mark.parametrize("signed", [False, True])
    def test_only_a_signed_zone_is_authentic(self, dns: DnsServer, signed: bool):
        """The AD bit tells a signed zone from an unsigned one."""
        dns.zone("example.com", signed=signed).add("@ MX 10 mx", "mx A 198.18.0.1")

        assert told(dns.ask("example.com", "MX")) == ("NOERROR", signed, ["10 mx.example.com."])

    @pytest.mark.parametrize("signed", [False, True])
    def test_a_change_is_seen_at_once(self, dns: DnsServer, signed: bool):
        """No answer outlives its record, positive or negative."""
        zone = dns.zone("example.com", signed=signed)
        assert told(dns.ask("mx.example.com"))[0] == "NXDOMAIN"

        zone.add("mx A 198.18.0.1")
        assert told(dns.ask("mx.example.com"))[2] == ["198.18.0.1"]

        zone.replace("mx A 198.18.0.2")
        assert told(dns.ask("mx.example.com"))[2] == ["198.18.0.2"]

        zone.remove("mx A")
        assert told(dns.ask("mx.example.com"))[0] == "NXDOMAIN"

    def test_unknown_names_do_not_exist(self, dns: DnsServer):
        """The root is served here, so a name without a zone is proven away."""
        assert told(dns.ask("nobody.example", "MX")) == ("NXDOMAIN", True, [])

    def test_aliases_cross_zones(self, dns: DnsServer):
        """A CNAME from a signed into an unsigned zone is followed, and not authentic."""
        dns.zone("example.com", signed=True).add("mx CNAME mx.example.net.")
        dns.zone("example.net").add("mx A 198.18.0.3")

        assert told(dns.ask("mx.example.com")) == ("NOERROR", False, ["mx.example.net.", "198.18.0.3"])

    def test_null_mx_and_tlsa(self, dns: DnsServer):
        """Records are taken as zone files write them; TLSA is made from a certificate."""
        leaf = self_signed("mx.example.com")
        zone = dns.zone("example.com", signed=True).add("@ MX 0 .").tlsa("mx", leaf)

        assert told(dns.ask("example.com", "MX"))[2] == ["0 ."]
        digest = leaf.pkey_fingerprint("sha256").replace(":", "").lower()
        assert told(dns.ask(f"_25._tcp.mx.{zone.name}", "TLSA")) == ("NOERROR", True, [f"3 1 1 {digest}"])

    def test_a_zone_below_another(self, dns: DnsServer):
        """A subzone is delegated by its parent, signed or not."""
        dns.zone("example.com", signed=True)
        dns.zone("open.example.com").add("@ A 198.18.0.4")
        dns.zone("safe.example.com", signed=True).add("@ A 198.18.0.5")

        assert told(dns.ask("open.example.com"))[1] is False
        assert told(dns.ask("safe.example.com"))[1] is True

    def test_the_system_resolver_asks_here(self, lab: object, dns: DnsServer):
        """/etc/resolv.conf of the lab leads to the kit."""
        dns.zone("example.com").add("mx A 198.18.0.6")

        assert [str(rdata) for rdata in Resolver().resolve("mx.example.com")] == ["198.18.0.6"]


class TestFaults:
    @pytest.mark.parametrize("state", ["broken", "expired", "none"])
    def test_a_signed_zone_with_bad_signatures_is_servfail(self, dns: DnsServer, state: str):
        """Bogus is SERVFAIL."""
        zone = dns.zone("example.com", signed=True).add("@ MX 10 mx")

        zone.signatures = state
        assert told(dns.ask("example.com", "MX"))[0] == "SERVFAIL"

        zone.signatures = "good"
        assert told(dns.ask("example.com", "MX"))[0] == "NOERROR"

    def test_one_bad_signature(self, dns: DnsServer):
        """Only the spoiled record is bogus."""
        dns.zone("example.com", signed=True).add("@ MX 10 mx", "mx A 198.18.0.1").spoil("mx A")

        assert told(dns.ask("example.com", "MX"))[0] == "NOERROR"
        assert told(dns.ask("mx.example.com"))[0] == "SERVFAIL"

    def test_failing_lookups(self, dns: DnsServer):
        """servfail() fails at once, whatever is asked."""
        dns.servfail("dead.example")

        assert told(dns.ask("dead.example", "MX"))[0] == "SERVFAIL"

    def test_silent_servers_do_not_answer_in_time(self, dns: DnsServer):
        """silent() costs the asker its patience."""
        dns.silent("slow.example")

        with pytest.raises(Timeout):
            dns.ask("slow.example", timeout=0.5)

    def test_faults_do_not_outlive_their_test(self, dns: DnsServer):
        """The names are free again."""
        dns.zone("slow.example").add("@ A 198.18.0.7")
        dns.zone("dead.example").add("@ A 198.18.0.8")

        assert told(dns.ask("slow.example"))[2] == ["198.18.0.7"]
        assert told(dns.ask("dead.example"))[2] == ["198.18.0.8"]
