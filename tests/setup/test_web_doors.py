"""The doors on real sockets: how large a body may be, and what the log of the web process never holds."""

import re
import socket

import pytest

from tests.setup.web import Web, web

__all__ = ["web"]

pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


class TestBodies:
    @pytest.mark.parametrize("path", ["/accounts/login/", "/portal/1/upload/", "/nowhere/", "/invitations/"])
    @pytest.mark.parametrize("size", [MEGABYTE + 1, 6 * MEGABYTE])
    def test_a_body_over_the_limit_is_refused_in_words(self, web: Web, path: str, size: int):
        """The browser, still sending, gets the page: too large, and how large it may be; also before sign-in."""
        status, headers, page = web.ask("POST", path, b"x" * size, **FORM)

        assert status == 413
        assert "at most 1 MB" in page and "<h1>" in page
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"

    def test_a_body_within_the_limit_is_read(self, web: Web):
        """One byte less is the page's own matter."""
        assert web.ask("POST", "/accounts/login/", b"x" * MEGABYTE, **FORM)[0] == 403  # no token against forgery

    def test_the_refusal_is_in_german_for_a_german_browser(self, web: Web):
        """The page asks the browser for its language, without a session."""
        page = web.ask("POST", "/", b"x" * (MEGABYTE + 1), Accept_Language="de")[2]

        assert '<html lang="de"' in page

    def test_a_body_of_no_stated_length_is_refused(self, web: Web):
        """Chunks could go on for ever: nothing of them is kept."""
        with socket.create_connection(("127.0.0.1", web.port), timeout=20) as link:
            link.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            link.sendall(b"5\r\nhello\r\n0\r\n\r\n")

            assert link.recv(100).startswith(b"HTTP/1.1 411 ")

    def test_the_portal_goes_on_after_it(self, web: Web):
        """A refusal costs nobody else anything, and is one line of the log."""
        assert web.ask("GET", "/accounts/login/")[0] == 200
        assert "event=body_refused code=413" in web.logged


class TestLog:
    TOKEN = "Zm9yZ2V0LXRoaXMtdG9rZW4tYXQtb25jZS1wbGVhc2U"

    @pytest.mark.parametrize(
        "path",
        [
            "/invitations/{}/",
            "/invitations/{}",
            "/invitations/{}/x/",
            "//invitations//{}/",
            "/Invitations/{}/",
            "/invitations%2F{}",
            "/wrong/{}/",
            "/?next=/invitations/{}/",
            "/accounts/login/?next=/invitations/{}/",
            "/accounts/password/reset/key/1-{}/",
            "/accounts/password/reset/key/1-{}",
            "/accounts/password/reset/key/{}",
        ],
    )
    def test_no_token_of_a_link_is_logged(self, web: Web, path: str):
        """Whatever happens to the address on its way: found, redirected, misspelt; nor by way of the referrer."""
        address = path.format(self.TOKEN)

        web.ask("GET", address, Referer=f"http://127.0.0.1{address}")
        web.ask("POST", address, b"a=b", Referer=f"http://127.0.0.1{address}", **FORM)
        web.ask("GET", address, Host="evil.example")

        assert self.TOKEN not in web.logged

    def test_a_reset_key_of_the_usual_shape_is_not_logged(self, web: Web):
        """Shorter than our tokens, and behind its door."""
        for path in ("/accounts/password/reset/key/2-c9f3ab-0123456789abcdef0123456789abcdef/", "/x/../accounts/"):
            web.ask("GET", path)

        assert "c9f3ab-0123456789abcdef" not in web.logged

    def test_the_lines_are_there_all_the_same(self, web: Web):
        """One line per answer, with its path up to the door."""
        assert re.search(r'event=request_finished .*code=302 request="GET /invitations/\*\*\*/"', web.logged)
        assert "GET /accounts/password/reset/key/***" in web.logged

    def test_the_first_link_works_and_is_not_logged(self, web: Web):
        """Followed for real."""
        path = web.first_link.removeprefix(f"http://127.0.0.1:{web.port}")

        status, headers, _page = web.ask("GET", path)

        assert (status, headers["location"], headers["referrer-policy"]) == (302, "/invitations/", "no-referrer")
        assert path.strip("/").split("/")[1] not in web.logged
