"""One guarded request: what it takes, what it refuses, and what it never waits for."""

import socket
import time
from ipaddress import ip_network

import pytest

from partners.core.errors import SettingsRefused, TemporaryFault
from partners.core.webhooks import demand_url
from partners.fetch.https import Rules, ask
from tests.kit.ca import root_ca
from tests.kit.httpsd import httpsd

ROOT = root_ca()
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.fixture
def hook():
    with httpsd(ROOT.leaf("localhost")) as server:
        yield server


@pytest.fixture
def rules(hook, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text(ROOT.pem)
    return Rules(networks=LOOPBACK, ports={hook.port}, ca_file=str(path), seconds=2.0)


def post(hook, rules, body=b"{}", **headers):
    return ask("POST", hook.url(), body=body, headers=headers, rules=rules)


class TestUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "http://hooks.example.com/",
            "https://user:secret@hooks.example.com/",
            "https://hooks.example.com/#part",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://2130706433/",
            "https://hooks.example.com:22/",
            "https://hooks.example.com:0x1bb/",
            "https://hooks.example.com/a b",
            "https://hooks.example.com/\r\nX: y",
            "https://hooks.example.com\\@evil.example/",
            "https:///path",
            "file:///etc/passwd",
            "gopher://hooks.example.com/",
            "https://hooks.example.com/" + "a" * 500,
        ],
    )
    def test_refused(self, url):
        """Neither another scheme, nor a user, an address, a forbidden port, a line break or a trick with signs."""
        with pytest.raises(SettingsRefused):
            demand_url(url)

    def test_taken(self):
        """A name, a path and a query, on one of two ports."""
        assert demand_url("https://hooks.example.com:8443/a?b=c").hostname == "hooks.example.com"


class TestAsk:
    def test_what_is_sent(self, hook, rules):
        """One request with its headers and body, on one connection."""
        assert post(hook, rules, b'{"a": 1}', Signed="yes").status == 204

        (request,) = hook.requests
        assert (request.line, request.body) == ("POST /hook HTTP/1.1", b'{"a": 1}')
        assert (request.headers["signed"], request.headers["host"]) == ("yes", f"localhost:{hook.port}")

    def test_private_addresses_are_refused_unless_named(self, hook, rules):
        """Nothing inside is reached by a name that leads there: not even a connection is tried."""
        with pytest.raises(SettingsRefused, match="TLSPORTAL_NOTICE_NETWORKS"):
            ask("POST", hook.url(), headers={}, rules=Rules(ports={hook.port}, ca_file=rules.ca_file))
        assert hook.connections == 0

    def test_one_inner_address_spoils_the_name(self, hook, rules, monkeypatch):
        """A name with a public and an inner address is refused as a whole."""
        rows = [(2, 1, 6, "", (address, hook.port)) for address in ("127.0.0.1", "10.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: rows)

        with pytest.raises(SettingsRefused, match=r"10\.0\.0\.1"):
            post(hook, rules)
        assert hook.connections == 0

    def test_resolved_once(self, hook, rules, monkeypatch):
        """What was judged is what is spoken to: a second answer of the DNS changes nothing."""
        real, asked = socket.getaddrinfo, []

        def rebinding(name, *args, **kwargs):
            asked.append(name)
            return real("127.0.0.1", *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        post(hook, rules)

        assert [name for name in asked if name == "localhost"] == ["localhost"]

    def test_redirects_are_not_followed(self, hook, rules):
        """They are handed back, and nobody goes there."""
        hook.answer = b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"

        reply = post(hook, rules)

        assert (reply.status, reply.location) == (302, "https://169.254.169.254/")
        assert hook.connections == 1

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 30 + b"\r\nabc", id="endless-chunk"),
            pytest.param(b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc", id="endless-length"),
            pytest.param(b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc", id="negative-chunk"),
            pytest.param(b"Content-Length: -5\r\n\r\nabc", id="negative-length"),
            pytest.param(b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabc", id="length-of-5000-digits"),
            pytest.param(b"a: b\r\n" * 500 + b"\r\n", id="many-headers"),
        ],
    )
    def test_numbers_that_are_none(self, hook, rules, answer):
        """Whatever size the server claims, there is an answer or a fault of the network, and no crash."""
        hook.answer = b"HTTP/1.1 200 OK\r\n" + answer
        try:
            reply = post(hook, rules)
        except TemporaryFault:
            return
        assert reply.status == 200
        assert b"abc" in reply.body or not reply.body

    def test_a_strangers_certificate(self, hook, rules, tmp_path):
        """A CA that nobody trusts is a fault of the network."""
        path = tmp_path / "other.pem"
        path.write_text(root_ca("Other").pem)

        with pytest.raises(TemporaryFault, match="CERTIFICATE_VERIFY_FAILED"):
            post(hook, Rules(networks=LOOPBACK, ports={hook.port}, ca_file=str(path)))
        assert hook.requests == []

    def test_a_name_that_does_not_fit(self, rules):
        """The certificate must hold the name that was asked for."""
        failed = pytest.raises(TemporaryFault, match="CERTIFICATE_VERIFY_FAILED")
        with httpsd(ROOT.leaf("elsewhere.example")) as other, failed:
            post(other, Rules(networks=LOOPBACK, ports={other.port}, ca_file=rules.ca_file))

    def test_a_byte_now_and_then(self, hook, rules):
        """A server that drips costs the bound and no more."""
        hook.answer, hook.drip = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, 0.2
        begun = time.monotonic()

        with pytest.raises(TemporaryFault):
            post(hook, rules)
        assert time.monotonic() - begun < 4

    def test_an_endless_reply(self, hook, rules):
        """What is longer than the bound is cut."""
        hook.answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000

        assert len(post(hook, rules).body) < 70_000

    def test_a_connection_that_is_left_open(self, hook, rules):
        """The length that the reply gives is enough."""
        hook.answer, hook.stays = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True
        begun = time.monotonic()

        assert post(hook, rules).body == b"ok"
        assert time.monotonic() - begun < 1

    def test_chunks(self, hook, rules):
        """A body in chunks is read as one."""
        hook.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"

        assert post(hook, rules).body == b"abc"

    def test_no_http(self, hook, rules):
        """A greeting of something else."""
        hook.answer = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"

        with pytest.raises(TemporaryFault, match="no HTTP"):
            post(hook, rules)

    def test_nobody_there(self, hook, rules):
        """A closed port is tried again later."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]

        with pytest.raises(TemporaryFault, match="refused"):
            ask("GET", f"https://localhost:{port}/", headers={}, rules=Rules(networks=LOOPBACK, ports={port}))

    def test_a_header_with_a_line_break(self, hook, rules):
        """No value can begin a header of its own."""
        with pytest.raises(SettingsRefused):
            post(hook, rules, Odd="a\r\nEvil: yes")
        assert hook.requests == []
