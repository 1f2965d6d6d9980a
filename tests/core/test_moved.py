"""What moved: each change has a name, and both sides."""

from dataclasses import replace

from partners.core.moved import What, dns_changes, peer_changes
from partners.core.observation import Dnssec, LookupStatus, Stage, TlsaFacts, TlsaRecord, TlsFacts, TlsProfile
from tests.core.judged import GOOD, MX, MX2, ROOT, dns, host, peer
from tests.kit.ca import Certificate, root_ca


def with_leaf(leaf: Certificate, version: str = "TLSv1.3"):
    return replace(peer(), tls=TlsFacts(version, "", tuple(one.der for one in leaf.chain)))


def kinds(changes) -> list[What]:
    return [change.what for change in changes]


class TestPeer:
    def test_the_same_facts_at_another_time_move_nothing(self):
        """Time and duration are no facts about the peer."""
        assert peer_changes(peer(), replace(peer(), duration_ms=7)) == ()

    def test_a_renewal_with_a_new_key_is_leaf_and_key(self):
        """Issuer and names stay, and are not told."""
        changes = peer_changes(with_leaf(GOOD), with_leaf(ROOT.leaf("mx.example.com")))

        assert kinds(changes) == [What.LEAF, What.KEY]
        assert changes[0].before == GOOD.cert_fingerprint()

    def test_a_renewal_that_keeps_its_key_is_a_leaf_alone(self):
        """A pin on the key stays right, so the key must not be told as moved."""
        assert kinds(peer_changes(with_leaf(GOOD), with_leaf(ROOT.leaf("mx.example.com", key=GOOD.key)))) == [What.LEAF]

    def test_another_issuer_and_other_names_are_told_with_both_sides(self):
        """What a person must know to judge whether this is the partner still."""
        other = root_ca("Other root").leaf("mail.example.net")

        changes = {change.what: change for change in peer_changes(with_leaf(GOOD), with_leaf(other))}

        assert changes[What.NAMES].before == "mx.example.com"
        assert changes[What.NAMES].after == "mail.example.net"
        assert "Other root" in changes[What.ISSUER].after

    def test_another_intermediate_is_the_chain(self):
        """The leaf is the same; only what was sent beside it moved."""
        longer = replace(with_leaf(GOOD), tls=TlsFacts("TLSv1.3", "", (GOOD.der, root_ca("Beside").der)))

        (change,) = peer_changes(with_leaf(GOOD), longer)

        assert change.what is What.CHAIN
        assert "Beside" in change.after

    def test_a_second_certificate_is_told_by_itself(self):
        """Gained, renewed and gone; what else the second look met is told by the first."""
        asked = replace(peer(), profile=TlsProfile(leaf_key="rsa"))
        none = replace(asked, tls=None, ended=Stage.HANDSHAKE, stop="tls")
        one = replace(asked, tls=TlsFacts("TLSv1.2", "", (root_ca("R").leaf("mx.example.com", key="rsa2048").der,)))

        (gained,) = peer_changes(none, one)

        assert (gained.what, gained.before, gained.where) == (What.SECOND_LEAF, "", "RSA")
        assert kinds(peer_changes(one, none)) == [What.SECOND_LEAF]
        assert peer_changes(one, replace(one, tls=replace(one.tls, version="TLSv1.1"))) == ()

    def test_starttls_lost_and_gained(self):
        """Told from the features alone, whatever else ended the session."""
        without = replace(peer(), starttls_offered=False, tls=None)

        assert kinds(peer_changes(peer(), without)) == [What.STARTTLS_LOST]
        assert kinds(peer_changes(without, peer())) == [What.STARTTLS_GAINED]

    def test_a_refused_greeting_is_no_lost_starttls(self):
        """Without an EHLO reply nobody knows what it offers."""
        refused = replace(
            peer(), ended=Stage.GREETING, stop="reply", ehlo_code=0, features=(), starttls_offered=False, tls=None
        )

        assert kinds(peer_changes(peer(), refused)) == [What.ANSWER]

    def test_an_older_tls_version_is_told(self):
        """A fall to TLS 1.0 stops mail at a level that must match."""
        (change,) = peer_changes(with_leaf(GOOD), with_leaf(GOOD, "TLSv1"))

        assert (change.what, change.before, change.after) == (What.TLS_VERSION, "TLSv1.3", "TLSv1")

    def test_an_anonymous_peer_has_no_leaf_on_one_side(self):
        """The side without a certificate is empty, and nothing fails."""
        anonymous = replace(peer(), tls=TlsFacts("TLSv1.2", "ADH", ()))

        changes = peer_changes(with_leaf(GOOD, "TLSv1.2"), anonymous)

        assert (changes[0].what, changes[0].after) == (What.LEAF, "")

    def test_junk_for_a_certificate_has_a_fingerprint_still(self):
        """What cannot be parsed moves as bytes."""
        junk = replace(peer(), tls=TlsFacts("TLSv1.3", "", (b"junk",)))

        assert What.LEAF in kinds(peer_changes(with_leaf(GOOD), junk))


class TestDns:
    def test_an_mx_that_moved_is_told_with_both_sets(self):
        """The one change that may hand mail to another owner."""
        (change,) = dns_changes(dns(host()), dns(host(MX2, name="mx.other.example")))

        assert (change.what, change.before, change.after) == (What.MX_SET, "10 mx.example.com", "10 mx.other.example")

    def test_an_address_that_moved_names_its_host(self):
        """The MX record stays; the address behind it is another."""
        (change,) = dns_changes(dns(host(MX)), dns(host(MX2)))

        assert (change.what, change.where, change.after) == (What.ADDRESSES, "mx.example.com", MX2)

    def test_the_order_of_answers_moves_nothing(self):
        """Resolvers shuffle."""
        two = replace(host(), addresses=(MX, MX2))

        assert dns_changes(dns(two), dns(replace(two, addresses=(MX2, MX)))) == ()

    def test_a_failed_lookup_moves_nothing(self):
        """SERVFAIL is no fact about the partner."""
        failed = dns(mx_status=LookupStatus.FAILED)

        assert dns_changes(dns(), failed) == dns_changes(failed, dns()) == ()

    def test_a_host_whose_addresses_could_not_be_looked_up_moves_nothing(self):
        """The same one level below."""
        failed = replace(host(), status=LookupStatus.FAILED, addresses=())

        assert dns_changes(dns(host()), dns(failed)) == ()

    def test_dnssec_lost_is_told_for_mx_and_host(self):
        """Both matter to dane."""
        secure = dns(replace(host(), dnssec=Dnssec.SECURE), mx_dnssec=Dnssec.SECURE)

        assert [(one.what, one.where) for one in dns_changes(secure, dns())] == [
            (What.DNSSEC, ""),
            (What.DNSSEC, "mx.example.com"),
        ]

    def test_a_new_tlsa_record_is_told(self):
        """The partner's own announcement of a renewal."""
        record = TlsaFacts("mx.example.com", LookupStatus.FOUND, Dnssec.SECURE, (TlsaRecord(3, 1, 1, bytes(32)),))

        (change,) = dns_changes(dns(host()), dns(replace(host(), tlsa=(record,))))

        assert (change.what, change.before) == (What.TLSA, "")
        assert change.after.startswith("3 1 1 0000")

    def test_a_null_mx_is_told_as_its_dot(self):
        """RFC 7505: the domain takes no mail any more."""
        (change,) = dns_changes(dns(host()), replace(dns(host()), null_mx=True, hosts=()))

        assert change.after == "."
