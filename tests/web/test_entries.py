"""Lower until a day, take out of the map, take a draft back: each asks first and is a draft."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from partners.actions.drafts import draft_of
from partners.actions.partners import add_partner, edit_channel, withdraw_change
from partners.actions.releases import cut
from partners.models import AuditEntry, Change, Channel, Partner, User
from tests.actions.people import channel, editor, member, person

pytestmark = pytest.mark.django_db
PAGES = ("channel-lower", "channel-remove", "change-withdraw")


@pytest.fixture
def eda() -> User:
    return editor()


@pytest.fixture
def desk(eda: User) -> Client:
    client = Client()
    client.force_login(eda)
    return client


@pytest.fixture
def row(eda: User) -> Channel:
    change = add_partner(
        "Fjordbank", "fjordbank.example", "secure", "ca-and-name",
        match="nexthop", protocols=">=TLSv1.2", by=eda, now=timezone.now(),
    )  # fmt: skip
    return change.channel


def lowering(row: Channel, **fields: str) -> dict[str, str]:
    day = (timezone.localdate() + timedelta(days=7)).isoformat()
    start = {"level": "encrypt", "match": "nexthop", "protocols": ">=TLSv1.2", "ciphers": ""}
    return {**start, "until": day, "reason": "their new CA", "version": str(row.version), **fields}


class TestLower:
    def test_the_page_saves_a_draft_with_end_and_reason(self, desk: Client, row: Channel) -> None:
        """What the level does not take is left out; the agreement stays; the end is the end of that day."""
        answer = desk.post(reverse("channel-lower", args=[row.pk]), lowering(row))

        shot = draft_of(row)
        assert (answer.status_code, answer["Location"]) == (302, reverse("partner-detail", args=[row.pk]))
        assert (shot["level"], shot["match"], shot["protocols"]) == ("encrypt", "", ">=TLSv1.2")
        assert (shot["agreed"], shot["lowered_reason"]) == ("ca-and-name", "their new CA")
        row.refresh_from_db()
        assert timezone.localtime(row.lowered_until).date() == timezone.localdate() + timedelta(days=8)
        assert AuditEntry.objects.order_by("pk").last().act == "channel.lowered"

    def test_level_none_takes_no_attribute(self, desk: Client, row: Channel) -> None:
        """Versions and ciphers come back with the old entry."""
        desk.post(reverse("channel-lower", args=[row.pk]), lowering(row, level="none"))

        assert (draft_of(row)["level"], draft_of(row)["protocols"]) == ("none", "")

    @pytest.mark.parametrize(
        "fields",
        [
            pytest.param({"until": "2001-01-01"}, id="past"),
            pytest.param({"until": "9999-12-31"}, id="for ever"),
            pytest.param({"until": "2999-12-31"}, id="later than half a year"),
            pytest.param({"until": ""}, id="no end"),
            pytest.param({"reason": " "}, id="no reason"),
            pytest.param({"level": "secure"}, id="nothing is lowered"),
            pytest.param({"level": "verify", "match": "a.example secure"}, id="a second word"),
            pytest.param({"version": "77"}, id="an older version"),
        ],
    )
    def test_a_refusal_stands_in_the_form(self, desk: Client, row: Channel, fields: dict[str, str]) -> None:
        """Nothing is written, and what was typed is still there."""
        answer = desk.post(reverse("channel-lower", args=[row.pk]), lowering(row, **fields))

        assert (answer.status_code, Change.objects.count()) == (422, 1)
        assert b'data-state="bad"' in answer.content

    def test_a_second_relaxation_is_not_offered(self, desk: Client, row: Channel) -> None:
        """An end cannot be moved while it runs."""
        desk.post(reverse("channel-lower", args=[row.pk]), lowering(row))
        row.refresh_from_db()

        page = desk.get(reverse("channel-lower", args=[row.pk]))
        again = desk.post(reverse("channel-lower", args=[row.pk]), lowering(row, level="may"))

        assert b"lowered already" in page.content
        assert b"<textarea" not in page.content
        assert (again.status_code, draft_of(row)["level"]) == (422, "encrypt")


class TestRemove:
    def test_it_asks_first(self, desk: Client, row: Channel) -> None:
        """Opening the page writes nothing; it names the keys."""
        page = desk.get(reverse("channel-remove", args=[row.pk]))

        assert b"fjordbank.example" in page.content
        assert Change.objects.count() == 1

    def test_the_removal_is_a_draft(self, desk: Client, row: Channel) -> None:
        """The channel's rows stay until the release."""
        answer = desk.post(reverse("channel-remove", args=[row.pk]), {"version": str(row.version)})

        assert (answer.status_code, draft_of(row)["removed"]) == (302, True)
        assert row.nexthops.exists()
        assert AuditEntry.objects.order_by("pk").last().act == "channel.removed"

    def test_an_older_version_is_told(self, desk: Client, row: Channel) -> None:
        """Somebody edited in between: nothing is removed."""
        desk.post(reverse("channel-remove", args=[row.pk]), {"version": "77"})

        assert not draft_of(row)["removed"]


class TestWithdraw:
    def test_the_page_says_what_goes(self, desk: Client, row: Channel, eda: User) -> None:
        """Old and new value, the candidate that holds it, and nothing is written."""
        now = timezone.now()
        change = edit_channel(row, {"match": "mx.fjordbank.example"}, version=row.version, by=eda, now=now)
        candidate = cut([*Change.objects.all()], by=eda, now=now)

        page = desk.get(reverse("change-withdraw", args=[change.pk])).content.decode()

        assert "nexthop → mx.fjordbank.example" in page
        assert reverse("candidate-detail", args=[candidate.pk]) in page
        assert draft_of(row)["match"] == "mx.fjordbank.example"

    def test_the_channel_is_as_before(self, desk: Client, row: Channel, eda: User) -> None:
        """A lowering, too, is taken back: its end and reason go with it."""
        desk.post(reverse("channel-lower", args=[row.pk]), lowering(row))
        change = Change.objects.order_by("pk").last()

        desk.post(reverse("change-withdraw", args=[change.pk]))

        row.refresh_from_db()
        assert (row.level, row.match, row.lowered_until, row.lowered_reason) == ("secure", "nexthop", None, "")
        assert AuditEntry.objects.order_by("pk").last().act == "change.withdrawn"

    def test_what_is_withdrawn_is_no_page_any_more(self, desk: Client, row: Channel, eda: User) -> None:
        """A second press finds nothing."""
        change = edit_channel(row, {"match": "a.example"}, version=row.version, by=eda, now=timezone.now())
        desk.post(reverse("change-withdraw", args=[change.pk]))

        assert desk.post(reverse("change-withdraw", args=[change.pk])).status_code == 404

    def test_one_that_others_rest_on_stays(self, desk: Client, row: Channel, eda: User) -> None:
        """The refusal names it, and the draft is as it was."""
        first = edit_channel(row, {"match": "a.example"}, version=row.version, by=eda, now=timezone.now())
        row.refresh_from_db()
        edit_channel(row, {"match": "b.example"}, version=row.version, by=eda, now=timezone.now())

        answer = desk.post(reverse("change-withdraw", args=[first.pk]), follow=True)

        assert b"rests on an earlier change" in answer.content
        assert draft_of(row)["match"] == "b.example"


@pytest.mark.parametrize("audience", ["management", "partner", "nobody", "visitor"])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", PAGES)
def test_the_mail_team_alone(row: Channel, eda: User, name: str, method: str, audience: str) -> None:
    """To others there is no such page, and nothing is written."""
    people = {
        "management": person("max", User.Role.MANAGEMENT),
        "partner": member(row.partner, invited_by=eda),
        "nobody": person("nell"),
    }
    client, change = Client(), row.changes.get()
    if audience in people:
        client.force_login(people[audience])

    answer = getattr(client, method)(reverse(name, args=[change.pk if name == "change-withdraw" else row.pk]))

    assert answer.status_code == (302 if audience == "visitor" else 404)
    assert (Change.objects.count(), Change.objects.get().withdrawn_at) == (1, None)


def test_the_partners_page_leads_there(desk: Client, row: Channel) -> None:
    """Lower and take out stand beside the entry, and every open draft can be taken back."""
    page = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()

    for name in PAGES[:2]:
        assert reverse(name, args=[row.pk]) in page
    assert reverse("change-withdraw", args=[row.changes.get().pk]) in page
    assert reverse("change-withdraw", args=[row.changes.get().pk]) in desk.get(reverse("release-list")).content.decode()


def test_a_name_is_escaped(desk: Client, eda: User) -> None:
    """Script in a partner's name stays text on all three."""
    evil = channel(Partner.objects.create(name='"><script>x</script>'), "evil.example", by=eda, level="may")

    for name, pk in zip(PAGES, (evil.pk, evil.pk, evil.changes.get().pk), strict=True):
        assert b"<script>x" not in desk.get(reverse(name, args=[pk])).content


class TestTakeUp:
    def test_what_was_taken_back_fills_the_form(self, desk: Client, eda: User, row: Channel) -> None:
        """The journal leads to it; the form holds what that edit set and nothing else of it, and saves as any."""
        lost = edit_channel(row, {"match": "mx.fjordbank.example"}, version=row.version, by=eda, now=timezone.now())
        desk.post(reverse("change-withdraw", args=[lost.pk]))
        row.refresh_from_db()
        edit_channel(row, {"basis": "Ticket 17"}, version=row.version, by=eda, now=timezone.now())
        link = f"{reverse('channel-edit', args=[row.pk])}?draft={lost.pk}"

        journal = desk.get(reverse("partner-detail", args=[row.pk])).content.decode()
        form = desk.get(link).context["form"]

        assert f'href="{link}"' in journal
        assert (form["match"].value(), form["basis"].value()) == ("mx.fjordbank.example", "Ticket 17")
        assert form["nexthops"].value() == "fjordbank.example"
        assert draft_of(row)["match"] == "nexthop"

    def test_of_this_channel_alone(self, desk: Client, eda: User, row: Channel) -> None:
        """Another partner's edit, one that is open, or a number of nothing fills in nothing."""
        other = channel(Partner.objects.create(name="Other"), "other.example", by=eda, level="encrypt")
        foreign = edit_channel(other, {"level": "may", "agreed": "none"}, version=1, by=eda, now=timezone.now())
        desk.post(reverse("change-withdraw", args=[foreign.pk]))
        mine = edit_channel(row, {"basis": "open"}, version=row.version, by=eda, now=timezone.now())

        for draft in (foreign.pk, mine.pk, 10**9, "x"):
            page = desk.get(reverse("channel-edit", args=[row.pk]), {"draft": draft})
            assert page.context["form"]["level"].value() == "secure"

    def test_management_reads_no_button(self, eda: User, row: Channel) -> None:
        """Who may not edit is not led to the form."""
        lost = edit_channel(row, {"match": "mx.fjordbank.example"}, version=row.version, by=eda, now=timezone.now())
        withdraw_change(lost, by=eda, now=timezone.now())
        client = Client()
        client.force_login(person("mara", User.Role.MANAGEMENT))

        assert "?draft=" not in client.get(reverse("partner-detail", args=[row.pk])).content.decode()
