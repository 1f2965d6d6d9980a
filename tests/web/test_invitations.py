"""From an invitation to an account, page by page: who sees the link, and what it opens."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.invitations import Invited, approve_invitation, invite
from partners.models import Invitation, Partner, User
from tests.actions.people import approver, editor, person

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"
TOKEN = re.compile(r"/invitations/([\w-]{43})/")


@pytest.fixture
def acme() -> Partner:
    return Partner.objects.create(name="Acme")


@pytest.fixture
def mailed(settings: Any) -> None:
    """The portal sends mail (into Django's outbox), and its address is named."""
    settings.MAIL_CONFIGURED, settings.PORTAL_URL = True, "https://portal.example"


def browser(user: User | None = None) -> Client:
    client = Client(raise_request_exception=True)
    if user is not None:
        client.force_login(user)
    return client


def agreed(partner: Partner, email: str = "pat@acme.example") -> Invited:
    """An invitation whose link may be used."""
    waiting = invite(email, User.Role.PARTNER, partner=partner, by=approver("ina"), now=timezone.now())
    return approve_invitation(waiting.invitation, by=approver("sec"), now=timezone.now()) if waiting.waits else waiting


def opened(invited: Invited, user: User | None = None) -> Client:
    """A browser that followed the link."""
    client = browser(user)
    answer = client.get(reverse("invitation-follow", args=[invited.token]))
    assert (answer.status_code, answer["Location"]) == (302, "/invitations/")
    return client


class TestWhoSeesTheLink:
    def test_it_is_mailed_and_shown_to_nobody(self, acme: Partner, mailed: None) -> None:
        """Neither the page of who invites nor that of who agrees holds it."""
        eda, ann = browser(editor()), browser(approver())
        asked = eda.post(reverse("partner-invite", args=[acme.pk]), {"email": "pat@acme.example"})
        assert mail.outbox == []

        done = ann.post(reverse("pin-decide", args=["invitation", Invitation.objects.get().pk]), {"act": "approve"})

        assert (asked.status_code, done.status_code) == (200, 200)
        assert not TOKEN.search(asked.content.decode() + done.content.decode())
        assert mail.outbox[0].to == ["pat@acme.example"]
        assert "https://portal.example/invitations/" in mail.outbox[0].body

    def test_without_mail_who_agrees_is_shown_it_once(self, acme: Partner) -> None:
        """Marked, not stored in any cache, and never to who invited."""
        eda, ann = browser(editor()), browser(approver())
        asked = eda.post(reverse("partner-invite", args=[acme.pk]), {"email": "pat@acme.example"})

        done = ann.post(reverse("pin-decide", args=["invitation", Invitation.objects.get().pk]), {"act": "approve"})

        assert not TOKEN.search(asked.content.decode())
        assert TOKEN.search(done.content.decode())
        assert b"sends no mail" in done.content
        assert "no-store" in done["Cache-Control"]
        assert not TOKEN.search(ann.get(reverse("approvals")).content.decode())

    def test_a_mail_that_fails_is_told_and_sent_again(self, acme: Partner, mailed: None, settings: Any) -> None:
        """The page says why; the button makes a fresh link."""
        ann = browser(approver())
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        failed = ann.post(reverse("partner-invite", args=[acme.pk]), {"email": "pat@acme.example"})
        assert failed.status_code == 200  # a proxy may put its own page in the place of a 502
        assert b"refused" in failed.content and b"refused" in ann.get(reverse("approvals")).content
        old = Invitation.objects.get()

        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        again = ann.post(reverse("invitation-send", args=[old.pk]))

        assert again.status_code == 200
        assert TOKEN.search(mail.outbox[0].body)
        assert Invitation.objects.get().sha256 != old.sha256

    def test_an_editor_is_offered_no_button_that_fails(self, acme: Partner) -> None:
        """Only who may agree sees the button; an editor may withdraw."""
        eda, ann = editor(), approver()
        invite("pat@acme.example", User.Role.PARTNER, partner=acme, by=eda, now=timezone.now())

        shown = {user: browser(user).get(reverse("approvals")).content for user in (eda, ann)}

        assert b'value="approve"' not in shown[eda]
        assert b'value="approve"' in shown[ann]

    def test_an_invitation_can_be_withdrawn(self, acme: Partner) -> None:
        """Its link is dead from then on."""
        invited = agreed(acme)

        browser(editor()).post(reverse("pin-decide", args=["invitation", invited.invitation.pk]), {"act": "refuse"})

        assert opened(invited).get("/invitations/").status_code == 410

    @pytest.mark.parametrize("act", ["", "agree"])
    def test_another_word_decides_nothing(self, acme: Partner, act: str) -> None:
        """A form without its word agrees to nothing."""
        invite("pat@acme.example", User.Role.PARTNER, partner=acme, by=editor(), now=timezone.now())

        url = reverse("pin-decide", args=["invitation", Invitation.objects.get().pk])

        assert browser(approver()).post(url, {"act": act}).status_code == 404
        assert Invitation.objects.get().approved_by is None


class TestFollow:
    def test_looking_consumes_nothing(self, acme: Partner) -> None:
        """A mail scanner that opens the link does no harm."""
        invited = agreed(acme)

        assert [opened(invited).get("/invitations/").status_code for _n in range(2)] == [200, 200]
        assert Invitation.objects.get().used_at is None
        assert browser().post(reverse("invitation-follow", args=[invited.token])).status_code == 405

    def test_the_address_of_the_page_holds_no_token(self, acme: Partner) -> None:
        """It moves into a cookie that scripts and other pages do not get."""
        invited = agreed(acme)
        answer = browser().get(reverse("invitation-follow", args=[invited.token]))

        cookie = answer.cookies["tlsportal_invitation"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/invitations/")
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
        assert invited.token not in answer["Location"]

    def test_a_guess_reads_like_a_link_that_ran_out(self, acme: Partner) -> None:
        """One wording for every link that does not work."""
        client = browser()
        client.get("/invitations/guessed/")

        page = client.get("/invitations/")

        assert (page.status_code, browser().get("/invitations/").status_code) == (410, 410)
        assert b"This link is not, or no longer, usable. Ask for a new one" in page.content


class TestForms:
    def test_the_pages_ask_for_what_they_need(self, acme: Partner) -> None:
        """An address to invite; a name and a password to accept; each refusal beside its field."""
        asks = browser(approver()).get(reverse("partner-invite", args=[acme.pk])).content
        client = opened(agreed(acme))
        welcomes, refuses = client.get("/invitations/").content, client.post("/invitations/", {"name": "Pat"}).content

        assert b'name="email"' in asks
        assert b'name="name"' in welcomes and b'name="password"' in welcomes
        assert b"This field is required" in refuses


class TestAccept:
    def test_a_new_person_is_signed_in_under_a_new_session(self, acme: Partner) -> None:
        """A session that somebody planted before is of no use after."""
        client = opened(agreed(acme))
        client.session.save()
        client.get("/accounts/login/")
        before = client.session.session_key

        answer = client.post("/invitations/", {"name": "Pat", "password": PASSWORD})

        assert (answer.status_code, answer["Location"]) == (302, "/")
        assert client.session.session_key != before
        assert client.cookies["tlsportal_invitation"].value == ""
        assert client.get("/", follow=True).status_code == 200

    def test_who_is_signed_in_is_asked_for_no_password(self, acme: Partner) -> None:
        """Nothing that was typed is dropped in silence; the old password stays."""
        pat = person("pat")
        pat.set_password(PASSWORD)
        pat.save()
        client = opened(agreed(acme, pat.email), pat)
        page = client.get("/invitations/")
        assert b'name="password"' not in page.content

        assert client.post("/invitations/", {"password": "another one, quite long"}).status_code == 302

        pat.refresh_from_db()
        assert pat.check_password(PASSWORD)
        assert pat.memberships.get().partner == acme

    def test_another_account_is_told_to_sign_out(self, acme: Partner) -> None:
        """The link is bound to its address; nothing is used up."""
        client = opened(agreed(acme), person("eve"))

        page, posted = client.get("/invitations/"), client.post("/invitations/", {})

        assert b"You are signed in as eve@house.example" in page.content
        assert (page.status_code, posted.status_code) == (200, 403)
        assert Invitation.objects.get().used_at is None

    def test_an_address_with_an_account_signs_in_first(self, acme: Partner) -> None:
        """A stolen link sets no password; after the sign-in the page comes back by itself."""
        pat = person("pat")
        client = opened(agreed(acme, pat.email))

        page = client.get("/invitations/")

        assert b"/accounts/login/?next=/invitations/" in page.content
        assert b'name="password"' not in page.content
        assert client.post("/invitations/", {"name": "x", "password": PASSWORD}).status_code == 403

    def test_a_weak_password_is_told_and_consumes_nothing(self, acme: Partner) -> None:
        """The form comes back with the cause."""
        client = opened(agreed(acme))

        assert client.post("/invitations/", {"name": "Pat", "password": "short"}).status_code == 422
        assert Invitation.objects.get().used_at is None
