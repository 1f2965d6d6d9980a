"""The second look: a server with an RSA and an ECDSA certificate shows each to whom it is for."""

import ssl

import pytest

from partners.core.facts_json import profile_from_json, profile_key, profile_to_json
from partners.core.observation import PERMISSIVE, PeerFacts, Stage, TlsProfile
from partners.core.second_look import ECDSA, RSA, kind_of_leaf, other_leaf, second_look
from partners.probe.profiles import Contexts
from tests.kit.ca import self_signed
from tests.kit.script import Script, Tls
from tests.kit.smtpd import Smtpd
from tests.probe.engines import probed

EC_LEAF, RSA_LEAF = self_signed("mx.example.com"), self_signed("mx.example.com", key="rsa2048")
NEWEST = ssl.TLSVersion.TLSv1_3
ASKS = {kind: TlsProfile(leaf_key=kind) for kind in (RSA, ECDSA)}


async def seen(smtpd: Smtpd, tls: Tls, profile: TlsProfile) -> PeerFacts:
    facts = await probed(smtpd.peer(script=Script(tls=tls)), profile)
    assert isinstance(facts, PeerFacts)
    return facts


class TestBothLeaves:
    @pytest.mark.parametrize(("kind", "leaf"), [(RSA, RSA_LEAF), (ECDSA, EC_LEAF)])
    async def test_each_kind_is_seen(self, smtpd: Smtpd, kind: str, leaf):
        """Whichever the server prefers, the one that is asked for comes, with its chain."""
        facts = await seen(smtpd, Tls(EC_LEAF, also=RSA_LEAF), ASKS[kind])

        assert other_leaf(facts) == leaf.der
        assert kind_of_leaf(leaf.der) == kind

    async def test_an_ed25519_leaf_counts_as_ecdsa(self, smtpd: Smtpd):
        """It is signed for by the same ciphers."""
        leaf = self_signed("mx.example.com", key="ed25519")

        assert other_leaf(await seen(smtpd, Tls(leaf, also=RSA_LEAF), ASKS[ECDSA])) == leaf.der

    @pytest.mark.parametrize(("kind", "leaf"), [(RSA, EC_LEAF), (ECDSA, RSA_LEAF)])
    async def test_a_server_with_one_certificate_has_no_other(self, smtpd: Smtpd, kind: str, leaf):
        """That it refuses the handshake is a fact, and no failure of the look."""
        facts = await seen(smtpd, Tls(leaf), ASKS[kind])

        assert (other_leaf(facts), facts.tls, facts.ended) == (None, None, Stage.HANDSHAKE)

    async def test_a_server_of_tls_1_3_alone_keeps_it_to_itself(self, smtpd: Smtpd):
        """Nothing is known of its second certificate, and nothing is claimed."""
        facts = await seen(smtpd, Tls(EC_LEAF, also=RSA_LEAF, minimum=NEWEST), ASKS[RSA])

        assert other_leaf(facts) is None

    async def test_a_leaf_of_the_kind_not_asked_for_is_none(self, smtpd: Smtpd):
        """A probe elsewhere that is older than the portal does not know what it was asked for."""
        facts = await seen(smtpd, Tls(EC_LEAF), PERMISSIVE)
        told = PeerFacts(facts.address, 25, ASKS[RSA], facts.seen_at, facts.ended, tls=facts.tls)

        assert (other_leaf(facts), other_leaf(told)) == (None, None)


class TestProfile:
    def test_asks_for_the_other_kind_by_the_same_name(self):
        """The server name may choose the certificate; the ciphers of the entry do not count."""
        wanted = TlsProfile(servername="mx.example.com", ciphers="high", strict=True)

        assert second_look(wanted, RSA) == TlsProfile(servername="mx.example.com", leaf_key=ECDSA)
        assert second_look(wanted, ECDSA) == TlsProfile(servername="mx.example.com", leaf_key=RSA)
        assert second_look(wanted, "") is None

    def test_endpoints_known_before_keep_their_key(self):
        """A profile that asks for no kind of key is written as it ever was."""
        assert "leaf_key" not in profile_to_json(PERMISSIVE)
        assert profile_from_json(profile_to_json(ASKS[RSA])) == ASKS[RSA]
        assert profile_key(ASKS[RSA]) not in {profile_key(PERMISSIVE), profile_key(ASKS[ECDSA])}

    def test_no_cipher_without_encryption_and_no_other_key(self):
        """The words of OpenSSL for a kind of key let in ciphers that encrypt nothing."""
        context = Contexts().of(ASKS[ECDSA])

        older = [one for one in context.get_ciphers() if not one["name"].startswith("TLS_")]
        assert {one["auth"] for one in older} == {"auth-ecdsa"}
        assert not [one for one in older if not one["strength_bits"]]

    def test_an_unknown_kind_is_refused(self):
        """What a row says is not made into a word for OpenSSL."""
        with pytest.raises(ValueError, match="no kind of key"):
            Contexts().of(TlsProfile(leaf_key="ALL:eNULL"))
