"""The mail team's home: who may open it, and what an empty one says."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import Partner, User
from tests.actions.people import editor, member, person
from tests.browser.house_world import fill_house
from tests.reports.world import agreement

pytestmark = pytest.mark.django_db


def page(user: User) -> tuple[int, str]:
    client = Client()
    client.force_login(user)
    answer = client.get(reverse("today"))
    return answer.status_code, answer.content.decode()


def test_home_leads_the_team_to_today() -> None:
    """After sign-in the mail team sees what needs a hand."""
    client = Client()
    client.force_login(editor())

    assert client.get(reverse("home"))["Location"] == reverse("today")


def test_the_first_words_are_about_mail() -> None:
    """To how many partners mail waits, then the rest."""
    status, text = page(fill_house())

    assert status == 200
    assert "Mail to 2 partners waits." in text


def test_an_empty_portal_offers_the_first_step() -> None:
    """Without a partner there is one button."""
    _status, text = page(editor())

    assert "Add the first partner" in text and "Begin with the first partner." in text


def test_a_quiet_day_says_so() -> None:
    """Everything kept and nothing open: it is said, not left empty."""
    team = editor()
    row = agreement("Fjord", "compliant", by=team)
    row.changes.update(withdrawn_at=row.created_at)

    _status, text = page(team)

    assert "Nothing needs a hand" in text


def test_it_is_the_teams_alone() -> None:
    """For a partner's account and for management the page does not exist; a visitor signs in first."""
    contact = member(Partner.objects.create(name="Rivet"), invited_by=editor())

    assert page(contact)[0] == 404
    assert page(person("max", User.Role.MANAGEMENT))[0] == 404
    assert Client().get(reverse("today"))["Location"].startswith("/accounts/login/")


def test_the_page_costs_a_fixed_number_of_queries(django_assert_max_num_queries) -> None:
    """Thirteen for the page and one for the alerts, beside session, user and roles."""
    client = Client()
    client.force_login(fill_house())

    with django_assert_max_num_queries(14 + 1 + 3):
        client.get(reverse("today"))
