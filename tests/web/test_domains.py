"""What the page of a channel tells of its mail domain."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.models import DomainWatch, Partner
from tests.actions.people import channel, editor

pytestmark = pytest.mark.django_db


def test_domain_is_told() -> None:
    """Name servers and MTA-STS policy stand on the page, as text and nothing else."""
    eda = editor()
    row = channel(Partner.objects.create(name="Northwind"), "northwind.example", by=eda)
    facts = {"name_servers": ["ns1.example.com"], "policy": "unusable: <script>"}
    now = timezone.now()
    DomainWatch.objects.create(nexthop=row.nexthops.get(), facts=facts, looked_at=now, due_at=now)
    desk = Client()
    desk.force_login(eda)

    body = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()

    assert "ns1.example.com" in body
    assert "unusable: &lt;script&gt;" in body
