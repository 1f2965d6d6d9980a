"""Management's page and its table."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import ComplianceInterval, Partner, User
from partners.web.views.compliance import plain_cell
from tests.actions.people import NOON, channel, editor, person


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

    text = client.get(reverse("compliance-csv")).content.decode()

    assert "'=HYPERLINK" in text


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "  =1", "\n=1"])
def test_plain_cell_quotes(text: str) -> None:
    """Each sign that starts a formula is quoted, behind blanks too."""
    assert plain_cell(text) == f"'{text}"


def test_plain_cell_leaves_text() -> None:
    """Ordinary text stays."""
    assert plain_cell("mx.example.com") == "mx.example.com"
