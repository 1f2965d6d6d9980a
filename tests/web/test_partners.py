"""The partner list, the form and the page of a channel."""

from io import BytesIO
from zipfile import ZipFile

import pytest
from django.test import Client
from django.urls import reverse

from partners.actions.standings import restand
from partners.models import Change, Contact, Nexthop, Partner, RelayGroup, User, VerdictRow
from partners.reports.listing import PAGE_ROWS, Chosen, partner_list
from partners.web.rows import worded_rows
from tests.actions.people import NOON, channel, editor, person, proposed
from tests.reports.world import agreement, host

pytestmark = pytest.mark.django_db

ENTRY = {
    "name": "Fjordbank",
    "nexthops": "fjordbank.example",
    "level": "secure",
    "match": "mx.fjordbank.example",
    "agreed": "ca-and-name",
    "basis": "",
}


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(editor())
    return client


def test_added_partner_is_a_draft(desk: Client) -> None:
    """A form that core takes leaves partner, channel, key and one Change."""
    answer = desk.post(reverse("partner-add"), ENTRY)

    assert answer.status_code == 302
    assert list(Nexthop.objects.values_list("key", flat=True)) == ["fjordbank.example"]
    assert Change.objects.get().channel.partner.name == "Fjordbank"


@pytest.mark.parametrize(
    "field, text",
    [
        pytest.param("nexthops", "*.fjordbank.example", id="star"),
        pytest.param("match", "mx.example secure", id="blank"),
        pytest.param("match", "mx.example,ciphers=null", id="second attribute"),
        pytest.param("match", "#comment", id="comment"),
    ],
)
def test_refused_entry_leaves_nothing(desk: Client, field: str, text: str) -> None:
    """What Postfix would refuse or misread is told in the form (422), and no row is written."""
    answer = desk.post(reverse("partner-add"), {**ENTRY, field: text})

    assert answer.status_code == 422
    assert not Partner.objects.exists()


def test_second_writer_is_told(desk: Client) -> None:
    """An edit that rests on an older version is refused, and the row stays."""
    row = channel(Partner.objects.create(name="Fjordbank"), "fjordbank.example", by=editor("ed"), level="encrypt")
    body = {**ENTRY, "version": str(row.version + 7), "level": "may"}

    answer = desk.post(reverse("channel-edit", args=[row.pk]), body)

    row.refresh_from_db()
    assert row.level == "encrypt"
    assert answer.status_code == 422
    assert b"in between" in answer.content
    assert b"mx.fjordbank.example" in answer.content  # what was typed is still there


def test_name_is_printed_not_run(desk: Client) -> None:
    """A name with mark-up stands in the page as text."""
    channel(Partner.objects.create(name="<script>alert(1)</script>"), "x.example", by=editor("ed"))

    answer = desk.get(reverse("partner-list"))

    assert b"<script>alert" not in answer.content
    assert b"&lt;script&gt;alert" in answer.content


def test_list_costs_the_same_for_many(desk: Client, django_assert_max_num_queries: object) -> None:
    """The list costs at most six queries beside session, user and groups, however many rows it shows."""
    author = editor("ed")
    for number in range(30):
        channel(Partner.objects.create(name=f"Partner {number}"), f"p{number}.example", by=author)

    with django_assert_max_num_queries(9):
        assert desk.get(reverse("partner-list")).status_code == 200


def test_search_and_filter(desk: Client) -> None:
    """A part of a nexthop finds its channel; a state filters."""
    channel(Partner.objects.create(name="One"), "one.example", by=editor("ed"))
    channel(Partner.objects.create(name="Two"), "two.example", by=editor("ee"))

    found = desk.get(reverse("partner-list"), {"q": "two.ex"}).content
    none = desk.get(reverse("partner-list"), {"state": "violated"}).content

    assert b"two.example" in found
    assert b"one.example" not in found
    assert b"one.example" not in none


@pytest.mark.parametrize("text", ["9" * 5000, "٣", "x", "W10", "WzEsICJhIl0", "WzFdCg", "bnVsbA"])
def test_odd_place_is_the_first_page(desk: Client, text: str) -> None:
    """A place from the address that no row of ours has is no error."""
    channel(Partner.objects.create(name="One"), "one.example", by=editor("ed"))

    for name in ("after", "before"):
        answer = desk.get(reverse("partner-list"), {name: text})
        assert answer.status_code == 200
        assert b"one.example" in answer.content


@pytest.mark.parametrize("sort", ["harm", "-harm", "name", "-name", "level", "owner", "-seen"])
def test_paging_shows_each_row_once(desk: Client, sort: str) -> None:
    """Forward by key every row comes once in the order asked for; backward the same pages come again."""
    author = editor("ed")
    for number in range(PAGE_ROWS + 7):
        channel(Partner.objects.create(name=f"P {number % 3} {number}"), f"p{number}.example", by=author)
    user = author

    first = partner_list(user, Chosen.of({"sort": sort}), now=NOON)
    second = partner_list(user, Chosen.of({"sort": sort, "after": first.next_key}), now=NOON)
    back = partner_list(user, Chosen.of({"sort": sort, "before": second.previous_key}), now=NOON)

    seen = [row.pk for row in (*first.rows, *second.rows)]
    assert len(seen) == len(set(seen)) == PAGE_ROWS + 7
    assert (second.first, second.last, second.total) == (PAGE_ROWS + 1, PAGE_ROWS + 7, PAGE_ROWS + 7)
    assert [row.pk for row in back.rows] == [row.pk for row in first.rows]


def test_worst_nexthop_leads_the_row(desk: Client) -> None:
    """Of two nexthops on two relay groups the one whose mail waits is told, and counted over all addresses."""
    row = agreement("Fjordbank", "violated", by=editor("ed"), cause="fingerprint-mismatch")
    place, bounced = host(row, address="192.0.2.9"), host(row, delivery="bounce")
    Nexthop.objects.create(channel=row, key="aaa.example")
    other = RelayGroup.objects.create(name="other")
    for group in RelayGroup.objects.all():
        VerdictRow.objects.update_or_create(
            nexthop=Nexthop.objects.get(key="aaa.example"),
            group=group,
            defaults={
                "is_own": True, "delivery": "deliver", "tls_status": "Verified", "dsn": "2.0.0",
                "hosts": [place], "judged_at": NOON,
            },
        )  # fmt: skip
    VerdictRow.objects.create(
        nexthop=row.nexthops.get(key="fjordbank.example"), group=other, is_own=True, delivery="bounce",
        tls_status="none", dsn="5.7.5", hosts=[bounced], judged_at=NOON,
    )  # fmt: skip

    restand([row.pk])
    (found,) = partner_list(editor("eve"), Chosen(), now=NOON).rows

    assert found.delivery == "bounce"
    assert (found.taking, found.hosts) == (1, 2)


def test_a_domain_that_takes_no_mail_has_no_host(desk: Client) -> None:
    """The list says so instead of leaving a dash, and so does the partner's page."""
    row = agreement("Polar", "violated", by=editor("ed"), cause="null-mx")
    VerdictRow.objects.update(hosts=[], delivery="bounce")
    restand([row.pk])

    (found,) = worded_rows(partner_list(editor("eve"), Chosen(), now=NOON).rows, now=NOON)

    assert found["hosts"] == "none"
    assert b"it names no host" in desk.get(reverse("partner-detail", args=[row.pk])).content


def test_filters_stand_in_the_address(desk: Client) -> None:
    """A level filters, its chip leads to the list without it, and the other filters stay."""
    ed = editor("ed")
    channel(Partner.objects.create(name="One", tags="bank"), "one.example", by=ed, level="secure", agreed="ca-and-name")
    channel(Partner.objects.create(name="Two", tags="bank"), "two.example", by=ed, level="encrypt", agreed="encrypted")

    page = desk.get(reverse("partner-list"), {"level": "secure", "tag": "bank"}).content.decode()

    assert "one.example" in page
    assert "two.example" not in page
    assert 'href="?tag=bank&amp;sort=harm"' in page


def test_fingerprint_is_found_however_it_is_written(desk: Client) -> None:
    """A digest without colons and in small letters finds the pin."""
    ed = editor("ed")
    row = channel(Partner.objects.create(name="One"), "one.example", by=ed)
    channel(Partner.objects.create(name="Two"), "two.example", by=ed)
    proposed(row, by=ed, byte=0xC4)

    found = desk.get(reverse("partner-list"), {"q": "c4c4c4c4c4"}).content

    assert b"one.example" in found
    assert b"two.example" not in found


def test_csv_holds_what_is_shown(desk: Client) -> None:
    """The table has the rows of the filter, all pages of them, and no cell that a sheet would compute."""
    ed = editor("ed")
    channel(Partner.objects.create(name="=HYPERLINK(1)"), "one.example", by=ed, level="secure", agreed="ca-and-name")
    channel(Partner.objects.create(name="Two"), "two.example", by=ed, level="encrypt", agreed="encrypted")

    answer = desk.get(reverse("partner-list-csv"), {"level": "secure"})
    lines = b"".join(answer.streaming_content).decode().splitlines()

    assert len(lines) == 2
    assert lines[1].startswith('"\'=HYPERLINK(1)","one.example","pending"')


def test_page_costs_the_same_for_many(desk: Client, django_assert_max_num_queries: object) -> None:
    """The page of a channel costs a fixed number of queries, however many addresses and verdicts there are."""
    row = agreement("Fjordbank", "compliant", by=editor("ed"))
    VerdictRow.objects.update(hosts=[host(row, address=f"192.0.2.{number}") for number in range(1, 60)])

    with django_assert_max_num_queries(40):
        page = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()

    assert "59 of 59 would take mail" in page


def test_small_company_sees_no_word_of_groups(desk: Client) -> None:
    """One nexthop on one relay group: the page names neither column."""
    row = agreement("Fjordbank", "compliant", by=editor("ed"))

    page = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()

    assert "Relay group" not in page
    assert ">Nexthop</th>" not in page
    assert "Mail is delivered, Verified, as agreed." in page


def test_ways_out_of_a_bad_verdict(desk: Client) -> None:
    """Who has to act is named first, with a letter that says why; management is offered no act."""
    row = agreement("Fjordbank", "violated", by=editor("ed"), cause="certificate-expired")
    Contact.objects.create(partner=row.partner, name="Mira", email="mira@fjordbank.example", phone="+47 5550 0188")
    reader = Client()
    reader.force_login(person("max", User.Role.MANAGEMENT))
    door = reverse("partner-detail", args=[row.pk])

    page = desk.get(door).content.decode()

    assert "Fjordbank mends it" in page
    assert "Write to Mira" in page
    assert "body=A%20certificate%20that%20your%20mail%20server%20sends%20has%20expired" in page
    assert "mends it" not in reader.get(door).content.decode()


def test_workbook_holds_what_is_shown(desk: Client) -> None:
    """The workbook has the rows of the filter, as the table has."""
    ed = editor("ed")
    channel(Partner.objects.create(name="=HYPERLINK(1)"), "one.example", by=ed, level="secure", agreed="ca-and-name")
    channel(Partner.objects.create(name="Two"), "two.example", by=ed, level="encrypt", agreed="encrypted")

    answer = desk.get(reverse("partner-list-xlsx"), {"level": "secure"})
    sheet = ZipFile(BytesIO(b"".join(answer.streaming_content))).read("xl/worksheets/sheet1.xml").decode()

    assert answer["Content-Disposition"] == 'attachment; filename="partners.xlsx"'
    assert "=HYPERLINK(1)" in sheet
    assert "two.example" not in sheet
    assert "<f>" not in sheet
