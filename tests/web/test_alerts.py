"""The alerts page: what it shows, what a person does there, and who may not."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.core.alarms import Severity
from partners.models import Alert, AlertDelivery, AlertPartner, AuditEntry, Partner, User
from tests.actions.people import approver, channel, editor, member, person

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
URL = "/alerts/"


def alert(
    name: str, severity: Severity = Severity.STOPPED, *, cause: str = "fingerprint-mismatch", count: int = 1,
    **fields: object,
) -> Alert:  # fmt: skip
    """An open alert about *count* partners of that name, opened an hour ago."""
    team, now = User.objects.first() or editor(), timezone.now()
    row = Alert.objects.create(
        **{
            "cause": cause, "severity": severity.value, "grouping": name, "day": now.date(),
            "opened_at": now - HOUR, "where": "mx.example[192.0.2.1]:25", **fields,
        }
    )  # fmt: skip
    for number in range(count):
        partner = Partner.objects.create(name=f"{name} {number}")
        key = f"{name.lower().replace(' ', '-')}-{number}.example"
        part = AlertPartner.objects.create(
            alert=row, partner=partner, cause=cause, day=now.date(), opened_at=now - HOUR, closed_at=row.closed_at
        )
        part.channels.add(channel(partner, key, by=team))
    return row


@pytest.fixture
def eda() -> User:
    return editor()


@pytest.fixture
def client(eda: User) -> Client:
    browser = Client()
    browser.force_login(eda)
    return browser


def read(client: Client, query: str = "") -> str:
    answer = client.get(URL + query)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(text: str) -> list[str]:
    return [name for name in ("Waits", "Ends", "Weak", "Lost", "Gone") if f"{name} 0</a>" in text]


@pytest.fixture
def five(eda: User) -> None:
    now = timezone.now()
    alert("Ends", Severity.BREAKS_SOON, cause="certificate-ends", breaks_at=now + 5 * DAY)
    alert("Weak", Severity.WEAKER, cause="below-agreed", acknowledged_by=eda, acknowledged_at=now, word="on it")
    alert("Lost", Severity.UNKNOWN, cause="not-measured", snoozed_until=now + DAY)
    alert("Waits", count=4)
    alert("Gone", closed_at=now)


class TestList:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("", ["Waits", "Ends"]),
            ("?shown=seen", ["Weak"]),
            ("?shown=resting", ["Lost"]),
            ("?shown=over", ["Gone"]),
            ("?severity=breaks_soon", ["Ends"]),
            ("?q=waits-0.example", ["Waits"]),
            ("?q=no-such", []),
            ("?shown=%00&severity=x&sort=;drop&page=-1&q=%00", ["Waits", "Ends"]),
            ("?page=999", []),
        ],
    )
    def test_filters_stand_in_the_address(self, client: Client, five: None, query: str, names: list[str]) -> None:
        """Each open alert stands under one tab; what cannot be read is not asked for."""
        assert shown(read(client, query)) == names

    def test_worst_first(self, client: Client, five: None) -> None:
        """Mail that waits stands above mail that will wait, and can be turned round."""
        text, turned = read(client), read(client, "?sort=-harm")

        assert text.index("Waits 0") < text.index("Ends 0")
        assert turned.index("Waits 0") > turned.index("Ends 0")

    def test_a_place_names_a_few_partners(self, client: Client, five: None) -> None:
        """Three by name, the rest as a number."""
        text = read(client)

        assert "Waits 2</a>" in text
        assert "Waits 3</a>" not in text
        assert "and 1 more" in text

    def test_what_did_not_leave_is_told(self, client: Client) -> None:
        """A message that was given up stands in the row, with its fault."""
        row = alert("Waits")
        AlertDelivery.objects.create(
            alert=row, kind="raised", via="mail", address="team@house.example", day=row.day, planned_at=row.opened_at,
            failed_at=timezone.now(), fault="550 <b>no</b> such user",
        )  # fmt: skip

        text = read(client)
        assert "1 not delivered" in text
        assert "550 &lt;b&gt;no" in text

    def test_query_budget(self, client: Client, django_assert_max_num_queries) -> None:
        """As many for fifty alerts as for one: seven, and session, user and groups."""
        for number in range(30):
            alert(f"N{number}", count=2)
        with django_assert_max_num_queries(10):
            read(client)

    def test_pages(self, client: Client) -> None:
        """Fifty on a page."""
        for number in range(51):
            alert(f"N{number}")

        assert "1 to 50 of 51" in read(client)
        assert "51 to 51 of 51" in read(client, "?page=2")

    def test_the_file_holds_no_formula(self, client: Client) -> None:
        """A partner's name that a sheet would compute is quoted; times are UTC."""
        alert("=HYPERLINK(1)")

        answer = client.get(reverse("alert-csv"))
        (row,) = csv.DictReader(StringIO(answer.getvalue().decode("utf-8-sig")))

        assert row["first_partners"] == "'=HYPERLINK(1) 0"
        assert row["opened_utc"].endswith("+00:00")


class TestActs:
    def test_look_after(self, client: Client, eda: User) -> None:
        """With a word; the trail knows who."""
        row = alert("Waits")

        answer = client.post(reverse("alert-acknowledge", args=[row.pk]), {"word": "I phone them"}, follow=True)

        row.refresh_from_db()
        assert (row.acknowledged_by, row.word) == (eda, "I phone them")
        assert "nobody is reminded" in answer.content.decode()
        assert AuditEntry.objects.get(act="alert.acknowledged").subject == f"alert {row.pk}"

    def test_twice(self, client: Client) -> None:
        """The second one is told that somebody was there first, and nothing is written."""
        row = alert("Waits")
        for _turn in range(2):
            answer = client.post(reverse("alert-acknowledge", args=[row.pk]), follow=True)

        assert "looks after it already" in answer.content.decode()

    def test_rest_until_the_morning_of_a_day(self, client: Client) -> None:
        """Chosen as a day."""
        row, day = alert("Waits"), timezone.localdate() + 3 * DAY

        client.post(reverse("alert-snooze", args=[row.pk]), {"until": day.isoformat()})

        row.refresh_from_db()
        assert timezone.localtime(row.snoozed_until).date() == day

    @pytest.mark.parametrize("until", ["", "x", "2026-99-99", "1999-01-01", "9999-12-31"])
    def test_no_such_day(self, client: Client, until: str) -> None:
        """Refused with the cure."""
        row = alert("Waits")

        answer = client.post(reverse("alert-snooze", args=[row.pk]), {"until": until}, follow=True)

        row.refresh_from_db()
        assert row.snoozed_until is None
        assert "choose" in answer.content.decode()

    @pytest.mark.parametrize("name", ["alert-acknowledge", "alert-snooze"])
    def test_others_may_not(self, eda: User, name: str) -> None:
        """To management, partners and nobody it does not exist; GET changes nothing."""
        row = alert("Waits")
        partner = Partner.objects.create(name="Fjordbank")
        for who in (person("max", User.Role.MANAGEMENT), member(partner, invited_by=eda), person("nell")):
            browser = Client()
            browser.force_login(who)
            assert browser.post(reverse(name, args=[row.pk]), {"until": "2030-01-01"}).status_code == 404
        browser = Client()
        browser.force_login(eda)
        assert browser.get(reverse(name, args=[row.pk])).status_code == 405
        assert browser.post(reverse(name, args=[row.pk + 99])).status_code == 404

    def test_a_visitor_signs_in_first(self) -> None:
        """As with every page of the house."""
        assert Client().post(reverse("alert-acknowledge", args=[1])).status_code == 302


def test_an_approver_edits_too() -> None:
    """The list is the whole team's."""
    browser = Client()
    browser.force_login(approver())
    assert browser.get(URL).status_code == 200
