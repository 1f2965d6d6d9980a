"""The certificate page: what is in use and where, what ends when; the same in a file."""

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.certificates import add_authority, submit
from partners.actions.relay_groups import ensure_group
from partners.models import Certificate, Channel, Partner, Sighting, User, VerdictRow
from partners.reports.calendar import months_of
from tests.actions.facts import seen
from tests.actions.people import channel, editor, member, person
from tests.kit.ca import root_ca, self_signed

pytestmark = pytest.mark.django_db

URL = "/certificates/"
DAY = timedelta(days=1)


@pytest.fixture
def eda() -> User:
    """Fjordbank shows a leaf of its own CA that ends in 10 days; Rivet announced another that nobody shows yet."""
    author, now = editor(), timezone.now()
    channel(Partner.objects.create(name="Fjordbank"), "fjordbank.example", by=author)
    rivet = channel(Partner.objects.create(name="Rivet"), "rivet.example", by=author)
    ca = root_ca("Fjord CA")
    seen("fjordbank.example", ca.leaf("mx.fjordbank.example", not_after=now + 10 * DAY), at=now, address="192.0.2.25")
    submit(rivet, self_signed("mx.rivet.example", not_after=now + 200 * DAY).pem, by=author, now=now)
    return author


def read(who: User, query: str = "") -> str:
    client = Client()
    client.force_login(who)
    answer = client.get(URL + query)
    assert answer.status_code == 200
    return answer.content.decode()


def names(text: str) -> list[str]:
    return re.findall(r'<span class="name">([^<]*)</span>', text)


def test_what_ends_first_stands_first(eda: User) -> None:
    """With the partner, the address where it is shown, and how it is known."""
    text = read(eda)

    assert names(text) == ["mx.fjordbank.example", "mx.rivet.example"]
    assert "192.0.2.25" in text
    assert "in 10 days" in text
    assert ("announced" in text, "pin, waits for approval" in text) == (True, True)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?view=14", ["mx.fjordbank.example"]),
        ("?view=out", []),
        ("?view=announced", ["mx.rivet.example"]),
        ("?q=RIVET", ["mx.rivet.example"]),
        ("?q=fjordbank.example", ["mx.fjordbank.example"]),
        ("?q=no-such-name", []),
        ("?sort=-end", ["mx.rivet.example", "mx.fjordbank.example"]),
        ("?view=x&sort=y&week=z&page=-1&q=%00", ["mx.fjordbank.example", "mx.rivet.example"]),
    ],
)
def test_views_search_and_order_stand_in_the_address(eda: User, query: str, found: list[str]) -> None:
    """What cannot be read is not asked for."""
    assert names(read(eda, query)) == found


def test_a_fingerprint_finds_its_certificate(eda: User) -> None:
    """As Postfix prints it, with colons and in capitals."""
    one = Certificate.objects.get(subject__contains="rivet")
    printed = ":".join(one.sha256[at : at + 2] for at in range(0, 64, 2)).upper()

    assert names(read(eda, f"?q={printed}")) == ["mx.rivet.example"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_a_leaf_without_an_end_is_shown_in_every_time_zone(eda: User, settings: Any, zone: str) -> None:
    """9999-12-31, RFC 5280's word for no end, lies in the year 10000 east of UTC."""
    endless = self_signed("mx.rivet.example", not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    rivet = Channel.objects.get(partner__name="Rivet")
    submit(rivet, endless.pem, by=eda, now=timezone.now())
    seen("rivet.example", endless, at=timezone.now(), address="192.0.2.26")
    settings.TIME_ZONE = zone

    assert "9999" in read(eda)
    client = Client()
    client.force_login(eda)
    for url in (reverse("partner-list"), reverse("partner-detail", args=[rivet.pk]), reverse("today"), "/compliance/"):
        assert client.get(url).status_code == 200, url


def test_what_nobody_shows_any_more_is_not_in_use(eda: User) -> None:
    """It stays under "all ever seen"."""
    Sighting.objects.update(current=False)

    assert names(read(eda)) == ["mx.rivet.example"]
    assert "seen no more" in read(eda, "?view=all")


def test_a_partners_own_ca_is_listed_as_trusted_for_it_alone(eda: User) -> None:
    """Even if no server sends it."""
    row = Channel.objects.get(partner__name="Rivet")

    add_authority(row, root_ca("Rivet Root").pem, by=eda, now=timezone.now())

    assert "own CA, trusted for this partner alone" in read(eda, "?q=Rivet+Root")


def test_the_mx_host_is_told_where_it_is_known(eda: User) -> None:
    """From what was judged for that nexthop."""
    nexthop = Channel.objects.get(partner__name="Fjordbank").nexthops.get()
    VerdictRow.objects.create(
        nexthop=nexthop,
        group=ensure_group(now=timezone.now()),
        delivery="deliver",
        tls_status="Trusted",
        dsn="2.0.0",
        hosts=[{"mx_host": "mx7.fjordbank.example", "address": "192.0.2.25"}],
        judged_at=timezone.now(),
    )

    assert "mx7.fjordbank.example" in read(eda)


def test_the_file_holds_what_is_shown(eda: User) -> None:
    """Filters apply; times are UTC."""
    client = Client()
    client.force_login(eda)

    answer = client.get(reverse("certificate-csv") + "?view=14")
    [row] = csv.DictReader(StringIO(answer.getvalue().decode("utf-8-sig")))

    assert (row["names"], row["state"]) == ("mx.fjordbank.example", "seen")
    assert row["not_after_utc"].endswith("+00:00")
    assert "Fjordbank" in row["used_at"]


def test_a_strangers_text_stays_text(eda: User) -> None:
    """In the page and in the file."""
    Certificate.objects.update(subject="=<script>alert(1)</script>")
    client = Client()
    client.force_login(eda)

    assert "<script>alert(1)" not in read(eda)
    assert "'=<script>" in client.get(reverse("certificate-csv")).getvalue().decode("utf-8-sig")


def test_each_week_has_its_place() -> None:
    """A week stands in the month in which it begins; 53 of them; the heat grows with the count."""
    first = datetime(2026, 11, 23, tzinfo=UTC).date()

    months = months_of({first: 1, first + 7 * DAY: 6}, first, lambda monday: f"?{monday}")

    weeks = [week for month in months for week in month.weeks if week]
    assert (len(weeks), months[0].label, months[0].weeks[3]) == (53, "Nov 2026", weeks[0])
    assert [week.heat for week in weeks[:3]] == ["heat1", "heat3", ""]
    assert weeks[0].is_current


def test_the_calendar_leads_to_what_it_counted(eda: User) -> None:
    """The cell's link shows the certificates of that week."""
    link = re.search(r'class="heat1[^"]*"><a href="(\?week=[0-9-]+)"', read(eda))
    assert link is not None

    assert names(read(eda, link[1])) == ["mx.fjordbank.example"]


def test_a_page_keeps_to_its_queries(eda: User, django_assert_max_num_queries) -> None:
    """However many certificates and uses there are; three are session, user and groups."""
    for number in range(30):
        key = f"p{number}.example"
        channel(Partner.objects.create(name=f"P{number}"), key, by=eda)
        if number < 8:
            seen(key, self_signed(f"mx.{key}"), at=timezone.now(), address=f"192.0.2.{100 + number}")
    client = Client()
    client.force_login(eda)

    with django_assert_max_num_queries(12 + 3):
        client.get(URL)


@pytest.mark.parametrize("name", ["certificate-list", "certificate-csv"])
def test_management_reads_and_partners_do_not(eda: User, name: str) -> None:
    """A partner must not learn of another one's certificates."""
    partner = Partner.objects.get(name="Rivet")
    for who, status in (
        (person("max", User.Role.MANAGEMENT), 200),
        (member(partner, invited_by=eda), 404),
        (person("nell"), 404),
    ):
        client = Client()
        client.force_login(who)
        assert client.get(reverse(name)).status_code == status
    assert Client().get(reverse(name)).status_code == 302
