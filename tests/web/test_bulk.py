"""Many partners at once: what is shown first, what is done, what is left alone, and back."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.models import AuditEntry, BulkAct, Channel, Nexthop, Partner, Standing, User
from tests.actions.people import approver, channel, editor, member, person
from tests.reports.world import agreement

pytestmark = pytest.mark.django_db

NAMES = ("Alpenfracht", "Brixner", "Fjordbank")


@pytest.fixture
def eda() -> User:
    who = editor()
    for name in NAMES:
        agreement(name, "violated" if name == "Fjordbank" else "compliant", by=who)
    return who


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def of(name: str) -> Channel:
    return Channel.objects.get(partner__name=name)


def preview(client: Client, *names: str, **asked: str) -> str:
    picked = [of(name).pk for name in names]
    return client.get(reverse("bulk-preview"), {"channel": picked, **asked}).content.decode()


def seen_in(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]*)"', page)
    assert found, "nothing to confirm"
    return found[1]


def confirm(client: Client, page: str, **asked: str) -> BulkAct:
    """Press the button of *page*."""
    answer = client.post(reverse("bulk-confirm"), {"seen": seen_in(page), **asked})
    assert answer.status_code == 302
    return BulkAct.objects.latest("pk")


def tags() -> dict[str, str]:
    return dict(Partner.objects.values_list("name", "tags"))


def test_the_list_offers_what_can_be_done(eda: User) -> None:
    """A box for each row, named by its partner, and one form around them; filters go along."""
    page = signed_in(eda).get(reverse("partner-list") + "?tag=bank&state=violated&q=fjord").content.decode()
    bare = signed_in(eda).get(reverse("partner-list")).content.decode()

    assert bare.count('name="channel"') == len(NAMES)
    assert f'aria-labelledby="pick-word p{of("Brixner").pk}"' in bare
    assert 'name="act" value="tags"' in bare
    assert "No partner fits" in page


def test_management_sees_no_box(eda: User) -> None:
    """It reads, and the pages behind do not exist for it."""
    page = signed_in(person("max", User.Role.MANAGEMENT)).get(reverse("partner-list")).content.decode()

    assert 'name="channel"' not in page
    assert 'name="act"' not in page


@pytest.mark.parametrize("who", ["management", "partner", "nobody"])
def test_only_the_mail_team_gets_there(eda: User, who: str) -> None:
    """Each of the four pages answers as one that does not exist."""
    people = {
        "management": lambda: person("max", User.Role.MANAGEMENT),
        "partner": lambda: member(of("Brixner").partner, invited_by=eda),
        "nobody": lambda: person("nell"),
    }
    client, act = signed_in(people[who]()), BulkAct.objects.create(kind="tags", by=eda, made_at=timezone.now())

    assert client.get(reverse("bulk-preview"), {"act": "probe", "all": "1"}).status_code == 404
    assert client.post(reverse("bulk-confirm"), {"act": "probe", "seen": f"{of('Brixner').pk}.1"}).status_code == 404
    assert client.get(reverse("bulk-result", args=[act.pk])).status_code == 404
    assert client.post(reverse("bulk-undo", args=[act.pk])).status_code == 404
    assert BulkAct.objects.filter(undone_at__isnull=True).count() == 1


def test_a_preview_writes_nothing(eda: User) -> None:
    """It shows before and after for each, and leaves every row alone."""
    page = preview(signed_in(eda), "Fjordbank", "Brixner", act="tags", add="bank")

    assert page.count('data-l="Then">bank</td>') == 2
    assert set(tags().values()) == {""}
    assert not BulkAct.objects.exists()


def test_tags_are_set_and_given_back_exactly(eda: User) -> None:
    """However they were written before; the list finds by them at once, and no more after the undo."""
    Partner.objects.filter(name="Fjordbank").update(tags="EU,  old bank")
    client = signed_in(eda)
    asked = {"act": "tags", "add": "#supplier", "remove": "OLD"}

    act = confirm(client, preview(client, "Fjordbank", "Brixner", **asked), **asked)
    assert tags() == {"Alpenfracht": "", "Brixner": "supplier", "Fjordbank": "EU, bank, supplier"}
    found = client.get(reverse("partner-list") + "?tag=supplier").content.decode()
    assert "Fjordbank" in found
    assert "Alpenfracht" not in found

    client.post(reverse("bulk-undo", args=[act.pk]))
    assert tags() == {"Alpenfracht": "", "Brixner": "", "Fjordbank": "EU,  old bank"}
    assert b"No partner fits" in client.get(reverse("partner-list") + "?tag=supplier").content
    assert [one.act for one in AuditEntry.objects.order_by("-pk")[:2]] == ["bulk.undone", "bulk.done"]


def test_a_row_that_moved_meanwhile_is_told_and_left(eda: User) -> None:
    """Somebody saved it after the preview: it stays, the others are changed, and the page says which and why."""
    client, asked = signed_in(eda), {"act": "tags", "add": "bank"}
    page = preview(client, "Fjordbank", "Brixner", **asked)
    Partner.objects.filter(name="Brixner").update(tags="mine", version=7)

    act = confirm(client, page, **asked)

    assert tags()["Brixner"] == "mine"
    assert tags()["Fjordbank"] == "bank"
    assert [(one["name"], one["why"]) for one in act.left] == [("Brixner", "somebody saved it in between")]
    assert b"somebody saved it in between" in client.get(reverse("bulk-result", args=[act.pk])).content


def test_a_row_that_matches_no_more_is_left(eda: User) -> None:
    """Of all that match a filter, one whose state moved is not what the person looked for."""
    client, asked = signed_in(eda), {"act": "tags", "add": "bank", "all": "1", "state": "compliant"}
    page = client.get(reverse("bulk-preview"), asked).content.decode()
    Standing.objects.filter(channel=of("Brixner")).update(state="violated", harm_rank=0)

    act = confirm(client, page, **asked)

    assert tags() == {"Alpenfracht": "bank", "Brixner": "", "Fjordbank": ""}
    assert [one["why"] for one in act.left] == ["it does not match the filter any more"]


def test_a_channel_that_was_given_up_is_left(eda: User) -> None:
    """It has no row any more that could be changed."""
    client, asked = signed_in(eda), {"act": "tags", "add": "bank"}
    page = preview(client, "Fjordbank", "Brixner", **asked)
    Channel.objects.filter(pk=of("Brixner").pk).update(removed_at=timezone.now())

    act = confirm(client, page, **asked)

    assert tags()["Brixner"] == ""
    assert len(act.rows) == len(act.left) == 1


def test_an_undo_leaves_what_was_changed_since(eda: User) -> None:
    """Somebody's newer tags are worth more than the way back; the page tells whose."""
    client, asked = signed_in(eda), {"act": "tags", "add": "bank"}
    act = confirm(client, preview(client, "Fjordbank", "Brixner", **asked), **asked)
    Partner.objects.filter(name="Brixner").update(tags="bank, new")

    client.post(reverse("bulk-undo", args=[act.pk]))

    assert tags() == {"Alpenfracht": "", "Brixner": "bank, new", "Fjordbank": ""}
    assert b"its tags were changed since" in client.get(reverse("bulk-result", args=[act.pk])).content


def test_an_undo_counts_once(eda: User) -> None:
    """The second press is refused: what was done since is not undone as well."""
    client, asked = signed_in(eda), {"act": "tags", "add": "bank"}
    act = confirm(client, preview(client, "Brixner", **asked), **asked)
    client.post(reverse("bulk-undo", args=[act.pk]))
    confirm(client, preview(client, "Brixner", **asked), **asked)

    page = client.post(reverse("bulk-undo", args=[act.pk]), follow=True)

    assert tags()["Brixner"] == "bank"
    assert b"it is undone already" in page.content


@pytest.mark.parametrize(
    ("add", "told"),
    [
        pytest.param("x" * 41, "too long or not printable", id="long"),
        pytest.param("a\x00b", "too long or not printable", id="control"),
        pytest.param("#", "too long or not printable", id="empty"),
        pytest.param(" ".join("abcdefghijk"), "more than 10 are named", id="many"),
    ],
)
def test_a_tag_that_cannot_be_is_refused(eda: User, add: str, told: str) -> None:
    """With the reason, before anything is shown."""
    answer = signed_in(eda).get(reverse("bulk-preview"), {"act": "tags", "add": add, "all": "1"})

    assert answer.status_code == 422
    assert told in answer.content.decode()


def test_tags_that_would_not_fit_stay(eda: User) -> None:
    """The column holds 200 characters; who is full is told, the others change."""
    Partner.objects.filter(name="Brixner").update(tags="y" * 190)
    client, asked = signed_in(eda), {"act": "tags", "add": "xxxxxxxxxx"}

    act = confirm(client, preview(client, "Fjordbank", "Brixner", **asked), **asked)

    assert [row["name"] for row in act.rows] == ["Fjordbank"]


def test_a_partner_with_two_channels_is_one_row(eda: User) -> None:
    """Tags are the partner's; both channels are found by them."""
    channel(of("Brixner").partner, "second.example", by=eda)
    client, asked = signed_in(eda), {"act": "tags", "add": "bank", "all": "1"}

    act = confirm(client, client.get(reverse("bulk-preview"), asked).content.decode(), **asked)

    assert len(act.rows) == len(NAMES)
    assert client.get(reverse("partner-list") + "?tag=bank").content.decode().count('name="channel"') == len(NAMES) + 1


def test_nothing_selected_says_what_to_do(eda: User) -> None:
    """And offers all that match, as a step of its own."""
    answer = signed_in(eda).get(reverse("bulk-preview"), {"act": "probe", "tag": "bank"})

    assert answer.status_code == 422
    assert "tick some, or take all that match" in answer.content.decode()
    assert "tag=bank&amp;all=1" in answer.content.decode()


def test_too_many_are_refused_with_the_number(eda: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a preview nor a yes takes more than is said."""
    monkeypatch.setattr("partners.actions.many.MOST", {"probe": 2, "tags": 2, "level": 2})
    client, pks = signed_in(eda), [str(pk) for pk in Channel.objects.values_list("pk", flat=True)]

    shown = client.get(reverse("bulk-preview"), {"act": "probe", "all": "1"})
    forced = client.post(
        reverse("bulk-confirm"), {"act": "probe", "seen": ",".join(f"{pk}.1" for pk in pks)}, follow=True
    )

    assert "more than 2 partners are selected" in shown.content.decode()
    assert "more than 2 partners are selected" in forced.content.decode()
    assert not BulkAct.objects.exists()


def test_probe_now_makes_all_due(eda: User) -> None:
    """The rows become due as by the button of one partner; who has only a dotted key is told to stay."""
    Nexthop.objects.filter(channel=of("Brixner")).update(key=".brixner.example")
    client, asked = signed_in(eda), {"act": "probe", "all": "1"}

    act = confirm(client, client.get(reverse("bulk-preview"), asked).content.decode(), **asked)

    due = Nexthop.objects.filter(asked_by="person", due_at__lte=timezone.now())
    assert set(due.values_list("key", flat=True)) == {"alpenfracht.example", "fjordbank.example"}
    assert len(act.rows) == 2
    assert b"Undo" not in client.get(reverse("bulk-result", args=[act.pk])).content
    assert client.post(reverse("bulk-undo", args=[act.pk])).status_code == 404


def test_another_approver_may_undo(eda: User) -> None:
    """The team works as one: whoever did it may be away."""
    client, asked = signed_in(eda), {"act": "tags", "add": "bank"}
    act = confirm(client, preview(client, "Brixner", **asked), **asked)

    signed_in(approver()).post(reverse("bulk-undo", args=[act.pk]))

    assert tags()["Brixner"] == ""


@pytest.mark.parametrize("seen", ["", "x", "1", "1.x", "99999.1", "-1.1", "1.1.1", "99999999999999999999.1"])
def test_a_forged_yes_changes_nothing(eda: User, seen: str) -> None:
    """What was not shown in this version is left, or refused as nothing."""
    answer = signed_in(eda).post(reverse("bulk-confirm"), {"act": "tags", "add": "bank", "seen": seen})

    assert answer.status_code == 302
    assert set(tags().values()) == {""}


def test_many_cost_as_few_queries(eda: User, django_assert_max_num_queries: object) -> None:
    """Preview, yes and page of forty cost no more than those of four."""
    for number in range(40):
        agreement(f"P {number}", "compliant", by=eda)
    client, asked = signed_in(eda), {"act": "tags", "add": "bank", "all": "1"}

    with django_assert_max_num_queries(15):
        page = client.get(reverse("bulk-preview"), asked).content.decode()
    with django_assert_max_num_queries(40):
        act = confirm(client, page, **asked)
    with django_assert_max_num_queries(15):
        client.get(reverse("bulk-result", args=[act.pk]))
    assert len(act.rows) == 43
