"""When a partner is looked at: set by the mail team, within bounds, and told in the audit trail."""

from datetime import time, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.models import AuditEntry, Nexthop, Partner, User
from tests.actions.people import channel, editor

pytestmark = pytest.mark.django_db
NIGHT = {"minutes": "30", "quiet_from": "22:00", "quiet_until": "05:30"}


@pytest.fixture
def partner() -> Partner:
    made = Partner.objects.create(name="Northwind")
    channel(made, "northwind.example", by=editor())
    return made


def post(partner: Partner, version: int = 1, **fields: str) -> object:
    client = Client()
    client.force_login(User.objects.get())
    url = reverse("partner-hours", args=[partner.pk])
    return client.post(url, {**NIGHT, "version": version, **fields}, follow=True)


def test_interval_and_quiet_hours(partner: Partner) -> None:
    """Both are kept, with who set them and what stood there before; what is due later is due by the new interval."""
    Nexthop.objects.update(due_at=timezone.now() + timedelta(hours=5))

    answer = post(partner)

    partner.refresh_from_db()
    assert (partner.probe_minutes, partner.quiet_from, partner.quiet_until) == (30, time(22), time(5, 30))
    assert "Saved for" in answer.content.decode()
    detail = AuditEntry.objects.get(act="probe-hours.set").detail
    assert detail["before"] == {"probe_minutes": 60, "quiet_from": None, "quiet_until": None}
    assert detail["after"] == {"probe_minutes": 30, "quiet_from": "22:00", "quiet_until": "05:30"}
    assert all(row.due_at <= timezone.now() + timedelta(minutes=30) for row in Nexthop.objects.all())


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        pytest.param({"minutes": "4"}, "greater than or equal to 5", id="too often"),
        pytest.param({"minutes": "1441"}, "less than or equal to 1440", id="too seldom"),
        pytest.param({"quiet_until": ""}, "give both, or none", id="half"),
        pytest.param({"quiet_until": "22:00"}, "two times of the day", id="all day"),
        pytest.param({"quiet_until": "21:00"}, "at most 16 a day", id="nearly all day"),
        pytest.param({"quiet_from": "25:00"}, "Enter a valid time", id="no time"),
    ],
)
def test_what_cannot_be_kept(partner: Partner, fields: dict[str, str], cause: str) -> None:
    """The form says why, and nothing is written."""
    answer = post(partner, **fields)

    assert answer.status_code == 422
    assert cause in answer.content.decode()
    partner.refresh_from_db()
    assert (partner.probe_minutes, partner.quiet_from) == (60, None)


def test_saved_by_somebody_else(partner: Partner) -> None:
    """Who looked at an older state is told, and overwrites nothing."""
    post(partner)

    answer = post(partner, minutes="45")

    assert answer.status_code == 422
    partner.refresh_from_db()
    assert partner.probe_minutes == 30


def test_quiet_hours_can_be_taken_back(partner: Partner) -> None:
    """Two empty fields end them."""
    post(partner)
    post(partner, version=2, quiet_from="", quiet_until="")

    partner.refresh_from_db()
    assert (partner.quiet_from, partner.quiet_until) == (None, None)
