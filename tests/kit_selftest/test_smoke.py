"""Everything together: a real Postfix, the kit's DNS and a scripted peer."""

import time
from collections.abc import Callable

import pytest

from partners.core.relay import PostfixRelease
from tests.kit.ca import Certificate
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.postfix import Postfix
from tests.kit.script import Script
from tests.kit.smtpd import Smtpd

Relays = Callable[..., Postfix]


class TestDelivery:
    @pytest.mark.parametrize("signed", [False, True])
    @pytest.mark.parametrize("chroot", [False, True])
    def test_secure_with_a_good_certificate_is_verified(
        self, lab: Lab, ca: Certificate, dns: DnsServer, smtpd: Smtpd, postfix: Relays, signed: bool, chroot: bool
    ):
        """Postfix delivers "Verified" to a peer that has the name and the root that `secure` demands."""
        peer = smtpd.peer(lab.address(), leaf=ca.intermediate().leaf("mx.example.com", "example.com"))
        dns.zone("example.com", signed=signed).add("@ MX 10 mx", f"mx A {peer.address}")
        relay = postfix(cafile=[ca], policy="example.com secure\n", chroot=chroot)

        outcome = relay.deliver("someone@example.com")

        assert (outcome.status, outcome.dsn, outcome.tls) == ("sent", "2.0.0", "Verified")
        assert (outcome.mx_host, outcome.address, outcome.port) == ("mx.example.com", peer.address, 25)
        message = peer.wait_for_message()
        assert message.under_tls
        assert message.recipients == ("someone@example.com",)

    def test_secure_with_a_wrong_name_is_deferred(
        self, lab: Lab, ca: Certificate, dns: DnsServer, smtpd: Smtpd, postfix: Relays
    ):
        """A name that `secure` does not accept defers, and the peer never hears MAIL."""
        peer = smtpd.peer(lab.address(), leaf=ca.leaf("mx.other.example"))
        dns.zone("example.com").add("@ MX 10 mx", f"mx A {peer.address}")
        relay = postfix(cafile=[ca], policy="example.com secure\n")

        outcome = relay.deliver("someone@example.com")

        assert (outcome.status, outcome.dsn, outcome.reason) == ("deferred", "4.7.5", "Server certificate not verified")
        is_new = PostfixRelease.parse(relay.version) >= PostfixRelease(3, 10, 4)  # HISTORY 20250730
        assert outcome.tls == ("Trusted" if is_new else "Untrusted")
        assert any("hostname mismatch" in line for line in outcome.lines)
        assert peer.wait_for_visits()[0].verbs == ["EHLO", "STARTTLS", "QUIT"]

    def test_a_renewed_pin_releases_the_queued_message(
        self, lab: Lab, ca: Certificate, dns: DnsServer, smtpd: Smtpd, postfix: Relays
    ):
        """A new policy map holds at once: what was deferred is delivered on the next attempt."""
        old, new = ca.leaf("mx.example.com"), ca.leaf("mx.example.com")
        peer = smtpd.peer(lab.address(), leaf=old)
        dns.zone("example.com").add("@ MX 10 mx", f"mx A {peer.address}")
        relay = postfix(policy=f"example.com fingerprint match={old.pkey_fingerprint()}\n")
        assert relay.deliver("someone@example.com").tls == "Verified"

        peer.present(new)
        queue_id = relay.send("someone@example.com")
        assert relay.outcome(queue_id).status == "deferred"

        relay.policy(f"example.com fingerprint match={new.pkey_fingerprint()}\n")
        assert relay.retry(queue_id).status == "sent"
        assert not relay.is_queued(queue_id)

    def test_an_aged_message_goes_in_plaintext_at_may(self, lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Relays):
        """At `may` a failed handshake defers a fresh message, and one older than minimal_backoff_time goes in clear."""
        peer = smtpd.peer(lab.address(), script=Script(handshake="alert"))
        dns.zone("example.com").add("@ MX 10 mx", f"mx A {peer.address}")
        relay = postfix()

        fresh = relay.send("someone@example.com")
        assert relay.outcome(fresh).reason.startswith("Cannot start TLS: handshake failure")

        assert relay.deliver("someone@example.com", age=600).status == "sent"
        assert not peer.wait_for_message().under_tls

        relay.age(fresh, 600)
        assert relay.retry(fresh).status == "sent"

    def test_a_hundred_messages_take_seconds(self, lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Relays):
        """Oracle tests send hundreds: deliveries and deferrals to many nexthops run side by side."""
        crowd = smtpd.crowd(lambda _: Script(starttls_offered=False))
        with dns.batch():
            for number in range(100):
                dns.zone(f"p{number}.example").add(f"@ A {lab.address()}")
        relay = postfix(policy="".join(f"p{number}.example encrypt\n" for number in range(0, 100, 2)))

        begin = time.monotonic()
        queue_ids = [relay.send(f"someone@p{number}.example") for number in range(100)]
        statuses = [relay.outcome(queue_id).status for queue_id in queue_ids]

        assert statuses == ["deferred", "sent"] * 50
        assert len(crowd.messages) == 50
        assert time.monotonic() - begin < 20


class TestCommands:
    def test_postmap_and_postconf_answer(self, postfix: Relays):
        """Tables are asked one by one or many at once."""
        relay = postfix(policy="example.com encrypt\n.example.com may\n")

        assert relay.postmap_query("EXAMPLE.com") == "encrypt"
        assert relay.postmap_query("example.net") is None
        assert relay.postmap_queries(["example.com", "nothing", ".example.com"]) == {
            "example.com": "encrypt",
            ".example.com": "may",
        }
        assert relay.postconf("smtp_tls_security_level") == {"smtp_tls_security_level": "may"}

    def test_main_cf_changes_hold_after_reload(self, lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Relays):
        """change() is in force when it returns."""
        peer = smtpd.peer(lab.address(), script=Script(starttls_offered=False))
        dns.zone("example.com").add("@ MX 10 mx", f"mx A {peer.address}")
        relay = postfix()
        assert relay.deliver("someone@example.com").status == "sent"

        relay.change(smtp_tls_security_level="encrypt")

        assert relay.deliver("someone@example.com").dsn == "4.7.4"

    def test_dane_needs_a_signed_zone(self, lab: Lab, dns: DnsServer, smtpd: Smtpd, postfix: Relays, ca: Certificate):
        """TLSA records of a signed zone verify a peer; the resolver's AD bit is believed."""
        leaf = ca.leaf("mx.example.com")
        peer = smtpd.peer(lab.address(), leaf=leaf)
        zone = dns.zone("example.com", signed=True).add("@ MX 10 mx", f"mx A {peer.address}").tlsa("mx", leaf)
        relay = postfix(policy="example.com dane-only\n", smtp_dns_support_level="dnssec")

        assert relay.deliver("someone@example.com").tls == "Verified"

        zone.remove("_25._tcp.mx TLSA").tlsa("mx", ca)
        relay.reload()  # smtp(8) keeps TLSA records for a second longer than their TTL (tls_dane.c)
        assert relay.deliver("someone@example.com").reason == "Server certificate not verified"
