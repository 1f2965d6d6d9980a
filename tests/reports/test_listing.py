"""The partner list reads kept rows: the same order and the same numbers as ever, a page at a time."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.actions.standings import restand
from partners.models import Channel, Partner, Standing, User
from partners.reports import listing
from partners.reports.listing import HARM, Chosen, every_row, partner_list
from tests.actions.people import NOON, channel, editor, member, proposed
from tests.reports.world import agreement, certificate, shown

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def estate(ed: User) -> dict[str, Channel]:
    """One channel in each state, and three that rest on a certificate that ends soon, sooner or late."""
    fields = {"level": "secure", "agreed": "ca-and-name"}
    rows = {state: agreement(state, state, by=ed, **fields) for state in HARM}
    for number, (name, days) in enumerate({"soon": 10, "sooner": 3, "late": 40}.items(), 1):
        rows[name] = agreement(name, "compliant", by=ed, **fields)
        shown(rows[name], f"192.0.2.{number}", certificate(number, not_after=NOON + days * DAY))
    return rows


def names(user: User, at: datetime = NOON, **asked: str) -> list[str]:
    """Return the names of the page, in its order."""
    return [row.name for row in partner_list(user, Chosen.of(asked), now=at).rows]


ORDER = ["violated", "sooner", "soon", "weaker", "unknown", "pending", "rolling", "compliant", "late"]


def test_order_of_harm() -> None:
    """What stops mail leads, then what is about to, the nearest end first; turned round it is the reverse."""
    ed = editor()
    estate(ed)

    assert names(ed) == ORDER
    assert names(ed, sort="-harm") == ORDER[::-1]
    assert [row.name for row in every_row(ed, Chosen(), now=NOON)] == ORDER


def test_clock_alone_moves_rows() -> None:
    """A month later, with no row written, another certificate is about to end."""
    ed = editor()
    estate(ed)

    assert names(ed, at=NOON + 30 * DAY)[1:4] == ["sooner", "soon", "late"]


@pytest.mark.parametrize("sort", ["harm", "-harm", "name", "-level", "seen", "-owner"])
def test_pages_of_two_show_each_row_once(sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the borders between states forward, and back again, each row comes once, with its number."""
    ed = editor()
    estate(ed)
    whole = names(ed, sort=sort)
    monkeypatch.setattr(listing, "PAGE_ROWS", 2)

    pages = [partner_list(ed, Chosen.of({"sort": sort}), now=NOON)]
    while pages[-1].next_key:
        pages.append(partner_list(ed, Chosen.of({"sort": sort, "after": pages[-1].next_key}), now=NOON))
    back = [pages[-1]]
    while back[-1].previous_key:
        back.append(partner_list(ed, Chosen.of({"sort": sort, "before": back[-1].previous_key}), now=NOON))

    assert [row.name for page in pages for row in page.rows] == whole
    assert [row.name for page in reversed(back[1:]) for row in page.rows] == whole[: len(whole) // 2 * 2]
    assert [page.first for page in pages] == [1, 3, 5, 7, 9]
    assert {page.total for page in pages} == {len(whole)}


@pytest.mark.parametrize(
    "asked, found",
    [
        pytest.param({"state": "compliant"}, ["sooner", "soon", "compliant", "late"], id="state"),
        pytest.param({"state": "violated", "level": "may"}, [], id="none"),
        pytest.param({"level": "secure", "agreed": "ca-and-name"}, ORDER, id="all"),
        pytest.param({"q": "SOON"}, ["sooner", "soon"], id="part of a name"),
        pytest.param({"q": "Example CA"}, ["sooner", "soon", "late"], id="issuer"),
        pytest.param({"q": "mx.late.example"}, ["late"], id="MX host"),
        pytest.param({"q": "%"}, [], id="a sign of LIKE is itself"),
        pytest.param({"q": "00:00:00:02"}, ["sooner"], id="fingerprint of a leaf"),
    ],
)
def test_filters_and_numbers_agree(asked: dict[str, str], found: list[str]) -> None:
    """What is filtered is what is counted, and the numbers of the tabs stay those of the whole."""
    ed = editor()
    estate(ed)

    page = partner_list(ed, Chosen.of(asked), now=NOON)

    assert [row.name for row in page.rows] == found
    assert page.total == len(found)
    assert (page.everything, page.counts["compliant"]) == (9, 4)


def test_short_hex_is_a_word() -> None:
    """A few letters that may be hex are looked for among words alone: every digest holds some."""
    ed = editor()
    row = channel(Partner.objects.create(name="One"), "one.example", by=ed)
    proposed(row, by=ed, byte=0xFE)

    assert names(ed, q="fefe") == []
    assert names(ed, q="fe:fe:fe:fe") == ["One"]


def test_tag_and_owner() -> None:
    """A tag is found by its beginning, with or without its sign; "mine" are those that one looks after."""
    ed, eve = editor("ed"), editor("eve")
    row = channel(Partner.objects.create(name="One", tags="bank, north", owner=eve), "one.example", by=ed)
    channel(Partner.objects.create(name="Northbank"), "two.example", by=ed)
    restand([row.pk])

    assert names(ed, tag="bank") == names(ed, tag="#NORTH") == names(ed, q="#bank") == ["One"]
    assert names(eve, mine="1") == ["One"]
    assert names(ed, mine="1") == []


def test_partner_counts_own_rows_alone() -> None:
    """Somebody of a partner is told of own channels, in rows and in numbers."""
    ed = editor()
    rows = estate(ed)
    pat = member(rows["weaker"].partner, invited_by=ed)

    page = partner_list(pat, Chosen(), now=NOON)

    assert [row.name for row in page.rows] == ["weaker"]
    assert page.everything == page.total == 1


def test_many_found_are_not_counted_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that finds very many says "more than", and its pages go on."""
    monkeypatch.setattr(listing, "PAGE_ROWS", 2)
    monkeypatch.setattr(listing, "COUNTED", 3)
    ed = editor()
    estate(ed)

    page = partner_list(ed, Chosen.of({"q": "example"}), now=NOON)

    assert (page.total, page.is_more) == (3, True)
    assert page.next_key


def test_at_most_five_queries() -> None:
    """In whatever state rows are, whatever is chosen: a page costs five queries at most."""
    ed = editor()
    estate(ed)

    for asked in ({}, {"q": "example"}, {"sort": "-harm", "tag": "x"}, {"sort": "seen"}, {"mine": "1"}):
        with CaptureQueriesContext(connection) as cost:
            partner_list(ed, Chosen.of(asked), now=NOON)
        assert len(cost) <= 5, asked


def test_removed_channel_is_gone() -> None:
    """A channel that was given up has no row and no number."""
    ed = editor()
    row = estate(ed)["late"]
    Channel.objects.filter(pk=row.pk).update(removed_at=NOON)
    restand([row.pk])

    assert "late" not in names(ed)
    assert partner_list(ed, Chosen(), now=NOON).everything == 8
    assert Standing.objects.count() == 8
