"""Saved views: what is kept of an address, who sees, shares and changes one, and what opens first."""

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import AuditEntry, DefaultView, SavedView, User
from partners.reports.listing import COLUMNS, Chosen
from tests.actions.people import NOON, approver, editor, person
from tests.reports.world import agreement

pytestmark = pytest.mark.django_db

FILTERED = {"state": "violated", "sort": "name", "cols": "level,seen"}


@pytest.fixture
def eda() -> User:
    who = editor()
    agreement("Fjordbank", "violated", by=who)
    agreement("Rivet", "compliant", by=who)
    return who


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def saved(owner: User, name: str = "Banks", *, is_shared: bool = False, **parameters: str) -> SavedView:
    return SavedView.objects.create(
        owner=owner, name=name, parameters=parameters or FILTERED, is_shared=is_shared, made_at=NOON
    )


def save(who: User, query: str = "?state=violated&sort=name", **fields: str) -> object:
    return signed_in(who).post(reverse("saved-view-save") + query, {"name": "Banks", **fields})


def test_a_view_keeps_filters_order_and_columns(eda: User) -> None:
    """What is no filter of the list is not kept, wherever the address had it from."""
    save(eda, "?state=violated&sort=name&cols=seen&cols=level&next=//evil.example&after=x&level=nonsense")

    view = SavedView.objects.get()
    assert view.parameters == {"state": "violated", "sort": "name", "cols": "level,seen"}
    assert (view.owner, view.is_shared) == (eda, False)
    assert AuditEntry.objects.latest("pk").act == "saved-view.saved"


def test_opening_leads_to_the_list_and_nowhere_else(eda: User) -> None:
    """A row that somebody wrote by hand gives no address of its own."""
    view = saved(eda, state="violated", next="//evil.example", q="\r\nLocation: //evil.example", after="//evil.example")

    target = signed_in(eda).get(reverse("saved-view-open", args=[view.pk]))["Location"]

    assert target.startswith("/partners/?q=Location")
    assert "next" not in target
    assert "after" not in target


def test_a_filter_that_is_gone_is_told(eda: User) -> None:
    """The rest of the view is shown, with a word about what is missing."""
    view = saved(eda, state="glowing", sort="name")

    page = signed_in(eda).get(reverse("saved-view-open", args=[view.pk]), follow=True).content.decode()

    assert "asked for something that there is no more (State)" in page
    assert "Fjordbank" in page


def test_the_view_that_is_shown_is_current(eda: User) -> None:
    """Its tab says so, however the reader came there."""
    saved(eda)

    page = signed_in(eda).get(reverse("partner-list") + "?cols=level,seen&sort=name&state=violated").content.decode()

    assert 'aria-current="page">Banks</a>' in page


def test_columns_that_are_not_chosen_are_not_shown(eda: User) -> None:
    """Neither in the table nor in the files that are made of it."""
    client = signed_in(eda)

    page = client.get(reverse("partner-list") + "?cols=hosts").content.decode()
    head = b"".join(client.get(reverse("partner-list-csv") + "?cols=hosts")).decode("utf-8-sig").splitlines()[0]

    assert ">Hosts</th>" in page
    assert ">Next date</th>" not in page
    assert head == '"partner","nexthop","state","cause","addresses_taking","addresses"'


@pytest.mark.parametrize("text", ["", ",".join(COLUMNS), "nonsense", "level,<b>"])
def test_all_or_no_known_columns_mean_all(text: str) -> None:
    """So that no address can make a table without cells; unknown words are left out."""
    assert Chosen.of({"cols": text}).columns == (("level",) if "level,<" in text else COLUMNS)


def test_the_default_opens_first_and_all_shows_all(eda: User) -> None:
    """A bare address leads to the view; the tab of all partners and Clear do not."""
    save(eda, opens_first="1")
    client = signed_in(eda)

    bare = client.get(reverse("partner-list"))
    page = client.get(bare["Location"], follow=True).content.decode()
    every = client.get(reverse("partner-list") + "?sort=harm")

    assert bare.status_code == 302
    assert "Rivet" not in page
    assert b"Rivet" in every.content
    assert 'href="?sort=name"' in page  # the tab "All"


def test_the_default_is_taken_back(eda: User) -> None:
    """One press, and the list opens with all partners again."""
    view = saved(eda)
    client = signed_in(eda)
    client.post(reverse("saved-view-first", args=[view.pk]), {"first": "1"})
    assert DefaultView.objects.get(person=eda).view == view

    client.post(reverse("saved-view-first", args=[view.pk]), {"first": "0"})

    assert client.get(reverse("partner-list")).status_code == 200


def test_own_views_are_nobody_elses(eda: User) -> None:
    """For another editor they do not exist, whatever he tries; a shared one he may open and put first alone."""
    own, shared = saved(eda), saved(eda, "Shared", is_shared=True)
    other = signed_in(editor("ed"))

    for name in ("open", "edit", "remove"):
        assert other.get(reverse(f"saved-view-{name}", args=[own.pk])).status_code == 404
    assert other.post(reverse("saved-view-first", args=[own.pk]), {"first": "1"}).status_code == 404
    assert other.get(reverse("saved-view-open", args=[shared.pk])).status_code == 302
    assert other.post(reverse("saved-view-edit", args=[shared.pk]), {"name": "Mine"}).status_code == 404
    assert other.post(reverse("saved-view-remove", args=[shared.pk])).status_code == 404
    assert b"Banks" not in other.get(reverse("partner-list")).content


def test_an_approver_looks_after_shared_views(eda: User) -> None:
    """Whoever left the house leaves no view that nobody can remove."""
    shared = saved(eda, is_shared=True)

    signed_in(approver()).post(reverse("saved-view-remove", args=[shared.pk]))

    assert not SavedView.objects.exists()


def test_management_keeps_views_and_shares_none(eda: User) -> None:
    """The box is not there, and a form that has it all the same shares nothing."""
    max_ = person("max", User.Role.MANAGEMENT)

    page = signed_in(max_).get(reverse("saved-view-save")).content
    save(max_, is_shared="1")

    assert b"is_shared" not in page
    assert not SavedView.objects.get().is_shared


def test_whoever_sees_no_list_keeps_no_view(eda: User) -> None:
    """An account without a role finds none of the pages, and the action refuses it as well."""
    view = saved(eda, is_shared=True)

    assert signed_in(person("nell")).get(reverse("saved-view-open", args=[view.pk])).status_code == 404
    assert save(person("nick")).status_code == 404


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "Banks"])
def test_a_name_that_cannot_be_is_told_in_the_form(eda: User, name: str) -> None:
    """Empty, too long, or taken; what is not refused by the form is by the action."""
    saved(eda)

    answer = save(eda, name=name)

    assert answer.status_code == 422
    assert SavedView.objects.count() == 1


def test_too_many_views_are_refused(eda: User) -> None:
    """A person has twenty at most, and the list stays one line."""
    for number in range(20):
        saved(eda, f"View {number}")

    assert b"20 views are kept" in save(eda).content


def test_a_view_that_is_shared_no_more_opens_for_its_owner_alone(eda: User) -> None:
    """For the others the list opens with all partners again."""
    view, other = saved(eda, is_shared=True), editor("ed")
    for who in (eda, other):
        DefaultView.objects.create(person=who, view=view)

    signed_in(eda).post(reverse("saved-view-edit", args=[view.pk]), {"name": "Mine"})

    assert list(DefaultView.objects.values_list("person", flat=True)) == [eda.pk]
    assert SavedView.objects.get().name == "Mine"


def test_removing_asks_first(eda: User) -> None:
    """The page names the view; only the button removes it."""
    view = saved(eda)
    client = signed_in(eda)

    assert b"Remove the view" in client.get(reverse("saved-view-remove", args=[view.pk])).content
    assert SavedView.objects.exists()
    client.post(reverse("saved-view-remove", args=[view.pk]))
    assert not SavedView.objects.exists()


def test_a_name_is_printed_not_run(eda: User) -> None:
    """Mark-up in a name of a shared view stands there as text."""
    saved(eda, "<script>alert(1)</script>", is_shared=True)
    client = signed_in(editor("ed"))

    for page in ("partner-list", "saved-view-list"):
        assert b"<script>alert" not in client.get(reverse(page)).content


def test_many_views_cost_one_query(eda: User, django_assert_max_num_queries: object) -> None:
    """The list stays within six beside session, account and roles; the page of views needs two."""
    for number in range(15):
        saved(editor(f"e{number}"), f"View {number}", is_shared=True)
    client = signed_in(eda)

    with django_assert_max_num_queries(9):
        client.get(reverse("partner-list"))
    with django_assert_max_num_queries(5):
        assert b"View 14" in client.get(reverse("saved-view-list")).content
