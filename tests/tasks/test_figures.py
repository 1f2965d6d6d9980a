"""What is counted ahead says the same as what a page counts for itself, and is counted again in time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from partners.actions.certificates import submit
from partners.actions.figures import is_figures_due, recount_days, seal_days
from partners.models import Certificate, ChannelEnd, ComplianceInterval, DailyTally, KeptFigures, Sighting, User
from partners.reports import kept
from partners.reports.agreements import Chosen
from partners.reports.certificates import CertificateFilter, certificate_page
from partners.reports.compliance import compliance_report
from partners.reports.today import today
from partners.reports.trend import trend
from partners.tasks.figures import count_estate, count_figures
from tests.actions.people import channel, editor
from tests.kit.ca import self_signed
from tests.reports.world import agreement, certificate, shown

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
STATES = ("compliant", "rolling", "violated", "weaker", "unknown", "pending", "compliant")


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def eda(now: datetime) -> User:
    """An estate with every state, with ends in 5, 20 and 60 days, one lowered, and one that nobody judged yet."""
    author = editor()
    for number, state in enumerate(STATES, start=1):
        row = agreement(f"P{number}", state, by=author, since=now - number * DAY, level="secure", agreed="ca-and-name")
        end = now + (5, 20, 60)[number % 3] * DAY
        shown(row, f"192.0.2.{number}", certificate(number, not_after=end))
    shown(row, "192.0.2.77", certificate(77, not_after=now + 300 * DAY))
    row.lowered_until = now + 2 * DAY
    row.save()
    channel(row.partner, "nobody-judged.example", by=author)
    return author


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any estate is a large one."""
    monkeypatch.setattr(kept, "LARGE", 1)


def names(who: User, query: str = "") -> str:
    client = Client()
    client.force_login(who)
    return client.get(f"/certificates/{query}").content.decode()


def tallies() -> list[object]:
    rows = DailyTally.objects.filter(count__gt=0).order_by("day", "state")
    return list(rows.values_list("day", "state", "count"))


@pytest.mark.parametrize(
    "chosen",
    [Chosen(), Chosen(state="pending"), Chosen(group="open"), Chosen(group="protected"), Chosen(within=30)],
    ids=str,
)
def test_compliance_tells_the_same(eda: User, large: None, now: datetime, chosen: Chosen) -> None:
    """Numbers, outlook, rows and line, whether counted ahead or for the page."""
    live = compliance_report(now=now, chosen=chosen)
    count_estate()

    ahead = compliance_report(now=now, chosen=chosen)

    assert ahead.counted_at != live.counted_at
    assert ahead == replace(live, counted_at=ahead.counted_at)


def test_pages_of_a_state_follow_each_other(eda: User, large: None, now: datetime, monkeypatch) -> None:
    """Each agreement stands on one page, also where a page holds several states and those without any."""
    monkeypatch.setattr("partners.reports.compliance.ROWS", 2)
    live = [row.pk for page in range(1, 6) for row in compliance_report(now=now, chosen=Chosen(), page=page).rows]
    count_estate()

    ahead = [row.pk for page in range(1, 6) for row in compliance_report(now=now, chosen=Chosen(), page=page).rows]

    assert ahead == live
    assert len(set(ahead)) == 8


def test_today_tells_the_same(eda: User, large: None, now: datetime) -> None:
    """Groups, rows, ends and strip."""
    live = today(eda, now=now)
    count_estate()

    ahead = today(eda, now=now)

    assert ahead == replace(live, counted_at=ahead.counted_at)
    assert {group.state for group in ahead.groups} >= {"bad", "risk", "weak", "unk"}


def test_mail_that_stops_is_told_at_once(eda: User, large: None, now: datetime) -> None:
    """Whatever was counted when: what waits now is asked anew."""
    count_estate()
    ComplianceInterval.objects.filter(channel__partner__name="P1").update(state="violated")

    page = today(eda, now=now)

    assert page.waits == 2
    assert {hand.name for hand in page.groups[0].hands} == {"P1", "P3"}


def test_old_figures_are_not_told(eda: User, large: None, now: datetime) -> None:
    """Where the workers stand still, a page counts for itself."""
    count_estate()
    KeptFigures.objects.update(counted_at=now - kept.STALE, figures={})

    assert compliance_report(now=now, chosen=Chosen()).counted_at == now


def test_a_small_estate_is_counted_for_each_page(eda: User, now: datetime) -> None:
    """Nobody waits for a figure that costs nothing."""
    count_estate()

    assert kept.kept_figures(now=now) is None


def test_ends_are_kept_as_they_are_now(eda: User, now: datetime) -> None:
    """An end that is no longer shown goes, a second count writes nothing."""
    count_estate()
    before = set(ChannelEnd.objects.values_list("channel", flat=True))
    Sighting.objects.filter(endpoint__nexthops__channel__partner__name="P1").update(current=False)

    count_estate()

    gone = before - set(ChannelEnd.objects.values_list("channel", flat=True))
    assert len(gone) == 1


def test_certificates_follow_their_use(eda: User, large: None, now: datetime) -> None:
    """What nobody shows any more leaves the list, what somebody announced is under its tab, a new one is there."""
    row = ComplianceInterval.objects.filter(state="compliant").first()
    assert row is not None
    submit(row.channel, self_signed("next.example", not_after=now + 200 * DAY).pem, by=eda, now=now)
    Sighting.objects.filter(endpoint__nexthops__channel__partner__name="P2").update(current=False)
    count_estate()

    assert "next.example" in names(eda, "?view=announced")
    assert Certificate.objects.filter(in_use=False).count() == 1
    submit(row.channel, self_signed("later.example", not_after=now + 200 * DAY).pem, by=eda, now=now)
    assert "later.example" in names(eda)


def test_certificates_are_read_page_by_page(eda: User, large: None, now: datetime, monkeypatch) -> None:
    """In both directions each certificate stands on one page, also one without a readable end."""
    monkeypatch.setattr("partners.reports.certificates.PAGE_ROWS", 3)
    Certificate.objects.filter(pk=Certificate.objects.latest("pk").pk).update(not_after=None)
    count_estate()
    for sort in ("end", "-end", "subject", "-issuer"):
        seen: list[int] = []
        after = ""
        for _page in range(3):
            page = certificate_page(
                CertificateFilter(sort=sort), kept.kept_figures(now=now), page=1, after=after, now=now
            )
            seen += [row.pk for row in page.rows]
            after = page.next_key
        assert (len(seen), len(set(seen)), after) == (8, 8, "")


class TestSealing:
    def test_sealed_days_say_what_intervals_say(self, eda: User, now: datetime) -> None:
        """And still say so after the intervals are forgotten."""
        live = trend(now=now).points
        assert seal_days(now=now) >= 7

        assert trend(now=now).points == live
        ended = ComplianceInterval.objects.filter(state="violated")
        ended.update(valid_from=now - 40 * DAY, valid_to=now - 30 * DAY)
        assert trend(now=now).points[:-1] == live[:-1]

    def test_a_day_is_sealed_once(self, eda: User, now: datetime) -> None:
        """Two workers, or the same one a minute later, write nothing again."""
        seal_days(now=now)
        before = tallies()

        assert seal_days(now=now) == 0
        assert tallies() == before

    def test_the_days_go_on(self, eda: User, now: datetime) -> None:
        """Sealed day by day, the tallies are those that are sealed at once."""
        for day in range(-9, 1):
            seal_days(now=now + day * DAY)
        one_by_one = tallies()
        DailyTally.objects.all().delete()
        seal_days(now=now)

        assert tallies() == one_by_one

    def test_they_can_be_counted_again(self, eda: User, now: datetime) -> None:
        """A tally that is wrong is put right from the intervals."""
        seal_days(now=now)
        right = tallies()
        DailyTally.objects.update(count=99)

        call_command("rebuild_figures", verbosity=0)

        assert tallies() == right

    def test_nothing_was_judged_yet(self, now: datetime) -> None:
        """An empty portal has no day to seal."""
        assert seal_days(now=now) == 0
        assert recount_days(keep=90 * DAY, now=now) == 0


def test_counting_is_due_by_its_cost(eda: User) -> None:
    """Counted a moment ago is not due; what costs a second is due again after fifty."""
    count_figures()
    row = KeptFigures.objects.get()
    KeptFigures.objects.update(seconds=2.0)

    assert not is_figures_due("estate", now=row.counted_at + timedelta(seconds=99))
    assert is_figures_due("estate", now=row.counted_at + timedelta(seconds=101))
