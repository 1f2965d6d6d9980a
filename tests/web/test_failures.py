"""Pages of failure: no bare code, no blame, a step to go on, and never a word about others."""

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
