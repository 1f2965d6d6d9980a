"""Management's page and its table."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.models import ComplianceInterval, Partner, User
from tests.actions.people import NOON, channel, editor, member, person
from tests.reports.world import agreement, certificate, shown


@pytest.mark.django_db
def test_share_counts_what_is_protected() -> None:
    """Compliant and rolling are protected; violated is not."""
    author = editor()
    for number, state in enumerate(("compliant", "rolling", "violated", "unknown")):
        row = channel(Partner.objects.create(name=f"P{number}"), f"p{number}.example", by=author)
        ComplianceInterval.objects.create(channel=row, state=state, valid_from=NOON, recorded_at=NOON)
    client = Client()
    client.force_login(person("max", User.Role.MANAGEMENT))

    answer = client.get(reverse("compliance"))

    assert b"50.0" in answer.content


@pytest.mark.django_db
def test_table_holds_no_formula() -> None:
    """A partner's name that a sheet would compute is quoted in the CSV."""
    channel(Partner.objects.create(name='=HYPERLINK("x")'), "p.example", by=editor())
    client = Client()
    client.force_login(person("max", User.Role.MANAGEMENT))

    text = client.get(reverse("compliance-csv")).getvalue().decode()

    assert "'=HYPERLINK" in text


def management() -> Client:
    client = Client()
    client.force_login(person("max", User.Role.MANAGEMENT))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["compliance", "compliance-csv"])
def test_a_partner_never_gets_it(name: str) -> None:
    """For a partner's account neither the page nor the file exists."""
    partner = Partner.objects.create(name="Fjord")
    client = Client()
    client.force_login(member(partner, invited_by=editor()))

    assert client.get(reverse(name)).status_code == 404


@pytest.mark.django_db
def test_a_number_leads_to_its_rows() -> None:
    """What is chosen in the address stands as a chip above the rows; a word that means nothing chooses nothing."""
    team = editor()
    agreement("Good", "compliant", by=team)
    agreement("Bad", "violated", by=team, cause="certificate-expired")
    client = management()

    violated = client.get(reverse("compliance"), {"state": "violated"}).content.decode()
    nonsense = client.get(reverse("compliance"), {"state": "<script>", "within": "7", "page": "9" * 40})

    assert ">Bad<" in violated and ">Good<" not in violated
    assert "A certificate of the chain has expired" in violated
    assert nonsense.status_code == 200 and b'<script>"' not in nonsense.content and b">Good<" in nonsense.content


@pytest.mark.django_db
def test_the_page_writes_nothing_and_offers_no_act() -> None:
    """Management reads: no form but those of the reader's own menu, and POST is no way in."""
    agreement("Good", "compliant", by=editor())
    client = management()

    page = client.get(reverse("compliance")).content.decode().split("<main")[1]

    assert "<form" not in page
    assert client.post(reverse("compliance")).status_code == 405


@pytest.mark.django_db
def test_the_page_costs_a_fixed_number_of_queries(django_assert_max_num_queries) -> None:
    """At most twelve beside session, user and roles, with three partners or with thirty."""
    team = editor()
    for number in range(30):
        row = agreement(f"P{number}", ("compliant", "violated", "weaker")[number % 3], by=team)
        end = timezone.now() + timedelta(days=number)
        shown(row, f"192.0.2.{number + 1}", certificate(number, not_after=end))
    client = management()

    with django_assert_max_num_queries(12 + 3):
        client.get(reverse("compliance"))
