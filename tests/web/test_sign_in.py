"""Sign-in and account pages in our words."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.actions.people import editor

pytestmark = pytest.mark.django_db


def test_wrong_password_and_unknown_address_read_the_same(client: Client):
    """Nobody learns which accounts there are."""
    known = editor().email

    def words(address: str) -> bytes:
        answer = client.post(reverse("account_login"), {"login": address, "password": "not it at all"})
        return answer.content.split(b'role="alert"')[1].split(b"</form>")[0].replace(address.encode(), b"")

    before = words(known).split(b"csrf")[0]

    assert b"do not belong together" in before
    assert words("nobody@example.com").split(b"csrf")[0] == before


def test_typed_address_is_escaped(client: Client):
    """What was typed comes back as text."""
    answer = client.post(reverse("account_login"), {"login": '"><script>x</script>', "password": "y"})

    assert b"<script>x" not in answer.content


@pytest.mark.parametrize("name", ["account_login", "account_reset_password", "account_reset_password_done"])
def test_page_before_sign_in_is_ours(client: Client, name: str):
    """It has our frame, one heading and the switches."""
    page = client.get(reverse(name)).content

    assert page.count(b"<h1>") == 1
    assert b'class="entrance"' in page
    assert b'name="theme"' in page


@pytest.mark.parametrize("name", ["account_logout", "account_change_password", "mfa_index"])
def test_page_after_sign_in_is_ours(client: Client, name: str):
    """It stands in the shell of its reader."""
    reader = editor()
    reader.set_password("correct horse battery")
    reader.save()
    client.force_login(reader)

    page = client.get(reverse(name)).content

    assert page.count(b"<h1>") == 1
    assert b'class="side"' in page


def test_sign_up_is_closed(client: Client):
    """Accounts are made by invitation; the page offers no form."""
    page = client.get(reverse("account_signup")).content

    assert b'name="password1"' not in page


def test_signing_in_is_not_announced(client: Client) -> None:
    """Whoever sees Today knows it; allauth's message is not in our words."""
    reader = editor()
    reader.set_password("correct horse battery")
    reader.save()

    answer = client.post(
        reverse("account_login"), {"login": reader.email, "password": "correct horse battery"}, follow=True
    )

    assert answer.status_code == 200
    assert b"uccessfully" not in answer.content
