"""The probe against real peers: what is seen, one thing at a time, and as much as slots allow."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from partners.core.errors import SettingsRefused
from partners.core.names import Nexthop
from partners.core.observation import NotMeasured, NotMeasuredCause, PeerFacts, Stage, TlsProfile
from partners.probe.engine import Engine
from partners.probe.session import Target
from tests.kit.ca import Certificate, self_signed
from tests.kit.dns import DnsServer
from tests.kit.lab import Lab
from tests.kit.script import ANONYMOUS, Say, Script, Tls
from tests.kit.smtpd import Smtpd, free_port
from tests.probe.engines import engine_for, lab_engine, probed


class TestFacts:
    async def test_a_good_peer(self, smtpd: Smtpd, ca: Certificate):
        """Replies, TLS and the chain as it was sent."""
        leaf = ca.intermediate().leaf("mx.example.com")
        peer = smtpd.peer(leaf=leaf)

        seen = await probed(peer)

        assert isinstance(seen, PeerFacts)
        assert (seen.ended, seen.stop, seen.greeting_code, seen.ehlo_tls_code) == (Stage.DONE, "", 220, 250)
        assert (seen.starttls_offered, seen.starttls_code, seen.ehlo_name) == (True, 220, "mx.example.com")
        assert seen.tls is not None
        assert seen.tls.chain == tuple(certificate.der for certificate in leaf.chain)
        assert (seen.tls.version, seen.tls.client_certificate_asked) == ("TLSv1.3", False)

    async def test_never_begins_a_mail(self, smtpd: Smtpd, ca: Certificate):
        """EHLO, STARTTLS, EHLO, QUIT, and nothing else."""
        peer = smtpd.peer(leaf=ca.leaf("mx.example.com"))

        await probed(peer)

        (visit,) = peer.wait_for_visits()
        assert visit.verbs == ["EHLO", "STARTTLS", "EHLO", "QUIT"]
        assert visit.commands[0] == "EHLO probe.example"

    async def test_a_peer_without_starttls(self, smtpd: Smtpd):
        """A fact, not a failure."""
        seen = await probed(smtpd.peer(script=Script(starttls_offered=False)))

        assert isinstance(seen, PeerFacts)
        assert (seen.ended, seen.starttls_offered, seen.tls) == (Stage.DONE, False, None)

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
    async def test_old_versions_are_seen(self, smtpd: Smtpd, version: ssl.TLSVersion):
        """The permissive profile speaks to what nobody should run any more."""
        tls = Tls(self_signed("mx.example.com", key="rsa1024", digest="sha1"), minimum=version, maximum=version)
        seen = await probed(smtpd.peer(script=Script(tls=tls)))

        assert isinstance(seen, PeerFacts)
        assert seen.tls is not None
        assert seen.tls.version == version.name.replace("TLSv1_", "TLSv1.")

    async def test_an_anonymous_peer_has_no_chain(self, smtpd: Smtpd):
        """TLS without a certificate."""
        tls = Tls(None, ciphers=ANONYMOUS, maximum=ssl.TLSVersion.TLSv1_2)
        seen = await probed(smtpd.peer(script=Script(tls=tls)))

        assert isinstance(seen, PeerFacts)
        assert seen.tls is not None
        assert (seen.tls.chain, "ADH" in seen.tls.cipher or "AECDH" in seen.tls.cipher) == ((), True)

    @pytest.mark.parametrize(
        ("profile", "stop"), [(TlsProfile(anonymous=True), ""), (TlsProfile(strict=True), "closed")]
    )
    async def test_profiles_decide_whether_anonymous_peers_are_taken(
        self, smtpd: Smtpd, profile: TlsProfile, stop: str
    ):
        """As Postfix at may, and at verify."""
        tls = Tls(None, ciphers=ANONYMOUS, maximum=ssl.TLSVersion.TLSv1_2)
        seen = await probed(smtpd.peer(script=Script(tls=tls)), profile)

        assert isinstance(seen, PeerFacts)
        assert seen.stop == stop

    async def test_the_server_name_is_sent(self, smtpd: Smtpd, ca: Certificate):
        """A peer may present another certificate for it."""
        named = ca.leaf("named.example.com")
        script = Script(tls=Tls(ca.leaf("mx.example.com"), sni={"named.example.com": named}))

        seen = await probed(smtpd.peer(script=script), TlsProfile(servername="named.example.com"))

        assert isinstance(seen, PeerFacts)
        assert seen.tls is not None
        assert seen.tls.chain[0] == named.der

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    async def test_a_request_for_a_client_certificate_is_noted(
        self, smtpd: Smtpd, ca: Certificate, version: ssl.TLSVersion
    ):
        """The peer asks, and goes on without."""
        tls = Tls(ca.leaf("mx.example.com"), client_certificate=ssl.CERT_OPTIONAL, anchors=(ca,), maximum=version)
        seen = await probed(smtpd.peer(script=Script(tls=tls)))

        assert isinstance(seen, PeerFacts)
        assert seen.tls is not None
        assert (seen.tls.client_certificate_asked, seen.ended) == (True, Stage.DONE)

    async def test_a_peer_that_insists_on_a_client_certificate(self, smtpd: Smtpd, ca: Certificate):
        """In TLS 1.3 the refusal comes after the handshake: the chain is kept, the stop told."""
        tls = Tls(ca.leaf("mx.example.com"), client_certificate=ssl.CERT_REQUIRED, anchors=(ca,))
        seen = await probed(smtpd.peer(script=Script(tls=tls)))

        assert isinstance(seen, PeerFacts)
        assert seen.tls is not None
        assert (seen.ended, seen.stop, seen.tls.client_certificate_asked) == (Stage.EHLO_TLS, "closed", True)

    async def test_a_client_certificate_is_presented(self, smtpd: Smtpd, ca: Certificate, tmp_path: Path):
        """The worker's settings name one."""
        mine = ca.leaf("probe.example", eku=("client",))
        certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        certificate.write_text(mine.chain_pem)
        key.write_text(mine.key_pem)
        tls = Tls(ca.leaf("mx.example.com"), client_certificate=ssl.CERT_REQUIRED, anchors=(ca,))
        peer = smtpd.peer(script=Script(tls=tls))

        seen = await engine_for(peer, client_certificate=(str(certificate), str(key))).probe(Target("127.0.0.1", 25))

        assert isinstance(seen, PeerFacts)
        assert seen.ended is Stage.DONE
        assert peer.wait_for_visits()[0].client_certificate == mine.der


class TestRun:
    async def test_outcomes_come_as_they_arrive(self, smtpd: Smtpd, ca: Certificate, lab: Lab):
        """A slow peer holds nobody up."""
        slow, quick = lab.address(), lab.address()
        leaf = ca.leaf("mx.example.com")
        smtpd.peer(slow, script=Script(tls=Tls(leaf), replies={"GREETING": Say("220 mx", delay=0.5)}))
        smtpd.peer(quick, leaf=leaf)

        outcomes = [seen.address async for seen in lab_engine().run([Target(slow, 25), Target(quick, 25)])]

        assert outcomes == [quick, slow]

    async def test_one_address_is_probed_by_one_session_at_a_time(self, smtpd: Smtpd, ca: Certificate, lab: Lab):
        """Three profiles wait for each other."""
        address, open_now, most = lab.address(), 0, 0
        smtpd.peer(address, leaf=ca.leaf("mx.example.com"))

        def watch(_: Target, stage: Stage) -> None:
            nonlocal open_now, most
            open_now += {Stage.CONNECT: 1, Stage.DONE: -1}.get(stage, 0)
            most = max(most, open_now)

        targets = [Target(address, 25, TlsProfile(servername=f"{number}.example")) for number in range(3)]
        outcomes = [seen async for seen in lab_engine().run(targets, progress=watch)]

        assert (len(outcomes), most) == (3, 1)

    async def test_takes_targets_only_while_slots_are_free(self, smtpd: Smtpd, lab: Lab):
        """An endless source is read as far as needed."""
        address, taken = lab.address(), 0
        smtpd.peer(address, script=Script(starttls_offered=False))

        async def endless() -> AsyncIterator[Target]:
            nonlocal taken
            while True:
                taken += 1
                yield Target(address, 25)

        outcomes = lab_engine(slots=2).run(endless())
        await anext(outcomes)
        await outcomes.aclose()

        assert taken <= 4

    async def test_progress_tells_each_stage(self, smtpd: Smtpd, ca: Certificate):
        """Whoever watches sees how far it is."""
        stages: list[Stage] = []
        peer = smtpd.peer(leaf=ca.leaf("mx.example.com"))

        await engine_for(peer).probe(Target("127.0.0.1", 25), progress=lambda _, stage: stages.append(stage))

        assert stages == list(Stage)

    async def test_a_crash_is_an_outcome(self, smtpd: Smtpd, ca: Certificate):
        """A fault of ours in one job does not take the batch with it."""
        peer = smtpd.peer(leaf=ca.leaf("mx.example.com"))
        targets = [Target("127.0.0.1", 25, TlsProfile(protocols="SSLv9")), Target("127.0.0.1", 25)]

        crashed, seen = [outcome async for outcome in engine_for(peer).run(targets)]

        assert isinstance(crashed, NotMeasured)
        assert (crashed.cause, "SSLv9" in crashed.detail) == (NotMeasuredCause.CRASHED, True)
        assert isinstance(seen, PeerFacts)

    async def test_stopped_targets_are_told(self, smtpd: Smtpd):
        """Stopping loses no target that was taken."""
        peer = smtpd.peer(script=Script(replies={"GREETING": Say("220 mx", delay=20)}))
        engine = engine_for(peer)
        asyncio.get_running_loop().call_later(0.2, engine.stop)

        (outcome,) = [seen async for seen in engine.run([Target("127.0.0.1", 25)])]

        assert isinstance(outcome, NotMeasured)
        assert outcome.cause is NotMeasuredCause.CANCELLED

    async def test_what_may_not_be_probed_is_not(self, smtpd: Smtpd):
        """The guard stands before the socket."""
        peer = smtpd.peer()
        engine = Engine(ehlo_name="probe.example", port_map={("127.0.0.1", 25): peer.port})

        outcome = await engine.probe(Target("127.0.0.1", 25))

        assert isinstance(outcome, NotMeasured)
        assert (outcome.cause, "loopback" in outcome.detail) == (NotMeasuredCause.NOT_ALLOWED, True)
        assert peer.visits == []

    @pytest.mark.parametrize("name", ["a b", "x\r\nMAIL FROM:<>", "münchen", "-x"])
    def test_an_ehlo_name_that_is_none_is_refused(self, name: str):
        """No setting can put a second line into the session."""
        with pytest.raises(SettingsRefused, match="EHLO name"):
            Engine(ehlo_name=name)


class TestNexthop:
    async def test_every_address_of_every_host(self, dns: DnsServer, smtpd: Smtpd, ca: Certificate, lab: Lab):
        """IPv4 and IPv6, two hosts, one of them down."""
        v4, v6, down = lab.address(), lab.address(version=6), lab.address()
        leaf = ca.leaf("mx1.example.com")
        smtpd.peer(v4, leaf=leaf)
        smtpd.peer(v6, leaf=leaf)
        dns.zone("example.com").add("@ MX 10 mx1", f"mx1 A {v4}", f"mx1 AAAA {v6}", "@ MX 20 mx2", f"mx2 A {down}")

        facts, peers = await lab_engine(dns).probe_nexthop(Nexthop.parse("example.com"))

        assert [host.name for host in facts.hosts] == ["mx1.example.com", "mx2.example.com"]
        kinds = {address: type(peer) for (address, _, _), peer in peers.items()}
        assert kinds == {v4: PeerFacts, v6: PeerFacts, down: NotMeasured}

    async def test_profiles_are_chosen_by_host(self, dns: DnsServer, smtpd: Smtpd, ca: Certificate, lab: Lab):
        """servername=hostname needs another profile for each."""
        address = lab.address()
        peer = smtpd.peer(address, leaf=ca.leaf("mx.example.com"))
        dns.zone("example.com").add("@ MX 10 mx", f"mx A {address}")

        await lab_engine(dns).probe_nexthop(
            Nexthop.parse("example.com"), profiles=lambda _, host: [TlsProfile(servername=host.name)]
        )

        assert peer.wait_for_visits()[0].servername == "mx.example.com"

    async def test_a_port_map_leaves_the_facts_at_the_nominal_port(self, smtpd: Smtpd, ca: Certificate):
        """A demo's peers listen on high ports and look as if they did not."""
        peer = smtpd.peer(leaf=ca.leaf("mx.example.com"))

        _, peers = await engine_for(peer).probe_nexthop(Nexthop.parse("[127.0.0.1]"))

        ((key, seen),) = peers.items()
        assert (key[:2], seen.port) == (("127.0.0.1", 25), 25)

    async def test_nobody_listens(self):
        """A refused connection is no fact about TLS."""
        outcome = await engine_for(None, port=free_port()).probe(Target("127.0.0.1", 25))

        assert isinstance(outcome, NotMeasured)
        assert (outcome.cause, outcome.stage) == (NotMeasuredCause.CONNECT_REFUSED, Stage.CONNECT)
