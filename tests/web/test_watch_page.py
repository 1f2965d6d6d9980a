"""The page of the running watch: lanes, rounds, who fails and who is slow, at a cost that does not grow."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from partners.actions.cycles import RoundTally, note_cycle, tell_round, tell_visit
from partners.core.facts_json import profile_key, profile_to_json
from partners.core.observation import PERMISSIVE, NotMeasured, NotMeasuredCause
from partners.models import Address, AuditEntry, Endpoint, Nexthop, Partner, RelayGroup, RoundRow, User
from partners.reports.lanes import span_words
from partners.reports.rounds import RoundFilter, watch_now
from tests.actions.people import channel, editor, member, person

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def eda() -> User:
    """Two names due, one asked for; three servers due, one of them claimed, one of them failing."""
    author, now = editor(), timezone.now()
    RelayGroup.objects.create(name="main")
    for number in range(3):
        row = channel(Partner.objects.create(name=f"P{number}"), f"p{number}.example", by=author)
        place = Address.objects.create(address=f"192.0.2.{number}", provider="cloud.example", due_at=now - MINUTE)
        endpoint = Endpoint.objects.create(
            address=place, port=25, profile=profile_to_json(PERMISSIVE), profile_key=profile_key(PERMISSIVE)
        )
        endpoint.nexthops.add(row.nexthops.get())
    Nexthop.objects.filter(key="p0.example").update(due_at=now - MINUTE)
    Nexthop.objects.filter(key="p1.example").update(due_at=now - 2 * MINUTE, asked_by="person")
    Address.objects.filter(address="192.0.2.0").update(lease_token="a" * 32, lease_until=now + MINUTE)
    Address.objects.filter(address="192.0.2.2").update(failing_since=now - timedelta(hours=2))
    Endpoint.objects.filter(address__address="192.0.2.2").update(not_measured="connect-timeout", tried_at=now)
    return author


def signed_in(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def told(*, ago: timedelta, took: timedelta, servers: int, lane: str = "due", is_over: bool = True) -> None:
    """A round that began *ago* and met *servers*."""
    tally, begun = RoundTally(endpoints=servers, handshakes=servers, nexthops=1), timezone.now() - ago
    tally.slowest = [{"address": "192.0.2.1", "port": 25, "ms": 2400, "cause": ""}]
    tell_round(None, lane, tally, begun_at=begun, now=begun + took, is_over=is_over)


def test_lanes_tell_what_waits_and_what_is_worked_on(eda: User) -> None:
    """Names apart from servers, what a person asked for apart from the rest."""
    watch = watch_now(RoundFilter(), now=timezone.now())

    found = {(row.work, row.lane): (row.waiting, row.at_work) for row in watch.lanes}
    assert found == {("dns", "asked"): (1, 0), ("dns", "due"): (1, 0), ("servers", "due"): (2, 1)}
    assert watch.state == "running"


def test_the_end_is_estimated_from_the_pace_of_the_last_rounds(eda: User) -> None:
    """Thirty servers in half a minute, so three take three seconds; rounds side by side count once."""
    for _twice in range(2):
        told(ago=5 * MINUTE, took=MINUTE / 2, servers=15)

    [servers] = [row for row in watch_now(RoundFilter(), now=timezone.now()).lanes if row.work == "servers"]

    assert (servers.finished, round(servers.rate)) == (30, 60)
    assert round(servers.ends_in.total_seconds()) == 3


@pytest.mark.parametrize(
    ("due_ago", "state"), [(timedelta(minutes=6), "stuck"), (timedelta(seconds=5), "due"), (-MINUTE, "idle")]
)
def test_what_is_due_without_a_worker_is_told(eda: User, due_ago: timedelta, state: str) -> None:
    """After five minutes nobody is going to come; before that a round is about to begin."""
    due = timezone.now() - due_ago
    Nexthop.objects.update(due_at=due)
    Address.objects.update(due_at=due, lease_token="", lease_until=None)
    note_cycle("probe", now=timezone.now())

    watch = watch_now(RoundFilter(), now=timezone.now())

    assert (watch.state, watch.next_at) == (state, due if state == "idle" else None)


def test_a_round_without_a_sign_of_life_is_told_as_cut_off(eda: User) -> None:
    """Its worker died; one that tells of itself runs."""
    told(ago=10 * MINUTE, took=MINUTE, servers=4, is_over=False)
    told(ago=timedelta(seconds=5), took=timedelta(seconds=4), servers=9, is_over=False)

    watch = watch_now(RoundFilter(), now=timezone.now())

    assert [(row.endpoints, row.cut_off) for row in watch.rounds] == [(4, True)]
    assert (watch.running, watch.done) == (1, 10)


def test_a_vantage_has_lanes_of_its_own(eda: User) -> None:
    """What waits there, and what its probe reported."""
    RelayGroup.objects.create(name="outside", vantage="dmz")
    Address.objects.create(address="192.0.2.9", vantage="dmz", due_at=timezone.now() - MINUTE)
    seen = NotMeasured("192.0.2.9", 25, PERMISSIVE, timezone.now(), NotMeasuredCause.TIMEOUT)
    tell_visit("dmz", [seen], now=timezone.now())

    text = signed_in(eda).get(reverse("watch")).content.decode()
    watch = watch_now(RoundFilter(), now=timezone.now())

    assert [(row.waiting, row.finished) for row in watch.lanes if row.vantage == "dmz"] == [(1, 1)]
    assert "<code>dmz</code>" in text


def test_the_page_names_who_fails_and_who_is_slow(eda: User) -> None:
    """With the cause as a sentence, and a button for whoever may ask."""
    told(ago=2 * MINUTE, took=MINUTE, servers=3)

    text = signed_in(eda).get(reverse("watch")).content.decode()

    for words in ("No answer came to our connection in time.", "192.0.2.1:25", "2.4 s", "Probe now", "cloud.example"):
        assert words in text


def test_seconds_are_written_as_the_reader_writes_them() -> None:
    """With a comma in German."""
    assert span_words(timedelta(seconds=2.4)) == "2.4 s"
    with translation.override("de"):
        assert span_words(timedelta(seconds=2.4)) == "2,4 s"


def test_probe_now_asks_for_one_nexthop_behind_the_server(eda: User) -> None:
    """One look stands for all of them; the act is in the audit log."""
    Nexthop.objects.update(asked_by="")
    endpoint = Endpoint.objects.get(address__address="192.0.2.2")

    answer = signed_in(eda).post(reverse("watch-probe", args=[endpoint.pk]))

    assert answer["Location"] == reverse("watch")
    assert Nexthop.objects.get(asked_by="person").key == "p2.example"
    assert AuditEntry.objects.filter(act="probe.asked", subject="nexthop p2.example").exists()


def test_a_server_that_nobody_needs_is_not_asked_for(eda: User) -> None:
    """The reader learns why."""
    endpoint = Endpoint.objects.get(address__address="192.0.2.2")
    endpoint.nexthops.clear()

    answer = signed_in(eda).post(reverse("watch-probe", args=[endpoint.pk]), follow=True)

    assert "no partner&#x27;s mail goes there any more" in answer.content.decode()


def test_the_panel_says_aloud_only_what_changed(eda: User) -> None:
    """A screen reader hears a sentence when the state is another one, not every two seconds."""
    client, url = signed_in(eda), reverse("watch-panel")

    assert 'hx-swap-oob="innerHTML"' not in client.get(url, {"said": "running"}).content.decode()
    assert 'hx-swap-oob="innerHTML"' in client.get(url, {"said": "idle"}).content.decode()


def test_rounds_are_sorted_filtered_and_handed_out(eda: User) -> None:
    """By the address of the page; the file holds the same."""
    told(ago=9 * MINUTE, took=MINUTE, servers=1)
    told(ago=5 * MINUTE, took=2 * MINUTE, servers=7, lane="asked")
    told(ago=2 * MINUTE, took=MINUTE / 2, servers=3)
    client = signed_in(eda)

    def servers(query: str) -> list[str]:
        text = client.get(reverse("watch-csv") + query).getvalue().decode("utf-8-sig")
        return [row["servers"] for row in csv.DictReader(StringIO(text))]

    assert servers("") == ["3", "7", "1"]
    assert servers("?sort=-took") == ["7", "1", "3"]
    assert servers("?lane=asked") == ["7"]
    assert servers("?vantage=dmz&sort=x&lane=y") == []
    assert client.get(reverse("watch") + "?lane=asked&sort=servers&vantage=%00").status_code == 200


@pytest.mark.parametrize("name", ["watch", "watch-panel"])
def test_the_page_keeps_to_its_queries(eda: User, name: str, django_assert_max_num_queries) -> None:
    """However much is due; three are session, user and groups."""
    RelayGroup.objects.create(name="outside", vantage="dmz")
    for number in range(40):
        RoundRow.objects.create(begun_at=timezone.now(), moved_at=timezone.now(), finished_at=timezone.now())
        Address.objects.create(address=f"198.51.100.{number}", due_at=timezone.now(), failing_since=timezone.now())
    client = signed_in(eda)
    client.get(reverse(name))

    with django_assert_max_num_queries(12 + 3):
        client.get(reverse(name))


def test_others_are_refused(eda: User) -> None:
    """Management reads numbers elsewhere; a partner must not learn whose servers there are."""
    endpoint = Endpoint.objects.first()
    for who in (person("max", User.Role.MANAGEMENT), member(Partner.objects.first(), invited_by=eda), person("nell")):
        client = signed_in(who)
        for name in ("watch", "watch-panel", "watch-csv"):
            assert client.get(reverse(name)).status_code == 404
        assert client.post(reverse("watch-probe", args=[endpoint.pk])).status_code == 404
    assert Client().get(reverse("watch")).status_code == 302
    assert not Nexthop.objects.filter(asked_by="person").exclude(key="p1.example").exists()
