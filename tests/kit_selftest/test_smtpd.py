"""The scripted peer, as clients of the standard library see it."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.kit.ca import Certificate, root_ca, self_signed
from tests.kit.script import ANONYMOUS, CLOSE, CLOSING_421, RESET, SILENCE, Say, Script, Tls
from tests.kit.smtpd import Peer, Smtpd


@pytest.fixture
def peers() -> Iterator[Smtpd]:
    """Return a factory of peers on 127.0.0.1."""
    with Smtpd() as factory:
        yield factory


def client_context(anchor: Certificate | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts *anchor*, or anyone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if anchor else ssl.CERT_NONE
    if anchor:
        context.load_verify_locations(cadata=anchor.pem)
    return context


def connect(peer: Peer) -> smtplib.SMTP:
    """Return an SMTP client at *peer*, after its greeting."""
    return smtplib.SMTP(peer.address, peer.port, local_hostname="client.example", timeout=5)


def raw(peer: Peer, *lines: bytes, seconds: float = 5) -> bytes:
    """Send *lines* at once and return all that the peer says until it closes."""
    heard = b""
    with socket.create_connection((peer.address, peer.port), timeout=seconds) as connection:
        connection.sendall(b"".join(lines))
        while octets := connection.recv(65536):
            heard += octets
    return heard


class TestMail:
    def test_takes_a_message_under_tls(self, peers: Smtpd):
        """A client that starts TLS and trusts the root delivers; the message is kept as sent."""
        root = root_ca()
        peer = peers.peer(leaf=root.intermediate().leaf("mx.example.com"))

        with connect(peer) as client:
            client.starttls(context=client_context(root))
            client.sendmail("a@client.example", ["b@example.com"], "Subject: x\r\n\r\n.dot\r\n")

        message = peer.wait_for_message()
        assert (message.sender, message.recipients, message.under_tls) == ("a@client.example", ("b@example.com",), True)
        assert message.content == b"Subject: x\r\n\r\n.dot\r\n"

    def test_records_what_a_client_said_before_and_under_tls(self, peers: Smtpd):
        """A probe that looks and leaves has never said MAIL."""
        peer = peers.peer(leaf=self_signed("mx.example.com"))

        with connect(peer) as client:
            client.starttls(context=client_context())
            client.ehlo()

        (visit,) = peer.wait_for_visits()
        assert visit.verbs == ["EHLO", "STARTTLS", "EHLO", "QUIT"]
        assert visit.tls_commands == ["ehlo client.example", "QUIT"]
        assert visit.tls_version == "TLSv1.3"

    def test_a_renewed_certificate_is_presented_to_the_next_client(self, peers: Smtpd):
        """present() changes the leaf without a new listener."""
        old, new = self_signed("mx.example.com"), self_signed("mx.example.com")
        peer = peers.peer(leaf=old)
        presented = []

        for leaf in (old, new):
            peer.present(leaf)
            with connect(peer) as client:
                client.starttls(context=client_context())
                presented.append(client.sock.getpeercert(binary_form=True))

        assert presented == [old.der, new.der]

    def test_a_closed_peer_refuses(self, peers: Smtpd):
        """close() is connection refused, reopen() listens on the same port."""
        peer = peers.peer()

        peer.close()
        with pytest.raises(ConnectionRefusedError):
            connect(peer)

        peer.reopen()
        connect(peer).close()


class TestTls:
    def test_server_name_chooses_the_certificate(self, peers: Smtpd):
        """SNI picks from the map and is recorded."""
        plain, named = self_signed("plain.example"), self_signed("named.example")
        peer = peers.peer(script=Script(tls=Tls(plain, sni={"named.example": named})))

        client = connect(peer)
        client._host = "named.example"  # smtplib takes the server name from here
        client.starttls(context=client_context())

        assert client.sock.getpeercert(binary_form=True) == named.der
        client.quit()
        assert peer.wait_for_visits()[0].servername == "named.example"

    def test_old_protocol_and_sha1(self, peers: Smtpd):
        """A TLS 1.0 peer with an RSA-1024 key and a SHA-1 signature can be had."""
        leaf = self_signed("mx.example.com", key="rsa1024", digest="sha1")
        tls = Tls(leaf, minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1, ciphers="ALL:@SECLEVEL=0")
        peer = peers.peer(script=Script(tls=tls))
        context = client_context()
        with pytest.warns(DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1

        with connect(peer) as client:
            client.starttls(context=context)
            assert client.sock.version() == "TLSv1"

    def test_anonymous_ciphers(self, peers: Smtpd):
        """A peer without any certificate."""
        peer = peers.peer(script=Script(tls=Tls(None, ciphers=ANONYMOUS, maximum=ssl.TLSVersion.TLSv1_2)))

        with connect(peer) as client:
            client.starttls(context=client_context())
            assert client.sock.getpeercert(binary_form=True) is None
            assert client.sock.cipher()[0].startswith(("AECDH", "ADH"))

    def test_client_certificate(self, peers: Smtpd):
        """A peer that insists on a client certificate records it, and drops who has none."""
        root = root_ca()
        tls = Tls(root.leaf("mx.example.com"), client_certificate=ssl.CERT_REQUIRED, anchors=[root])
        peer = peers.peer(script=Script(tls=tls))

        with pytest.raises((ssl.SSLError, smtplib.SMTPServerDisconnected, ConnectionError)), connect(peer) as client:
            client.starttls(context=client_context())
            client.ehlo()

        assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in peer.wait_for_visits()[0].tls_failure

    def test_a_chain_of_a_hundred(self, peers: Smtpd):
        """Whatever is given as chain is sent."""
        leaf = self_signed("mx.example.com")
        peer = peers.peer(script=Script(tls=Tls(leaf, chain=[leaf] + [root_ca()] * 99)))

        with connect(peer) as client:
            client.starttls(context=client_context())
            assert len(client.sock._sslobj.get_unverified_chain()) == 100

    @pytest.mark.parametrize("manner", ["close", "reset", "alert", "garbage", "plaintext"])
    def test_a_spoiled_handshake(self, peers: Smtpd, manner: str):
        """STARTTLS is promised and TLS does not come."""
        peer = peers.peer(script=Script(handshake=manner))

        client = connect(peer)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            client.starttls(context=client_context())
        client.close()


class TestOddReplies:
    def test_no_starttls(self, peers: Smtpd):
        """STARTTLS is not offered."""
        with connect(peers.peer(script=Script(starttls_offered=False))) as client:
            client.ehlo()
            assert not client.has_extn("starttls")

    @pytest.mark.parametrize(
        ("step", "lines"),
        [("GREETING", []), ("EHLO", [b"EHLO a\r\n"]), ("STARTTLS", [b"STARTTLS\r\n"]), ("NOOP", [b"NOOP\r\n"])],
    )
    def test_421_and_close_at_a_step(self, peers: Smtpd, step: str, lines: list[bytes]):
        """Any step can end with 421."""
        heard = raw(peers.peer(script=Script(replies={step: CLOSING_421})), *lines)

        assert heard.endswith(b"421 4.3.2 Service shutting down\r\n")

    def test_close_without_a_word(self, peers: Smtpd):
        """CLOSE says nothing at all; RESET is a TCP reset."""
        assert raw(peers.peer(script=Script(replies={"GREETING": CLOSE}))) == b""
        with pytest.raises(ConnectionResetError):
            raw(peers.peer(script=Script(replies={"GREETING": RESET})))

    def test_silence(self, peers: Smtpd):
        """SILENCE keeps the connection and never answers; what the client says is kept."""
        peer = peers.peer(script=Script(replies={"GREETING": SILENCE}))

        with pytest.raises(TimeoutError):
            raw(peer, b"EHLO a\r\n", seconds=0.3)
        assert peer.wait_for_visits()[0].stray == b"EHLO a\r\n"

    def test_drip(self, peers: Smtpd):
        """A greeting byte by byte takes as long as asked."""
        begin = time.monotonic()
        raw(peers.peer(script=Script(replies={"GREETING": Say("220 mx", fragment=1, pause=0.05, then="close")})))

        assert time.monotonic() - begin >= 8 * 0.05

    def test_endless_banner(self, peers: Smtpd):
        """A banner without end ends with its client."""
        peer = peers.peer(script=Script(replies={"GREETING": Say("220-more", repeat=True)}))

        with socket.create_connection((peer.address, peer.port), timeout=5) as connection:
            heard = 0
            while heard < 1 << 16:
                heard += len(connection.recv(1 << 16))

        peer.wait_for_visits()
        assert peer.wait_for_visits()[0].finished

    def test_a_megabyte_line(self, peers: Smtpd):
        """Bytes are sent as they are, however many."""
        reply = Say(b"250-" + b"x" * 1_000_000 + b"\r\n250 STARTTLS\r\n", then="close")

        assert len(raw(peers.peer(script=Script(replies={"EHLO": reply})), b"EHLO a\r\n")) > 1_000_000

    def test_a_reply_may_depend_on_the_visit(self, peers: Smtpd):
        """A function answers by what was said before."""
        replies = {"NOOP": lambda visit: "250 first" if visit.verbs.count("NOOP") == 1 else CLOSING_421}

        heard = raw(peers.peer(script=Script(replies=replies)), b"NOOP\r\nNOOP\r\n")
        assert b"250 first\r\n421 " in heard


class TestCrowd:
    def test_one_listener_serves_many_addresses(self, peers: Smtpd):
        """The script is chosen by the address called; without one the connection is reset."""
        crowd = peers.crowd(lambda address: Script(name=f"mx-{address}") if address != "127.0.0.9" else None, port=0)

        for address in ("127.0.0.7", "127.0.0.8"):
            with smtplib.SMTP(address, crowd.port, timeout=5) as client:
                assert f"mx-{address}" in client.ehlo()[1].decode()
        with pytest.raises((ConnectionResetError, smtplib.SMTPServerDisconnected)):
            smtplib.SMTP("127.0.0.9", crowd.port, timeout=5)
