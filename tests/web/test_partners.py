"""The partner list, the form and the page of a channel."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import Change, Nexthop, Partner
from tests.actions.people import channel, editor

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


@pytest.mark.parametrize("text", ["9" * 5000, "٣", "-1", "x"])
def test_odd_page_number_is_the_first_page(desk: Client, text: str) -> None:
    """A number from the address that no column holds is no error."""
    assert desk.get(reverse("partner-list"), {"page": text}).status_code == 200
