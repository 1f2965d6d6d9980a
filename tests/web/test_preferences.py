"""Theme and language are chosen by plain forms, and nobody can use them to lead a reader elsewhere."""

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_without_a_choice_the_system_decides(client: Client):
    """The page names no theme, so the style sheet follows the system."""
    assert b"data-bs-theme" not in client.get(reverse("account_login")).content


def test_chosen_theme_is_set_by_the_server(client: Client):
    """After the choice the page comes in that theme: no script, no flash."""
    client.post(reverse("set-theme"), {"theme": "dark", "next": "/accounts/login/"})

    assert b'data-bs-theme="dark"' in client.get(reverse("account_login")).content


def test_system_forgets_the_choice(client: Client):
    """Any word but the two takes the cookie away."""
    client.post(reverse("set-theme"), {"theme": "dark"})
    client.post(reverse("set-theme"), {"theme": "system"})

    assert b"data-bs-theme" not in client.get(reverse("account_login")).content


@pytest.mark.parametrize("cookie", ['"><script>', "DARK", "dark light"])
def test_a_forged_cookie_is_no_theme(client: Client, cookie: str):
    """Only the two words reach the page."""
    client.cookies["tlsportal_theme"] = cookie

    assert b"data-bs-theme" not in client.get(reverse("account_login")).content


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_way_back_stays_with_us(client: Client, goal: str):
    """A page of somebody else is not gone to."""
    answer = client.post(reverse("set-theme"), {"theme": "dark", "next": goal}, headers={"referer": goal})

    assert answer["location"] == "/"


def test_theme_is_not_set_by_a_link(client: Client):
    """GET changes nothing."""
    assert client.get(reverse("set-theme")).status_code == 405


def test_theme_wants_the_mark_of_the_form():
    """Another site cannot post it."""
    assert Client(enforce_csrf_checks=True).post(reverse("set-theme"), {"theme": "dark"}).status_code == 403


def test_language_is_kept_in_the_browser(client: Client):
    """After the choice the page says so in its lang attribute."""
    client.post(reverse("set_language"), {"language": "de", "next": "/accounts/login/"})

    assert b'<html lang="de"' in client.get(reverse("account_login")).content
