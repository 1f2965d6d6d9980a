"""Other name servers may mean another owner: the mail team is told once, and says when it is sure."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.alerts import acknowledge
from partners.actions.domains import claim_domains, record_domain
from partners.actions.own_alarms import tell_own_troubles
from partners.core.alarms import Severity, is_ours
from partners.core.domain import DomainFacts
from partners.models import Alert, Channel, DomainWatch, Partner, User
from partners.reports.today import today
from tests.actions.people import channel, editor

pytestmark = pytest.mark.django_db
OLD, NEW = ("ns1.example.com",), ("ns1.parking.example",)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def eda() -> User:
    return editor()


@pytest.fixture
def row(eda: User) -> Channel:
    """A partner whose domain was looked at."""
    found = channel(Partner.objects.create(name="Moved"), "moved.example", by=eda)
    look(OLD, at=timezone.now())
    return found


def look(servers: tuple[str, ...], *, at: datetime, policy: str = "") -> None:
    """Let the domain be looked at."""
    DomainWatch.objects.update(due_at=at)
    for claim in claim_domains(9, now=at):
        record_domain(claim, DomainFacts(servers, policy), policy_id="1", now=at)


def test_told_once(row: Channel, eda: User) -> None:
    """One alert, of less trust and not of mail that stops; the next tick opens no other."""
    at = timezone.now() + DAY
    look(NEW, at=at)

    assert tell_own_troubles(now=at) == 1
    alert = Alert.objects.get()
    assert (alert.cause, alert.severity) == ("name-servers-moved", Severity.WEAKER)
    assert tell_own_troubles(now=at) == 0


def test_the_partner_is_not_told(row: Channel) -> None:
    """Whoever took the domain over reads the mail of its contacts."""
    assert is_ours("name-servers-moved")


def test_ends_once_somebody_is_sure(row: Channel, eda: User) -> None:
    """Acknowledged is answered for; a further move is a new question."""
    at = timezone.now() + DAY
    look(NEW, at=at)
    tell_own_troubles(now=at)
    acknowledge(Alert.objects.get(), by=eda, now=at, word="asked Ines by phone")

    assert tell_own_troubles(now=at) == 1
    assert Alert.objects.get().parts.get().calm_since is not None
    look(OLD, at=at + HOUR)
    assert tell_own_troubles(now=at + HOUR) == 1
    again = Alert.objects.get()
    assert (again.parts.get().calm_since, again.acknowledged_at) == (None, None)
    acknowledge(again, by=eda, now=at + 2 * HOUR)
    assert tell_own_troubles(now=at + 2 * HOUR) == 1
    assert tell_own_troubles(now=at + 2 * HOUR) == 0


def test_a_policy_is_no_alert(row: Channel) -> None:
    """Another MTA-STS policy stands on the timeline, and nobody is called for it."""
    at = timezone.now() + DAY
    look(OLD, at=at, policy="testing, mx mx.moved.example; max_age 86400")

    assert tell_own_troubles(now=at) == 0
    assert not Alert.objects.exists()


def test_not_of_a_partner_that_was_given_up(row: Channel) -> None:
    """Whose entry is taken out, nobody asks about."""
    at = timezone.now() + DAY
    look(NEW, at=at)
    Channel.objects.update(removed_at=at)

    assert tell_own_troubles(now=at) == 0


def test_today_names_it(row: Channel, eda: User, client: Client) -> None:
    """With the partner, since when, what to do, and the way to the alert."""
    at = timezone.now()
    look(NEW, at=at)

    (group,) = (one for one in today(eda, now=at + DAY).groups if one.more == "alerts")
    (hand,) = group.hands
    assert (hand.name, hand.when_note, hand.when) == ("Moved", "changed owner?", "1 day")
    client.force_login(eda)
    assert "it may have changed hands" in client.get(reverse("today")).content.decode()
