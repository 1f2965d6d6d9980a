"""The slow lane at work, with real sessions: what answers late is heard, and holds nobody else up."""

import multiprocessing
from datetime import timedelta

import pytest

from partners.core.slow_lane import Patience
from partners.models import Address, RoundRow, Sighting, VerdictRow
from partners.probe.addresses import parse_networks
from partners.probe.engine import Engine
from partners.probe.limits import Limits
from partners.probe.manner import USUAL, Manner, manner_of_lane
from partners.tasks.rounds import Round
from partners.tasks.seats import FAST, SLOW, seat
from tests.actions.people import editor
from tests.actions.watched import publish, watched
from tests.kit.ca import self_signed
from tests.kit.lab import V4
from tests.kit.script import SILENCE, Say, Script, Tls

pytestmark = [pytest.mark.lab, pytest.mark.django_db]
KEY = "acme.example"
LEAF = self_signed("mx.acme.example")
SECOND = timedelta(seconds=1)
BRIEF = Limits(connect=SECOND, greeting=SECOND, reply=SECOND)
LONG_AGO = "2001-01-01T00:00Z"


@pytest.fixture
def peer(lab, dns, smtpd, settings):
    """A mail server that greets after two seconds, watched and released at level encrypt."""
    settings.RESOLVER, settings.PROBE_PAUSE_SECONDS = f"{dns.address}:{dns.port}", 0
    late = Script(replies={"GREETING": Say("220 mx.acme.example ESMTP", delay=2.0)}, tls=Tls(LEAF))
    made = smtpd.peer(lab.address(), script=late)
    dns.zone(KEY).add("@ MX 10 mx", f"mx A {made.address}")
    eva = editor("eva")
    watched(KEY, by=eva, level="encrypt", agreed="encrypted")
    publish(f"{KEY}\tencrypt\n", by=eva)
    return made


def look(*, is_slow=False):
    """Run a round in which the fast lane waits a second, and the slow one five."""
    engine = Engine(limits=BRIEF, networks=parse_networks([str(V4)]), ehlo_name="probe.house.example")
    Address.objects.update(due_at=LONG_AGO)
    Round(is_slow=is_slow, engine=engine, patience=Patience(5, 5, 5), stops=lambda: False).run()
    return VerdictRow.objects.get(nexthop__key=KEY).delivery


def test_who_answers_late_is_known(peer):
    """Twice too late for the fast lane, then heard by the slow one; the next cycle of the fast one leaves it alone."""
    assert (look(), look()) == ("unknown", "unknown")
    assert look() == "unknown"
    assert len(peer.visits) == 2

    assert look(is_slow=True) == "deliver"
    assert look() == "deliver"

    assert len(peer.visits) == 3
    assert Sighting.objects.count() == 1
    assert RoundRow.objects.filter(lane="slow", endpoints=1).count() == 1


def test_slow_slots_are_bounded(peer, lab, dns, smtpd, settings):
    """With one slot two silent servers are waited for one after the other."""
    settings.PROBE_SLOW_SLOTS = 1
    silent = [smtpd.peer(lab.address(), script=Script(replies={"GREETING": SILENCE})) for _ in range(2)]
    dns.zone("b.example").add("@ MX 10 mx", *(f"mx A {one.address}" for one in silent))
    watched("b.example", by=editor("eve"))
    look()
    Address.objects.filter(address__in=[one.address for one in silent]).update(is_slow=True, streak=0)
    Address.objects.update(due_at=LONG_AGO)
    engine = Engine(limits=BRIEF, networks=parse_networks([str(V4)]), ehlo_name="probe.house.example")
    counts = Round(is_slow=True, engine=engine, patience=Patience(1, 1, 1), stops=lambda: False).run()

    assert [len(one.visits) for one in silent] == [2, 2]
    assert counts.seconds > 2


def test_one_round_of_a_lane_in_a_worker():
    """While a process has the seat of a lane another one finds it taken, and that of the other lane free."""

    def other(lane):
        with context.Pool(1) as pool:
            return pool.apply(_is_free, (lane,))

    context = multiprocessing.get_context("fork")
    with seat(SLOW) as is_mine:
        assert is_mine
        assert (other(SLOW), other(FAST)) == (False, True)
    assert other(SLOW)


def _is_free(lane):
    with seat(lane) as is_free:
        return is_free


def test_manners():
    """The fast lane heeds what is shorter than its own patience alone; the slow one waits as the relay does."""
    assert manner_of_lane(Patience(), is_slow=False) == USUAL
    assert manner_of_lane(Patience(10, 20, 300), is_slow=False) == Manner(connect=10, helo=20)
    limits = manner_of_lane(Patience(30, 300, 240), is_slow=True).limited(Limits())
    assert (limits.connect, limits.greeting, limits.handshake) == (30 * SECOND, 300 * SECOND, 240 * SECOND)
    assert limits.session > limits.greeting + limits.handshake
