"""Compliance: as agreed or not, and what moves it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from partners.core.compliance import Compliance, State, assess
from partners.core.levels import Protection, SecurityLevel
from partners.core.outcome import Delivery, HostOutcome, TlsStatus, Verdict
from partners.core.reasons import Reason

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
LEVEL, STATUS = SecurityLevel, TlsStatus


def row(level: SecurityLevel = LEVEL.SECURE, status: TlsStatus = STATUS.VERIFIED, **odd: object) -> HostOutcome:
    good = HostOutcome(
        "mx.example.com", 10, "192.0.2.1", 25, Delivery.DELIVER, status, level, "2.0.0", "", (),
        plaintext=status is STATUS.NONE,
    )  # fmt: skip
    return replace(good, **odd)  # type: ignore[arg-type]


def verdict(*rows: HostOutcome, **odd: object) -> Verdict:
    first = (rows or (row(),))[0]
    good = Verdict(
        "example.com", "example.com", first.effective, Delivery.DELIVER, first.tls_status, first.plaintext, "2.0.0", "", (),
        rows or (first,), first,
    )  # fmt: skip
    return replace(good, **odd)  # type: ignore[arg-type]


UNSEEN = row(delivery=Delivery.UNKNOWN, tls_status=STATUS.NONE, reasons=("not-measured",))
STOPPED = verdict(delivery=Delivery.DEFER, reasons=("certificate-expired",))
BLIND = verdict(UNSEEN, delivery=Delivery.UNKNOWN, unknown="connect-timeout", host=None)


def state(agreed: Protection, *verdicts: Verdict, rolling: bool = False) -> State:
    return assess(agreed, verdicts, None, NOON, is_rolling=rolling)[0].state


@pytest.mark.parametrize(
    ("agreed", "seen", "expected"),
    [
        pytest.param(Protection.CA_NAME, row(), State.COMPLIANT, id="as-agreed"),
        pytest.param(Protection.ENCRYPTED, row(), State.COMPLIANT, id="more-than-agreed"),
        pytest.param(Protection.NONE, row(LEVEL.MAY, STATUS.NONE), State.COMPLIANT, id="nothing-agreed"),
        pytest.param(
            Protection.ENCRYPTED, row(LEVEL.ENCRYPT, STATUS.ANONYMOUS), State.COMPLIANT, id="encrypt-anonymous"
        ),
        pytest.param(Protection.ENCRYPTED, row(LEVEL.MAY, STATUS.TRUSTED), State.WEAKER, id="may-is-strippable"),
        pytest.param(
            Protection.CA_NAME, row(LEVEL.ENCRYPT, STATUS.TRUSTED), State.WEAKER, id="trusted-is-not-verified"
        ),
        pytest.param(Protection.PIN, row(LEVEL.SECURE), State.WEAKER, id="ca-does-not-replace-a-pin"),
        pytest.param(Protection.PIN, row(LEVEL.FINGERPRINT), State.COMPLIANT, id="pin"),
        pytest.param(Protection.DANE, row(LEVEL.DANE), State.COMPLIANT, id="dane"),
        pytest.param(Protection.DANE, row(LEVEL.DANE, STATUS.TRUSTED), State.WEAKER, id="half-dane"),
    ],
)
def test_protection_against_what_was_agreed(agreed: Protection, seen: HostOutcome, expected: State) -> None:
    """Mail flows; whether that is as agreed depends on the protection alone."""
    assert state(agreed, verdict(seen)) is expected


class TestWorstCounts:
    def test_stopped_mail_is_violated(self) -> None:
        """One relay group that defers is enough, and the cause is told."""
        found, move = assess(Protection.CA_NAME, (verdict(), STOPPED), None, NOON)

        assert (found.state, found.cause, move is not None) == (State.VIOLATED, "certificate-expired", True)

    def test_backup_host_below_agreed_is_weaker(self) -> None:
        """Every host that may be used counts, not the first alone."""
        assert state(Protection.CA_NAME, verdict(row(), row(LEVEL.DANE, STATUS.NONE, preference=20))) is State.WEAKER

    def test_backup_host_that_refuses_is_no_leak(self) -> None:
        """A host that is not verified gets no mail; the other one takes it."""
        assert state(Protection.CA_NAME, verdict(row(), row(delivery=Delivery.DEFER))) is State.COMPLIANT

    def test_lowered_entry_does_not_turn_red_into_green(self) -> None:
        """An entry relaxed to may delivers, and is shown as weaker."""
        red, _move = assess(Protection.CA_NAME, (STOPPED,), None, NOON)
        after, move = assess(Protection.CA_NAME, (verdict(row(LEVEL.MAY, STATUS.UNTRUSTED)),), red, LATER)

        assert after.state is State.WEAKER
        assert move is not None
        assert (move.before, move.after) == (State.VIOLATED, State.WEAKER)

    def test_two_pins_on_one_host_are_rolling(self) -> None:
        """While the partner renews, both certificates are seen."""
        rows = [row(LEVEL.FINGERPRINT, pin_seen=pin) for pin in ("AA", "BB")]

        assert state(Protection.PIN, verdict(*rows)) is State.ROLLING
        assert state(Protection.PIN, verdict(*(replace(one, mx_host=one.pin_seen) for one in rows))) is State.COMPLIANT
        assert state(Protection.PIN, verdict(rows[0]), rolling=True) is State.ROLLING


class TestHysteresis:
    GOOD = assess(Protection.CA_NAME, (verdict(),), None, NOON)[0]

    @pytest.mark.parametrize("seen", [BLIND, verdict(row(), UNSEEN)], ids=["nothing-seen", "backup-not-seen"])
    def test_unknown_keeps_the_state(self, seen: Verdict) -> None:
        """Missing facts make a state old, not bad."""
        after, move = assess(Protection.CA_NAME, (seen,), self.GOOD, LATER)

        assert (after.state, after.since, after.unknown_since, after.known_at) == (State.COMPLIANT, NOON, LATER, NOON)
        assert move is None

    def test_unknown_keeps_red_too(self) -> None:
        """A time-out mends nothing."""
        red, _move = assess(Protection.CA_NAME, (STOPPED,), None, NOON)

        assert assess(Protection.CA_NAME, (BLIND,), red, LATER)[0].state is State.VIOLATED

    def test_unknown_since_stays_the_first_moment(self) -> None:
        """A second time-out does not make the gap look shorter."""
        once, _move = assess(Protection.CA_NAME, (BLIND,), self.GOOD, NOON)

        assert assess(Protection.CA_NAME, (BLIND,), once, LATER)[0].unknown_since == NOON

    def test_pending_has_a_cause(self) -> None:
        """No release holds the entry; an older row that did not say so is told, and its state does not move."""
        first, _move = assess(Protection.CA_NAME, (), None, NOON)
        after, move = assess(Protection.CA_NAME, (), replace(first, cause=""), LATER)

        assert (first.cause, after.cause) == (Reason.NOT_RELEASED, Reason.NOT_RELEASED)
        assert (after.since, move) == (NOON, None)

    def test_fact_ends_the_gap_without_a_move(self) -> None:
        """The state was right all along."""
        gap, _move = assess(Protection.CA_NAME, (BLIND,), self.GOOD, NOON)
        after, move = assess(Protection.CA_NAME, (verdict(),), gap, LATER)

        assert (after.unknown_since, after.known_at, after.since, move) == (None, LATER, NOON, None)

    def test_bad_fact_beside_unknown_counts(self) -> None:
        """Unknown hides nothing that is known."""
        assert state(Protection.CA_NAME, BLIND, STOPPED) is State.VIOLATED

    def test_never_known_is_unknown(self) -> None:
        """Without any fact ever the state is unknown, and before any verdict pending."""
        pending, _move = assess(Protection.CA_NAME, (), None, NOON)
        after, move = assess(Protection.CA_NAME, (BLIND,), pending, LATER)

        assert (pending.state, after.state) == (State.PENDING, State.UNKNOWN)
        assert move is not None
        assert assess(Protection.CA_NAME, (BLIND,), after, LATER)[1] is None

    def test_same_state_does_not_move(self) -> None:
        """A repeated fact renews known_at alone."""
        after, move = assess(Protection.CA_NAME, (verdict(),), self.GOOD, LATER)

        assert after == Compliance(State.COMPLIANT, NOON, last_known=State.COMPLIANT, known_at=LATER)
        assert move is None
