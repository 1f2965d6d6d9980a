"""Entries of the shell: by audience, only pages that exist, one of them current."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from partners.models import User
from partners.web.navigation import TEAM, Row, entries, person, shell
from tests.actions.people import editor
from tests.actions.people import person as somebody


def test_an_entry_without_a_page_is_left_out():
    """A row whose name does not resolve makes no dead link."""
    assert entries((Row("no-such-page", "Nowhere", "x"),), path="/") == []


def test_the_longest_match_is_current():
    """On a page below the list, the list's entry is current, and only that."""
    current = [entry.url for entry in entries(TEAM, path="/partners/17/") if entry.current]

    assert current == ["/partners/"]


def test_a_heading_stands_once_above_its_group():
    """The first entry of a group opens it."""
    opened = [str(entry.group) for entry in entries(TEAM, path="/") if entry.opens_group]

    assert len(opened) == len(set(opened)) > 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "role, template",
    [
        (User.Role.EDITOR, "base_team.html"),
        (User.Role.APPROVER, "base_team.html"),
        (User.Role.MANAGEMENT, "base_bar.html"),
        (User.Role.PARTNER, "base_bar.html"),
    ],
)
def test_each_audience_has_its_shell(role: User.Role, template: str):
    """The template to extend follows the role."""
    request = RequestFactory().get("/")
    request.user = somebody("max", role)

    assert shell(request)["shell"] == template


@pytest.mark.django_db
def test_a_partner_sees_no_entry_of_the_team():
    """A partner's navigation names no page of the house."""
    request = RequestFactory().get("/")
    request.user = somebody("jana", User.Role.PARTNER)

    assert {entry.url for entry in shell(request)["navigation"]} <= {"/portal/", "/portal/help/"}


def test_a_visitor_has_no_entries():
    """Before sign-in nothing is offered."""
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    assert shell(request)["navigation"] == []
    assert person(AnonymousUser()) is None


@pytest.mark.django_db
def test_initials_come_from_the_name_or_the_address():
    """First and last word; without a name the part before the at sign."""
    named = editor()
    named.first_name, named.last_name = "Lea Marie", "Brandt"

    assert person(named).initials == "LB"
    assert person(somebody("jana.vogt")).initials == "JV"
