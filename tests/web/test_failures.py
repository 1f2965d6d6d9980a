"""Pages of failure: no bare code, no blame, a step to go on, and never a word about others."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.test import Client, RequestFactory
from django.urls import get_resolver

from partners.web.failures import server_error


@pytest.mark.django_db
def test_missing_page_does_not_repeat_its_address(client: Client):
    """An address is a stranger's text; the page leads to the first page."""
    answer = client.get("/partners/<script>/")

    assert answer.status_code == 404
    assert b"script&gt;" not in answer.content
    assert b'href="/"' in answer.content


@pytest.mark.parametrize(
    "code, reason", [(400, SuspiciousOperation("secret detail")), (403, PermissionDenied("secret"))]
)
def test_refusal_keeps_its_reason_for_the_log(code: int, reason: Exception):
    """The page says what to do; the reason stays inside."""
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    answer = get_resolver().resolve_error_handler(code)(request, exception=reason)

    assert answer.status_code == code
    assert b"secret" not in answer.content
    assert b"<h1>" in answer.content


def test_our_own_fault_needs_no_database():
    """The page comes although nothing else works: no query, no session."""
    answer = server_error(RequestFactory().get("/"))

    assert answer.status_code == 500
    assert b"mail is not touched" in answer.content


def test_a_name_that_is_not_ours_leads_to_ours(client: Client, settings: Any) -> None:
    """Whoever opens the portal by its number reads its address and the setting; their own name is not repeated."""
    settings.PORTAL_URL = "https://tls.house.example"

    answer = client.get("/accounts/login/", headers={"host": "evil.example", "accept-language": "de"})

    assert answer.status_code == 400
    assert b'href="https://tls.house.example"' in answer.content
    assert b"TLSPORTAL_ALLOWED_HOSTS" in answer.content
    assert b"evil.example" not in answer.content
    assert 'lang="de"' in answer.content.decode()


def test_our_own_fault_needs_no_style_sheet(settings: Any) -> None:
    """Between a new version and its collected files even this page would fail; it comes bare."""
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": manifest}}
    settings.DEBUG = False

    answer = server_error(RequestFactory().get("/"))

    assert answer.status_code == 500
    assert b"mail is not touched" in answer.content


def test_our_own_fault_keeps_the_theme():
    """A failure in the night does not dazzle."""
    request = RequestFactory().get("/")
    request.COOKIES["tlsportal_theme"] = "dark"

    assert b'data-bs-theme="dark"' in server_error(request).content


@pytest.mark.django_db
def test_a_stale_form_is_explained():
    """A form without its mark is refused with what to do next."""
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a@example.com", "password": "x"})

    assert answer.status_code == 403
    assert b"too old to be taken" in answer.content


@pytest.mark.django_db
def test_the_address_of_a_button_is_explained(client: Client):
    """Whoever opens it in a browser reads what it is, not an empty page; programs get the bare refusal."""
    answer = client.get("/partners/1/probe/", headers={"accept": "text/html,*/*;q=0.8"})
    bare = client.get("/partners/1/probe/", headers={"accept": "application/json"})

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert b"not a page of its own" in answer.content
    assert (bare.status_code, bare.content) == (405, b"")


@pytest.mark.django_db
def test_too_many_tries_are_told_when_to_come_back(settings: Any):
    """The refusal of allauth wears our page, with what to do next, and refuses with its own status."""
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1/m/ip"}
    client = Client()

    answers = [client.post("/accounts/password/reset/", {"email": "nobody@example.com"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 429]
    assert b"Wait five minutes" in answers[1].content
