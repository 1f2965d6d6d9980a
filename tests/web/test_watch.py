"""The watch on the watch: told where it is read, so that a worker that is dead cannot hide it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from partners.actions.cycles import note_cycle
from partners.models import Address, Partner, RelayGroup, User, VantageToken
from partners.reports import watch
from tests.actions.people import editor, member, person
from tests.reports.world import agreement

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=20)
BANNER = b"Nobody looks at the partners"


@pytest.fixture(autouse=True)
def watched(settings, monkeypatch) -> None:
    """A portal that has run for a day, and expects a cycle every quarter of an hour."""
    settings.CYCLE_LATE_MINUTES = 15
    monkeypatch.setattr(watch, "_begun_at", timezone.now() - timedelta(days=1))
    watch._kept.clear()
    yield
    watch._kept.clear()


def both(*, probe: timedelta, alerts: timedelta) -> None:
    note_cycle("probe", now=timezone.now() - probe, seconds=2.5, nexthops=7)
    note_cycle("alerts", now=timezone.now() - alerts)


def late() -> list[str]:
    return Client().get("/healthz").json()["late"]


class TestHealth:
    def test_cycles_end(self) -> None:
        """Both came to their end lately."""
        both(probe=timedelta(0), alerts=timedelta(0))

        assert late() == []

    def test_no_cycle_for_long(self) -> None:
        """503, and which one is late: nobody has to read a log for it."""
        both(probe=LONG_AGO, alerts=timedelta(0))

        answer = Client().get("/healthz")
        assert (answer.status_code, answer.json()["late"]) == (503, ["probe"])

    def test_a_dead_control_worker(self) -> None:
        """Then no alert leaves: as bad."""
        both(probe=timedelta(0), alerts=LONG_AGO)

        assert late() == ["alerts"]

    def test_never(self) -> None:
        """A worker that never ran is late too; a portal that has just begun is given the time of a cycle."""
        assert late() == ["probe", "alerts"]

    def test_just_begun(self, monkeypatch) -> None:
        """After a night's rest nothing is late before the first cycle could end."""
        both(probe=timedelta(days=1), alerts=timedelta(days=1))
        monkeypatch.setattr(watch, "_begun_at", timezone.now())

        assert late() == []

    def test_a_silent_vantage(self) -> None:
        """A probe elsewhere that a relay group is judged by and that asks for no work is as bad; its name stays ours."""
        both(probe=timedelta(0), alerts=timedelta(0))
        now = timezone.now()
        token = VantageToken.objects.create(vantage="dmz", prefix="a", sha256="0" * 64, made_at=now, used_at=now)
        RelayGroup.objects.create(name="main", vantage="dmz")
        assert late() == []

        VantageToken.objects.filter(pk=token.pk).update(used_at=now - LONG_AGO)
        assert late() == ["vantage"]
        assert watch.watch_state().late == ("vantage dmz",)

        VantageToken.objects.filter(pk=token.pk).update(used_at=now, revoked_at=now)
        assert late() == ["vantage"]

    def test_nobody_watches(self, settings) -> None:
        """It can be switched off, for a house that watches otherwise."""
        settings.CYCLE_LATE_MINUTES = 0

        assert late() == []


class TestBanner:
    def test_on_top_of_the_teams_pages(self) -> None:
        """With what to do; the other audiences can do nothing about it."""
        eda = editor()
        both(probe=LONG_AGO, alerts=timedelta(0))
        partner = Partner.objects.create(name="Fjordbank")
        seen = {}
        for name, who, url in (
            ("team", eda, "/alerts/"),
            ("management", person("max", User.Role.MANAGEMENT), "/compliance/"),
            ("partner", member(partner, invited_by=eda), "/portal/"),
        ):
            client = Client()
            client.force_login(who)
            seen[name] = BANNER in client.get(url).content

        assert seen == {"team": True, "management": False, "partner": False}

    def test_none_while_all_goes_on(self) -> None:
        """No bar, and no second look at the database for the next page."""
        both(probe=timedelta(0), alerts=timedelta(0))
        client = Client()
        client.force_login(editor())

        assert BANNER not in client.get("/alerts/").content


class TestMetrics:
    def test_numbers_from_this_machine(self) -> None:
        """In Prometheus' format, with no partner's name."""
        agreement("Fjordbank", "violated", by=editor())
        both(probe=timedelta(seconds=30), alerts=timedelta(0))

        answer = Client().get("/metrics")
        text = answer.content.decode()

        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
        assert 'tlsportal_agreements{state="violated"} 1' in text
        assert "tlsportal_watch_late 0" in text
        assert "Fjordbank" not in text

    def test_slow_lane_is_counted(self) -> None:
        """How many addresses answer late, how many not at all, and how long the oldest waits there."""
        hour_ago = timezone.now() - timedelta(hours=1)
        Address.objects.create(address="192.0.2.1", is_slow=True, due_at=hour_ago)
        Address.objects.create(address="192.0.2.2", is_slow=True, failing_since=hour_ago)
        Address.objects.create(address="192.0.2.3")

        text = Client().get("/metrics").content.decode()

        assert 'tlsportal_slow_addresses{answers="late"} 1' in text
        assert 'tlsportal_slow_addresses{answers="no"} 1' in text
        assert 'tlsportal_oldest_due_seconds{kind="slow-address"} 36' in text
        assert 'tlsportal_oldest_due_seconds{kind="address"} 0' in text

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            ({"REMOTE_ADDR": "192.0.2.9"}, 401),
            ({"REMOTE_ADDR": "192.0.2.9", "HTTP_AUTHORIZATION": "Bearer secret"}, 200),
            ({"REMOTE_ADDR": "192.0.2.9", "HTTP_AUTHORIZATION": "Bearer other"}, 401),
            ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.9"}, 401),
        ],
        ids=["stranger", "token", "wrong-token", "behind-a-proxy"],
    )
    def test_who_may_read(self, settings, sent: dict[str, str], status: int) -> None:
        """A token, or this machine itself; what a proxy on it hands on is a stranger's."""
        settings.METRICS_TOKEN = "secret"

        assert Client().get("/metrics", **sent).status_code == status

    def test_without_a_token_set_none_opens(self) -> None:
        """An empty token is no token."""
        sent = {"REMOTE_ADDR": "192.0.2.9", "HTTP_AUTHORIZATION": "Bearer "}

        assert Client().get("/metrics", **sent).status_code == 401
