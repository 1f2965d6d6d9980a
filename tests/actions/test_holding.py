"""A judgement is made again when time may have changed it, and not before; what else changed it is judged at once."""

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from partners.actions import releases
from partners.actions.approvals import refuse_pin
from partners.actions.certificates import submit
from partners.actions.judging import JUDGED_MAX_AGE, judge_due, judge_nexthops
from partners.actions.leases import claim_addresses, set_aside
from partners.actions.partners import add_partner, edit_channel
from partners.actions.probing import record_peers
from partners.actions.relay_groups import ensure_group
from partners.actions.targets import set_notices
from partners.core.observation import NotMeasuredCause
from partners.models import (
    Address,
    Alert,
    AlertPartner,
    Channel,
    ComplianceInterval,
    Endpoint,
    Nexthop,
    RelayGroup,
    User,
    VerdictRow,
)
from tests.actions.facts import seen
from tests.actions.people import approver, editor
from tests.actions.watched import NOON, ask_dns, not_measured, publish, see, watched
from tests.kit.ca import root_ca, self_signed

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEP = timedelta(hours=29, minutes=7)


@pytest.fixture
def estate() -> list[int]:
    """Five nexthops of which time alone will change what is judged: each at its own moments."""
    eda = editor()
    long = {"not_before": NOON - 60 * DAY, "not_after": NOON + 300 * DAY}
    root = root_ca("Root", not_before=NOON - 60 * DAY, not_after=NOON + 33 * DAY)
    weak = root.intermediate("Between", not_before=NOON - 60 * DAY, not_after=NOON + 13 * DAY)
    pinned = self_signed("mx.pinned.example", not_before=NOON - 60 * DAY, not_after=NOON + 9 * DAY)
    shown = {
        "leaf.example": root.leaf("mx.leaf.example", not_before=NOON - 60 * DAY, not_after=NOON + 21 * DAY),
        "between.example": weak.leaf("mx.between.example", **long),
        "early.example": root.leaf("mx.early.example", not_before=NOON + 3 * DAY, not_after=NOON + 300 * DAY),
        "pinned.example": pinned,
        "lost.example": root.leaf("mx.lost.example", **long),
    }
    lines = ""
    for number, (key, leaf) in enumerate(shown.items(), start=1):
        level = "fingerprint" if key.startswith("pinned") else "secure"
        match = pinned.cert_fingerprint() if level == "fingerprint" else f"mx.{key}"
        watched(key, by=eda, agreed="pin" if level == "fingerprint" else "ca-and-name", level=level, match=match)
        lines += f"{key}\t{level} match={match}\n"
        seen(key, leaf, at=NOON, address=f"192.0.2.{number}")
    Endpoint.objects.filter(address__address="192.0.2.5").update(not_measured="connect-timeout", tried_at=NOON + MINUTE)
    ensure_group(now=NOON - DAY)
    RelayGroup.objects.update(ca_pem=root.pem)
    publish(lines, by=eda)
    return list(Nexthop.objects.values_list("pk", flat=True))


@pytest.fixture
def nexthop() -> Nexthop:
    """example.com, pinned, judged at noon."""
    eda = editor()
    row = watched(by=eda, agreed="pin", level="fingerprint")
    leaf = self_signed("mx.example.com", not_after=NOON + 400 * DAY)
    publish(f"example.com\tfingerprint match={leaf.cert_fingerprint()}\n", by=eda)
    ask_dns(row)
    see(leaf)
    return row


def judged() -> list[object]:
    """All that judging says."""
    verdicts = VerdictRow.objects.order_by("nexthop").values_list("nexthop", "delivery", "tls_status", "reasons")
    states = ComplianceInterval.objects.filter(valid_to=None).order_by("channel")
    parts = AlertPartner.objects.filter(closed_at=None, calm_since=None).order_by("partner", "cause")
    return [
        *verdicts,
        *states.values_list("channel", "state", "cause", "where", "unknown_since"),
        *parts.values_list("partner", "cause"),
        *Alert.objects.filter(closed_at=None).order_by("pk").values_list("cause", "severity", "breaks_at"),
    ]


def judged_anew(pks: list[int], now: datetime) -> list[object]:
    """What judging everything would say at *now*; nothing of it is kept."""
    with transaction.atomic():
        judge_nexthops(pks, now=now)
        found = judged()
        transaction.set_rollback(True)
    return found


def test_nothing_that_is_due_is_missed(estate: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Through 40 days without a new fact, what stands is at each moment what judging all would say."""
    monkeypatch.setattr("partners.actions.judging.JUDGED_MAX_AGE", 400 * DAY)
    judge_nexthops(estate, now=NOON)
    assert {row.delivery for row in VerdictRow.objects.all()} == {"deliver", "defer", "unknown"}

    total, said = 0, set()
    for step in range(1, 34):
        now = NOON + step * STEP
        total += judge_due(99, now=now)
        assert judged() == judged_anew(estate, now), now
        said.add(str(judged()))

    assert len(said) >= 5
    assert total <= 40  # of 165


@pytest.mark.parametrize("days", [3, 9, 13, 21, 33])
def test_to_the_second(estate: list[int], days: int) -> None:
    """A certificate counts from notBefore on and through notAfter, and is judged at that second."""
    moment = NOON + days * DAY
    judge_nexthops(estate, now=moment - HOUR)

    for now in (moment - timedelta(seconds=1), moment, moment + timedelta(seconds=1)):
        judge_due(99, now=now)
        assert judged() == judged_anew(estate, now)


def test_what_holds_is_left_alone(nexthop: Nexthop) -> None:
    """Nothing of it ends soon: it is judged by the day, in case that something was not said."""
    assert judge_due(9, now=NOON + HOUR) == 0
    assert judge_due(9, now=NOON + JUDGED_MAX_AGE) == 1


class TestSaid:
    def test_a_proposal_and_its_refusal(self, nexthop: Nexthop) -> None:
        """Whether a successor is announced decides over an alarm."""
        eda = User.objects.get(email="eda@house.example")
        pin = submit(nexthop.channel, self_signed("mx.example.com").pem, by=eda, now=NOON + MINUTE)
        assert judge_due(9, now=NOON + 2 * MINUTE) == 1

        refuse_pin(pin, by=approver(), now=NOON + 3 * MINUTE, word="not ours")
        assert judge_due(9, now=NOON + 4 * MINUTE) == 1
        assert judge_due(9, now=NOON + 5 * MINUTE) == 0

    def test_a_warning_time(self, nexthop: Nexthop) -> None:
        """A longer warning may be due now."""
        eda = User.objects.get(email="eda@house.example")
        set_notices(nexthop.channel.partner, contacts_told=False, warn_percent=90, by=eda, now=NOON + MINUTE)

        assert judge_due(9, now=NOON + 2 * MINUTE) == 1

    def test_a_worker_that_dies_before_it_judges(self, nexthop: Nexthop, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it recorded is judged at the next tick."""
        (claim,) = claim_addresses(1, now=NOON + 2 * HOUR)
        monkeypatch.setattr("partners.actions.probing.judge_nexthops", lambda *_given, **_named: None)
        record_peers([not_measured(claim, NotMeasuredCause.CONNECT_TIMEOUT, at=NOON + 2 * HOUR)], now=NOON + 2 * HOUR)

        assert judge_due(9, now=NOON + 2 * HOUR) == 1
        assert ComplianceInterval.objects.get(valid_to=None).unknown_since is not None

    def test_a_mark_that_comes_meanwhile(self, nexthop: Nexthop, monkeypatch: pytest.MonkeyPatch) -> None:
        """A decision between reading and writing is judged as well, by the same worker."""
        eda = User.objects.get(email="eda@house.example")
        real, turns = judge_nexthops.__globals__["accepted_pins"], []

        def slow(rows: object) -> object:
            pins = real(rows)
            if not turns:
                submit(nexthop.channel, self_signed("mx.example.com").pem, by=eda, now=NOON + MINUTE)
            turns.append(rows)
            return pins

        monkeypatch.setattr("partners.actions.judging.accepted_pins", slow)
        judge_nexthops([nexthop.pk], now=NOON + MINUTE)

        assert len(turns) == 2

    def test_an_address_that_is_set_aside(self, nexthop: Nexthop) -> None:
        """Nothing is known of it from now on."""
        address = Address.objects.get()
        set_aside(address, now=NOON + MINUTE)

        assert judge_due(9, now=NOON + 2 * MINUTE) == 1


def first_of(queries: CaptureQueriesContext, start: str) -> int:
    """Return the place of the first statement that begins so."""
    return next(place for place, one in enumerate(queries) if one["sql"].startswith(start))


def test_a_release_takes_the_rows_in_the_order_of_the_judge() -> None:
    """Verdicts, then pins, standings, and the trail at last: else PostgreSQL ends one of the two as a deadlock."""
    eda = editor()
    approver("ann")
    ensure_group(now=NOON)
    leaf = self_signed("mx.acme.example")
    change = add_partner("Acme", "acme.example", "encrypt", "encrypted", by=eda, now=NOON)
    seen("acme.example", leaf, at=NOON)
    releases.publish(releases.cut([change], by=eda, now=NOON), by=eda, now=NOON)
    judge_nexthops([Nexthop.objects.get().pk], now=NOON)
    row = Channel.objects.get()
    pin = {"level": "fingerprint", "match": leaf.cert_fingerprint("sha256")}
    candidate = releases.cut([edit_channel(row, pin, version=row.version, by=eda, now=NOON)], by=eda, now=NOON)

    with CaptureQueriesContext(connection) as queries:
        releases.publish(candidate, by=eda, now=NOON)
    order = [
        'UPDATE "partners_verdictrow"',
        'UPDATE "partners_pin"',
        'SELECT "partners_standing"',
        'INSERT INTO "partners_auditentry"',
    ]
    places = [first_of(queries, start) for start in order]
    assert places == sorted(places)
