"""One level for many entries: previewed by stored facts, drafted each by its own Change, never past guard and approval."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.drafts import draft_of
from partners.actions.partners import edit_channel, lower_until, withdraw_change
from partners.actions.releases import active_text, cut, publish
from partners.core.errors import GuardRefused, SamePersonRefused
from partners.models import BulkAct, Candidate, Change, Channel, Nexthop, RelayGroup, User
from tests.actions.people import approver, editor
from tests.web.candidate_world import added, agreed, published

pytestmark = pytest.mark.django_db

NAMES = ("Alpenfracht", "Brixner", "Fjordbank")


@pytest.fixture
def eda() -> User:
    """An editor with three released partners at level encrypt, agreed as encrypted, whose servers were seen."""
    who, now = editor(), timezone.now()
    RelayGroup.objects.create(name="main")
    published([added(name, f"{name.lower()}.example", "encrypt", by=who, now=now) for name in NAMES], who, now=now)
    return who


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def of(name: str) -> Channel:
    return Channel.objects.get(partner__name=name)


def preview(client: Client, to: str, *names: str, **more: str) -> str:
    picked = {"channel": [of(name).pk for name in names]} if names else {"all": "1"}
    return client.get(reverse("bulk-preview"), {"act": "level", "to": to, **picked, **more}).content.decode()


def confirm(client: Client, page: str, to: str, **more: str) -> BulkAct:
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen, page
    assert client.post(reverse("bulk-confirm"), {"act": "level", "to": to, "seen": seen[1], **more}).status_code == 302
    return BulkAct.objects.latest("pk")


def levels() -> set[str]:
    return set(Channel.objects.values_list("level", flat=True))


def test_the_preview_says_what_postfix_would_do(eda: User) -> None:
    """By what was seen before: nothing is written, and nobody is asked for a look."""
    before = list(Nexthop.objects.values_list("due_at", "asked_by"))

    page = preview(signed_in(eda), "secure", "Fjordbank", "Brixner")

    assert page.count(">defer</span>") == 2  # their leaf is self-signed
    assert levels() == {"encrypt"}
    assert list(Nexthop.objects.values_list("due_at", "asked_by")) == before


def test_drafts_reach_no_relay_by_themselves(eda: User) -> None:
    """A Change for each, by the person, on the version that was seen; the released map stays byte for byte."""
    client, text = signed_in(eda), active_text(RelayGroup.objects.get())

    act = confirm(client, preview(client, "secure", "Fjordbank", "Brixner"), "secure")

    changes = Change.objects.filter(pk__in=[row["change"] for row in act.rows])
    assert {(one.author, one.release, one.before["level"], one.after["level"]) for one in changes} == {
        (eda, None, "encrypt", "secure")
    }
    assert active_text(RelayGroup.objects.get()) == text
    assert {of(name).level for name in NAMES[1:]} == {"secure"}
    assert of("Alpenfracht").level == "encrypt"
    assert draft_of(of("Brixner"))["level"] == "secure"


def test_one_candidate_of_them_meets_the_guard(eda: User) -> None:
    """The button cuts all of them at once; what would stop mail needs a second person as ever."""
    client = signed_in(eda)
    act = confirm(client, preview(client, "secure"), "secure")
    page = client.get(reverse("bulk-result", args=[act.pk])).content.decode()
    changes = re.findall(r'name="change" value="(\d+)"', page)

    client.post(reverse("candidate-cut"), {"change": changes})

    candidate = Candidate.objects.get(state=Candidate.State.OPEN)
    assert candidate.changes.count() == len(NAMES)
    assert candidate.needs_second
    with pytest.raises((GuardRefused, SamePersonRefused)):
        publish(candidate, by=eda, now=timezone.now())


def test_a_weakening_is_told_and_needs_a_second_person(eda: User) -> None:
    """Where nothing is agreed: it may be drafted, and is marked before and after."""
    row = of("Brixner")
    edit_channel(row, {"agreed": "none"}, version=row.version, by=eda, now=timezone.now())
    client = signed_in(eda)

    page = preview(client, "may", "Brixner")
    act = confirm(client, page, "may")

    assert "asks less: a second person has to agree" in page
    drafts = Change.objects.filter(release__isnull=True, channel=row)
    assert cut(drafts, by=eda, now=timezone.now()).needs_second
    assert len(act.rows) == 1


def test_what_falls_below_the_agreement_is_refused(eda: User) -> None:
    """As an edit of it alone is: lowering has an end, or another agreement."""
    page = preview(signed_in(eda), "may", "Fjordbank")

    assert "is below what was agreed" in page
    assert 'name="seen"' not in page


@pytest.mark.parametrize(
    ("to", "told"),
    [
        pytest.param("fingerprint", "no pin is named", id="no pin"),
        pytest.param("encrypt", "nothing would change", id="same"),
    ],
)
def test_what_an_edit_refuses_is_refused(eda: User, to: str, told: str) -> None:
    """With the same words, for each row by itself."""
    assert told in preview(signed_in(eda), to, "Fjordbank")


def test_only_those_that_rank_below_are_raised(eda: User) -> None:
    """The box keeps dane-only and secure from becoming verify by the way."""
    row = of("Brixner")
    edit_channel(row, {"level": "secure"}, version=row.version, by=eda, now=timezone.now())
    client = signed_in(eda)

    act = confirm(client, preview(client, "verify", **{"raise": "1"}), "verify", all="1", **{"raise": "1"})

    assert [row["name"] for row in act.rows] == ["Alpenfracht", "Fjordbank"]
    assert of("Brixner").level == "secure"


def test_what_is_lowered_for_a_time_is_left(eda: User) -> None:
    """Its return is written already; nobody takes it away from afar."""
    row, now = of("Brixner"), timezone.now()
    lower_until(row, {"level": "may"}, until=now + timedelta(days=3), reason="x", version=row.version, by=eda, now=now)

    assert "it is lowered for a time" in preview(signed_in(eda), "secure", "Brixner")


def test_match_leaves_where_the_level_takes_none(eda: User) -> None:
    """And is told, for what stands in the table is the whole entry."""
    row = of("Brixner")
    edit_channel(
        row, {"level": "secure", "match": "mx.brixner.example"}, version=row.version, by=eda, now=timezone.now()
    )
    client = signed_in(eda)

    page = preview(client, "dane-only", "Brixner")
    confirm(client, page, "dane-only")

    assert "secure match=mx.brixner.example" in page
    assert (of("Brixner").level, of("Brixner").match) == ("dane-only", "")


def test_a_draft_saved_meanwhile_is_not_overwritten(eda: User) -> None:
    """Its version moved: it is told, and the others are drafted."""
    client = signed_in(eda)
    page = preview(client, "secure", "Fjordbank", "Brixner")
    row = of("Brixner")
    edit_channel(row, {"level": "dane-only"}, version=row.version, by=approver(), now=timezone.now())

    act = confirm(client, page, "secure")

    assert [row["name"] for row in act.rows] == ["Fjordbank"]
    assert [one["why"] for one in act.left] == ["somebody saved it in between"]
    assert of("Brixner").level == "dane-only"


def test_undo_withdraws_the_drafts(eda: User) -> None:
    """The rows are what they were, byte for byte of their draft, and no Change of the act is left to be cut."""
    client, before = signed_in(eda), {name: draft_of(of(name)) for name in NAMES}
    act = confirm(client, preview(client, "secure"), "secure")

    client.post(reverse("bulk-undo", args=[act.pk]))

    assert {name: draft_of(of(name)) for name in NAMES} == before
    assert levels() == {"encrypt"}
    assert set(Channel.objects.values_list("standing__level", flat=True)) == {"encrypt"}
    assert not Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True).exists()


def test_undo_leaves_what_a_later_draft_rests_on(eda: User) -> None:
    """And what somebody withdrew by itself; both are told, the rest is taken back."""
    client = signed_in(eda)
    act = confirm(client, preview(client, "secure"), "secure")
    row = of("Brixner")
    edit_channel(row, {"level": "verify"}, version=row.version, by=eda, now=timezone.now())
    withdraw_change(Change.objects.get(channel=of("Fjordbank"), release__isnull=True), by=eda, now=timezone.now())

    client.post(reverse("bulk-undo", args=[act.pk]))

    act.refresh_from_db()
    assert {one["name"]: one["why"] for one in act.kept} == {
        "Brixner": "a later change rests on it",
        "Fjordbank": "it is released or withdrawn already",
    }
    assert {name: of(name).level for name in NAMES} == {
        "Alpenfracht": "encrypt",
        "Brixner": "verify",
        "Fjordbank": "encrypt",
    }


def test_undo_never_takes_back_what_is_released(eda: User) -> None:
    """The relays have it: only another release changes that."""
    client = signed_in(eda)
    act = confirm(client, preview(client, "secure", "Brixner"), "secure")
    release = publish_anyway(eda)

    client.post(reverse("bulk-undo", args=[act.pk]))

    act.refresh_from_db()
    assert len(act.kept) == 1
    assert of("Brixner").level == "secure"
    assert Change.objects.get(pk=act.rows[0]["change"]).release == release


def publish_anyway(eda: User) -> object:
    """Release all drafts, agreed to by a second person."""
    candidate = cut(Change.objects.filter(release__isnull=True), by=eda, now=timezone.now())
    approver("bob")
    agreed(candidate, approver("ann"), now=timezone.now())
    return publish(candidate, by=eda, now=timezone.now())


def test_many_cost_as_few_queries(eda: User, django_assert_max_num_queries: object) -> None:
    """Preview, yes and undo of thirty cost no more than those of three, but for what restand() asks."""
    now = timezone.now()
    for number in range(30):
        added(f"P {number}", f"p{number}.example", "encrypt", by=eda, now=now)
    client = signed_in(eda)

    with django_assert_max_num_queries(20):
        page = preview(client, "secure")
    with django_assert_max_num_queries(50):
        act = confirm(client, page, "secure")
    with django_assert_max_num_queries(50):
        client.post(reverse("bulk-undo", args=[act.pk]))
    assert len(act.rows) == 33
