"""Sign-in under attack: links, redirects, sessions, guesses."""

import re
from typing import Any

import pytest
from django.conf import settings as portal
from django.core import mail
from django.test import Client
from django.urls import reverse

from partners.models import User
from tests.actions.people import editor

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


@pytest.fixture
def eda() -> User:
    """An editor with a password."""
    user = editor()
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, user: User, password: str = PASSWORD, **extra: str) -> Any:
    return client.post(reverse("account_login"), {"login": user.email, "password": password, **extra})


class TestResetLink:
    @pytest.fixture(autouse=True)
    def _mailed(self, settings: Any) -> None:
        settings.MAIL_CONFIGURED, settings.PORTAL_URL = True, "https://portal.example"
        settings.ALLOWED_HOSTS = ["portal.example", "localhost", "testserver"]

    def test_it_begins_with_our_address_whatever_the_request_said(self, eda: User, client: Client) -> None:
        """A Host header that is allowed, but not the portal's name, chooses nothing of the mail."""
        client.post(reverse("account_reset_password"), {"email": eda.email}, headers={"host": "localhost"})

        message = mail.outbox[0]
        assert re.search(r"https://portal\.example/accounts/password/reset/key/\S+", message.body)
        assert "localhost" not in message.body + message.subject
        assert message.to == [eda.email]

    def test_a_foreign_host_gets_no_mail_sent(self, eda: User, client: Client) -> None:
        """It is refused before anything happens."""
        answer = client.post(reverse("account_reset_password"), {"email": eda.email}, headers={"host": "evil.example"})

        assert (answer.status_code, mail.outbox) == (400, [])

    def test_it_sets_a_password_once(self, eda: User, client: Client) -> None:
        """Followed as a person would; its address holds no key on the page with the form."""
        client.post(reverse("account_reset_password"), {"email": eda.email})
        path = re.search(r"portal\.example(/accounts/\S+)", mail.outbox[0].body)[1]
        followed = client.get(path)
        assert followed["Referrer-Policy"] == "no-referrer"
        assert followed["Location"].endswith("-set-password/")
        page = client.get(followed["Location"])
        assert (page.status_code, page["Referrer-Policy"]) == (200, "strict-origin")

        done = client.post(followed["Location"], {"password1": PASSWORD + "!", "password2": PASSWORD + "!"})

        eda.refresh_from_db()
        assert (done.status_code, eda.check_password(PASSWORD + "!")) == (302, True)
        assert b"was used, or ran out" in Client().get(path).content

    def test_a_relay_that_is_gone_tells_nothing_about_accounts(self, eda: User, settings: Any) -> None:
        """Known or not, the answer is the same, and no fault of ours."""
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

        answers = [
            Client().post(reverse("account_reset_password"), {"email": one}) for one in (eda.email, "x@y.example")
        ]

        assert {(answer.status_code, answer["Location"]) for answer in answers} == {
            (302, "/accounts/password/reset/done/")
        }

    def test_without_a_relay_no_mail_is_promised(self, client: Client, settings: Any) -> None:
        """The page says who can set the password then."""
        settings.MAIL_CONFIGURED = False

        page = client.get(reverse("account_reset_password")).content

        assert b"changepassword" in page
        assert b'name="email"' not in page


class TestSession:
    def test_a_planted_session_is_not_taken_over(self, eda: User, client: Client) -> None:
        """The key changes with the sign-in."""
        client.get("/accounts/login/")
        session = client.session
        session["planted"] = "x"
        session.save()
        client.cookies[portal.SESSION_COOKIE_NAME] = session.session_key

        sign_in(client, eda)

        assert client.session.session_key != session.session_key
        assert (
            Client(headers={"cookie": f"{portal.SESSION_COOKIE_NAME}={session.session_key}"}).get("/").status_code
            == 302
        )

    def test_its_cookies_are_out_of_reach_of_scripts_and_other_sites(self, eda: User, client: Client) -> None:
        """HttpOnly and SameSite; over https Secure as well (tests/setup/test_settings.py)."""
        sign_in(client, eda)

        flags = {name: (cookie["httponly"], cookie["samesite"]) for name, cookie in client.cookies.items()}
        assert {flags[portal.SESSION_COOKIE_NAME], flags[portal.CSRF_COOKIE_NAME]} == {(True, "Lax")}

    def test_a_link_signs_nobody_out(self, eda: User, client: Client) -> None:
        """Signing out takes the button: a picture on another site cannot do it."""
        client.force_login(eda)

        assert client.get(reverse("account_logout")).status_code == 200
        assert client.get("/partners/").status_code == 200
        assert Client(enforce_csrf_checks=True).post(reverse("account_logout")).status_code == 403
        client.post(reverse("account_logout"))
        assert client.get("/partners/").status_code == 302

    def test_an_account_that_was_closed_is_out_at_once(self, eda: User, client: Client) -> None:
        """Its session opens nothing any more."""
        client.force_login(eda)
        User.objects.update(is_active=False)

        assert client.get("/partners/")["Location"].startswith("/accounts/login/")


FOREIGN = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "http:///evil.example/",
    "javascript:alert(1)",
    "https://portal@evil.example/",
    "\thttps://evil.example",
]


class TestNext:
    @pytest.mark.parametrize("address", FOREIGN)
    @pytest.mark.parametrize("name", ["account_login", "account_logout"])
    def test_no_door_leads_to_another_site(self, eda: User, client: Client, name: str, address: str) -> None:
        """Neither in the form nor in the address of the page."""
        if name == "account_logout":
            client.force_login(eda)
        words = {"login": eda.email, "password": PASSWORD, "next": address}

        answer = client.post(reverse(name) + "?" + f"next={address}", words)

        assert answer.status_code == 302
        assert re.match(r"/($|[^/\\])", answer["Location"])

    @pytest.mark.parametrize("address", FOREIGN)
    @pytest.mark.parametrize("name", ["set-theme", "set_language"])
    def test_the_switches_lead_to_no_other_site(self, client: Client, name: str, address: str) -> None:
        """Theme and language go back to a page of ours."""
        answer = client.post(reverse(name), {"next": address, "theme": "dark", "language": "de"})

        assert re.match(r"/($|[^/\\])", answer["Location"])


class TestGuesses:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_another_name_of_the_portal_begins_no_new_count(self, eda: User, settings: Any, host: str) -> None:
        """Five wrong words for one address, then none is tried: not the right one either."""
        settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
        for number in range(5):
            client = Client(REMOTE_ADDR=f"192.0.2.{number}")
            sign_in(client, eda, "wrong")

        answer = Client(REMOTE_ADDR="192.0.2.99", headers={"host": host})
        page = sign_in(answer, eda)

        assert page.status_code != 302

    def test_a_network_of_ipv6_is_one_guesser(self, eda: User) -> None:
        """Who holds a /64 holds 2**64 addresses: they count as one, and the neighbour does not."""
        pages = [
            sign_in(Client(REMOTE_ADDR=f"2001:db8:0:1::{number:x}"), eda, "wrong", login=f"u{number}@x.example")
            for number in range(1, 13)
        ]
        neighbour = sign_in(Client(REMOTE_ADDR="2001:db8:0:2::1"), eda)

        refused = [page.status_code == 429 or b"Too many attempts" in page.content for page in pages]
        assert (refused[0], refused[-1]) == (False, True)
        assert neighbour.status_code == 302
