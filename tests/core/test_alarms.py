"""From state and certificate ends to alarms."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from partners.core.alarms import (
    ENDS_SOON,
    PIN_ENDS,
    UNKNOWN_LONG,
    WARN_LONGEST,
    End,
    Severity,
    alarms_of,
    breaking_end,
    ends_near,
    warning_time,
)
from partners.core.compliance import Compliance, State
from partners.core.levels import SecurityLevel
from partners.core.outcome import Delivery, HostOutcome, TlsStatus, Verdict
from partners.core.reasons import Reason

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOST = HostOutcome(
    "mx.example.com", 10, "192.0.2.1", 25, Delivery.DEFER, TlsStatus.UNTRUSTED, SecurityLevel.FINGERPRINT, "4.7.5",
    "", (Reason.FINGERPRINT_MISMATCH,),
)  # fmt: skip
VERDICT = Verdict(
    "example.com", "example.com", SecurityLevel.FINGERPRINT, Delivery.DEFER, TlsStatus.UNTRUSTED, False, "4.7.5", "",
    (Reason.FINGERPRINT_MISMATCH,), (HOST,), HOST,
)  # fmt: skip
VIOLATED = Compliance(State.VIOLATED, NOON, Reason.FINGERPRINT_MISMATCH, HOST.where)
COMPLIANT = Compliance(State.COMPLIANT, NOON - DAY)


def end(days: float, lifetime: float, place: str = "192.0.2.1:25") -> End:
    return End(NOON + timedelta(days=days), timedelta(days=lifetime), place=place)


class TestState:
    def test_mail_waits_now(self):
        """Violated is the worst, with its cause, and the address that others may share."""
        (alarm,) = alarms_of(VIOLATED, [VERDICT], NOON)

        assert (alarm.severity, alarm.cause) == (Severity.STOPPED, "fingerprint-mismatch")
        assert (alarm.place, alarm.where) == ("192.0.2.1:25", "mx.example.com[192.0.2.1]:25")

    @pytest.mark.parametrize("state", [State.COMPLIANT, State.ROLLING, State.PENDING])
    def test_nothing_to_tell(self, state):
        """As agreed, rolling and not judged yet are no alarm."""
        assert alarms_of(Compliance(state, NOON), [], NOON) == ()

    def test_our_own_fault_is_shared_by_nobody(self):
        """An entry that is too weak concerns one channel, wherever its mail goes."""
        weaker = Compliance(State.WEAKER, NOON, Reason.BELOW_AGREED, HOST.where)

        (alarm,) = alarms_of(weaker, [VERDICT], NOON)

        assert (alarm.severity, alarm.place) == (Severity.WEAKER, "")

    def test_a_nexthop_is_no_place(self):
        """A name that does not exist is nobody else's."""
        gone = Compliance(State.VIOLATED, NOON, Reason.NO_SUCH_DOMAIN, "example.com")

        assert alarms_of(gone, [VERDICT], NOON)[0].place == ""

    @pytest.mark.parametrize(("age", "told"), [(UNKNOWN_LONG - HOUR, 0), (UNKNOWN_LONG, 1)])
    def test_unknown_too_long(self, age, told):
        """Facts that are missing are told once they are missing for long; the state itself stays what it was."""
        state = replace(COMPLIANT, unknown_since=NOON - age, cause="timeout")

        assert [(one.cause, one.severity) for one in alarms_of(state, [], NOON)] == [
            (Reason.NOT_MEASURED, Severity.UNKNOWN)
        ] * told

    def test_violated_and_not_seen_since(self):
        """Both are told: mail waits, and nobody could look whether it still does."""
        state = replace(VIOLATED, unknown_since=NOON - DAY)

        assert {one.severity for one in alarms_of(state, [VERDICT], NOON)} == {Severity.STOPPED, Severity.UNKNOWN}


class TestEnds:
    @pytest.mark.parametrize(
        ("lifetime", "quiet", "loud"),
        [pytest.param(47, 8, 7, id="47-days"), pytest.param(90, 14, 13, id="90-days"), pytest.param(6, 1, 0.8, id="6")],
    )
    def test_a_share_of_the_lifetime(self, lifetime, quiet, loud):
        """A short-lived certificate is no alarm all its life: a client renews at a third of what is left."""
        assert ends_near([end(quiet, lifetime)], NOON) == []
        assert ends_near([end(loud, lifetime)], NOON) == [end(loud, lifetime)]
        assert warning_time(timedelta(days=lifetime)) < timedelta(days=lifetime) / 3

    def test_a_long_one_warns_a_month_before(self):
        """Of ten years, fifteen percent would be an alarm for eighteen months."""
        assert warning_time(timedelta(days=3650)) == WARN_LONGEST

    def test_a_share_per_partner(self):
        """A partner that is slow is warned sooner."""
        assert ends_near([end(40, 90)], NOON, share=0.3) == []
        assert ends_near([end(26, 90)], NOON, share=0.3) == [end(26, 90)]

    def test_what_is_over_is_no_end_ahead(self):
        """A cross-signed root that ended long ago is the judge's matter."""
        assert ends_near([end(-1, 90)], NOON) == []

    def test_the_judge_says_which_end_matters(self):
        """The first end after which mail would not flow any more, asked once a moment."""
        asked = []

        def flows_at(moment):
            asked.append(moment)
            return moment < NOON + 3 * DAY

        ends = [end(1, 90), end(1, 90, "192.0.2.2:25"), end(5, 90)]

        assert breaking_end(ends, flows_at) == end(5, 90)
        assert len(asked) == 2

    def test_a_pin_looks_at_no_date(self):
        """Where the judge lets mail flow after every end, none of them stops it."""
        assert breaking_end([end(1, 90)], lambda _moment: True) is None

    def test_will_be_deferred(self):
        """The alarm says when."""
        (alarm,) = alarms_of(COMPLIANT, [], NOON, breaks=end(5, 90))

        assert (alarm.cause, alarm.severity, alarm.breaks_at) == (ENDS_SOON, Severity.BREAKS_SOON, NOON + 5 * DAY)

    def test_a_pinned_certificate_ends(self):
        """Nothing breaks by the date, but no successor is announced; while one rolls in, nobody is told."""
        assert alarms_of(COMPLIANT, [], NOON, pin=end(5, 90))[0].cause == PIN_ENDS
        assert alarms_of(Compliance(State.ROLLING, NOON), [], NOON, pin=end(5, 90)) == ()

    def test_what_stopped_is_not_told_to_stop(self):
        """A violated channel has one alarm, not two."""
        assert len(alarms_of(VIOLATED, [VERDICT], NOON, breaks=end(5, 90))) == 1
