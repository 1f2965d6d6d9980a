"""The audit page: filtered, paged by key, checked, taken away; read by the house alone."""

import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from partners.actions.audit import record
from partners.models import AuditEntry, Channel, Partner, User
from partners.reports.audit import ACTS
from tests.actions.people import NOON, channel, editor, member, person, proposed

pytestmark = pytest.mark.django_db

URL = "/audit/"


@pytest.fixture
def eda() -> User:
    """Three entries of hers and one of the portal's, an hour apart."""
    author = editor()
    for number in range(3):
        record(
            "candidate.cut", f"candidate {number}", by=author, now=NOON + timedelta(hours=number), detail={"n": number}
        )
    record("channel.relaxation-ended", "channel 9", by=None, now=NOON + timedelta(days=2))
    return author


def read(who: User, query: str = "") -> str:
    client = Client()
    client.force_login(who)
    answer = client.get(URL + query)
    assert answer.status_code == 200
    return answer.content.decode()


def subjects(text: str) -> list[str]:
    return re.findall(r'class="subject[^"]*">([^<]*)<', text)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["channel 9", "candidate 2", "candidate 1", "candidate 0"]),
        ("?person=eda", ["candidate 2", "candidate 1", "candidate 0"]),
        ("?person=portal", ["channel 9"]),
        ("?act=channel.relaxation-ended", ["channel 9"]),
        ("?subject=DATE+1", ["candidate 1"]),
        ("?until=2026-11-24", ["candidate 2", "candidate 1", "candidate 0"]),
        ("?since=2026-11-25", ["channel 9"]),
        ("?since=2026-11-24&until=2026-11-24&subject=2", ["candidate 2"]),
        ("?act=no-such-act", []),
        ("?since=9999-99-99&until=x&before=%00", ["channel 9", "candidate 2", "candidate 1", "candidate 0"]),
    ],
)
def test_filters_stand_in_the_address(eda: User, query: str, shown: list[str]) -> None:
    """Each narrows the list; what cannot be read is not asked for."""
    assert subjects(read(eda, query)) == shown


def test_a_deep_page_begins_where_the_last_one_ended(eda: User, django_assert_max_num_queries) -> None:
    """By key: entries that come in between move nothing, and the deepest page costs as much as the first."""
    for number in range(60):
        record("probe.asked", f"nexthop {number}", by=eda, now=NOON)
    first = read(eda)
    older = re.search(r"before=(\d+)", first)
    assert older is not None

    client = Client()
    client.force_login(eda)
    with django_assert_max_num_queries(8):  # five, and session, user and groups
        second = client.get(f"{URL}?before={older[1]}").content.decode()

    assert (len(subjects(first)), len(subjects(second))) == (50, 14)
    assert not set(subjects(first)) & set(subjects(second))


def test_a_subject_is_told_with_its_partner(eda: User) -> None:
    """The trail holds numbers; the page names whose they are, and links to what is still there."""
    row = channel(Partner.objects.create(name="Acme"), "acme.example", by=eda)
    gone = channel(Partner.objects.create(name="Gone Ltd"), "gone.example", by=eda)
    Channel.objects.filter(pk=gone.pk).update(removed_at=NOON)
    pin = proposed(row, by=eda)
    for subject in (
        f"channel {row.pk}",
        f"pin {pin.pk}",
        f"partner {row.partner_id}",
        f"channel {gone.pk}",
        "pin 9999",
    ):
        record("channel.edited", subject, by=eda, now=NOON)

    text = read(person("max", User.Role.MANAGEMENT))

    assert text.count(f'<a class="name" href="/partners/{row.pk}/">Acme</a>') == 3
    assert "Gone Ltd" in text
    assert f"/partners/{gone.pk}/" not in text


def test_a_whole_chain_is_told_with_its_last_hash(eda: User) -> None:
    """Whoever keeps that hash elsewhere can tell a trail that was cut short."""
    client = Client()
    client.force_login(eda)

    answer = client.post(reverse("audit-verify"), follow=True).content.decode()

    assert "The chain is whole" in answer
    assert AuditEntry.objects.first().entry_hash in answer


def test_the_first_broken_entry_is_named(eda: User) -> None:
    """A row that was changed behind the portal's back."""
    broken = AuditEntry.objects.get(subject="candidate 1")
    AuditEntry.objects.filter(pk=broken.pk).update(subject="candidate 7")
    client = Client()
    client.force_login(eda)

    answer = client.post(reverse("audit-verify"), follow=True).content.decode()

    assert f"Entry {broken.pk} does not fit" in answer


def test_the_file_holds_what_is_shown_and_no_formula(eda: User) -> None:
    """The filters apply; a subject that a sheet would compute is quoted; times are UTC."""
    record("candidate.cut", "=HYPERLINK(1)", by=eda, now=NOON)
    client = Client()
    client.force_login(eda)

    answer = client.get(reverse("audit-csv") + "?act=candidate.cut")
    rows = list(csv.DictReader(StringIO(answer.getvalue().decode("utf-8-sig"))))

    assert [row["subject"] for row in rows] == ["'=HYPERLINK(1)", "candidate 2", "candidate 1", "candidate 0"]
    assert rows[3]["at_utc"] == "2026-11-24T12:00:00+00:00"


def test_a_strangers_text_stays_text(eda: User) -> None:
    """A subject may hold what an upload or a form said."""
    record("candidate.cut", "<script>alert(1)</script>", by=eda, now=NOON, detail={"<b>": "<i>"})

    text = read(eda)

    assert "<script>alert(1)" not in text
    assert "<i>" not in text


@pytest.mark.parametrize("name", ["audit-list", "audit-csv"])
def test_management_reads_and_partners_do_not(eda: User, name: str) -> None:
    """The role management may read it; to a partner and to nobody it does not exist."""
    partner = Partner.objects.create(name="Fjordbank")
    for who, status in (
        (person("max", User.Role.MANAGEMENT), 200),
        (member(partner, invited_by=eda), 404),
        (person("nell"), 404),
    ):
        client = Client()
        client.force_login(who)
        assert client.get(reverse(name)).status_code == status
    assert Client().get(reverse(name)).status_code == 302


def test_others_cannot_have_it_checked(eda: User) -> None:
    """It reads the whole trail: nobody else makes the portal do that."""
    client = Client()
    client.force_login(person("nell"))

    assert client.post(reverse("audit-verify")).status_code == 404
    assert client.get(reverse("audit-verify")).status_code in {404, 405}


def test_every_act_has_a_word() -> None:
    """Each act that an action writes is told as what a person did."""
    sources = [path.read_text() for path in (settings.BASE_DIR / "partners").rglob("*.py")]
    written = {act for text in sources for act in re.findall(r'(?:record\(\s*|act=)"([a-z-]+\.[a-z-]+)"', text)}

    assert len(written) > 20
    assert written - set(ACTS) == set()
