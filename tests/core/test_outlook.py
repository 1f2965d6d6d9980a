"""What comes of a change: mail that stops now, or on a day, or a level within reach; else nothing is said."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.core.levels import SecurityLevel
from partners.core.moved import What
from partners.core.outcome import Delivery
from partners.core.outlook import ENDS_WITHIN, Outlook, Prospect, Standing, outlook_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SOON, FAR = NOON + timedelta(days=20), NOON + ENDS_WITHIN + timedelta(days=1)
MAY, ENCRYPT, FINGERPRINT = SecurityLevel.MAY, SecurityLevel.ENCRYPT, SecurityLevel.FINGERPRINT
SECURE, DANE_ONLY = SecurityLevel.SECURE, SecurityLevel.DANE_ONLY
FLOWS, WAITS = Standing(Delivery.DELIVER, SECURE), Standing(Delivery.DEFER, SECURE)


def told(*moved: What, standing=(FLOWS,), level=SECURE, possible=()) -> Outlook | None:
    return outlook_of(moved, standing, level=level, possible=possible, now=NOON)


class TestStops:
    def test_a_renewal_that_is_not_pinned(self):
        """Mail would be deferred now, wherever one address of several is enough to say so."""
        assert told(What.LEAF, What.KEY, standing=(FLOWS, WAITS), level=FINGERPRINT) == Outlook(Prospect.DEFERRED)

    def test_a_bounce_is_worse(self):
        """What comes back to its sender is said first."""
        gone = Standing(Delivery.BOUNCE, SECURE)
        assert told(What.MX_SET, standing=(WAITS, gone)) == Outlook(Prospect.BOUNCED)

    @pytest.mark.parametrize("what", [What.NAME_SERVERS, What.MTA_STS, What.SECOND_LEAF, What.STARTTLS_GAINED])
    def test_not_by_what_postfix_does_not_look_at(self, what):
        """Mail that waits for another reason is not laid to it."""
        assert told(what, standing=(WAITS,)) is None

    def test_tlsa_stops_mail_at_dane_alone(self):
        """At any other level nobody looks at it."""
        assert told(What.TLSA, standing=(WAITS,), level=FINGERPRINT) is None
        assert told(What.TLSA, standing=(WAITS,), level=DANE_ONLY) == Outlook(Prospect.DEFERRED)

    def test_starttls_lost_at_may(self):
        """Mail flows, and anybody on the way may read it."""
        bare = Standing(Delivery.DELIVER, MAY, plaintext=True)
        assert told(What.STARTTLS_LOST, standing=(bare,), level=MAY) == Outlook(Prospect.PLAINTEXT)

    def test_unknown_is_no_outlook(self):
        """Only what the judge said is told."""
        assert told(What.LEAF, standing=(Standing(Delivery.UNKNOWN, SECURE),)) is None


class TestEnds:
    def test_first_end_of_all(self):
        """Where dates count, the certificate that came in says until when mail flows."""
        longer = Standing(Delivery.DELIVER, SECURE, ends=SOON + timedelta(days=9))
        ends = Standing(Delivery.DELIVER, SECURE, ends=SOON)
        assert told(What.LEAF, standing=(longer, ends)) == Outlook(Prospect.ENDS, at=SOON)

    @pytest.mark.parametrize(
        ("level", "at"), [(SECURE, FAR), (SECURE, NOON - timedelta(days=1)), (FINGERPRINT, SOON), (MAY, SOON)]
    )
    def test_not_far_off_nor_where_dates_do_not_count(self, level, at):
        """Postfix looks at no date of a pinned certificate."""
        assert told(What.LEAF, standing=(Standing(Delivery.DELIVER, level, ends=at),), level=FINGERPRINT) is None


class TestRaises:
    @pytest.mark.parametrize(
        ("level", "possible", "better"),
        [
            (MAY, (ENCRYPT, SECURE, DANE_ONLY), DANE_ONLY),
            (ENCRYPT, (ENCRYPT, SECURE), SECURE),
            (MAY, (ENCRYPT,), ENCRYPT),
            (SecurityLevel.NONE, (ENCRYPT,), ENCRYPT),
        ],
    )
    def test_to_the_best_that_every_address_would_take(self, level, possible, better):
        """By the judge, not by a look at the certificate."""
        assert told(What.TLSA, level=level, possible=possible) == Outlook(Prospect.RAISABLE, level=better)

    @pytest.mark.parametrize("level", [FINGERPRINT, SECURE, DANE_ONLY, SecurityLevel.VERIFY])
    def test_nothing_above_a_peer_that_must_match(self, level):
        """A pin is no less than dane; which one is kept is for people to say."""
        assert told(What.TLSA, level=level, possible=(ENCRYPT, SECURE, DANE_ONLY)) is None

    def test_only_by_a_change_that_brings_it_about(self):
        """An address that was added is no reason to speak of levels; encrypt is nothing above encrypt."""
        assert told(What.ADDRESSES, level=MAY, possible=(SECURE,)) is None
        assert told(What.TLSA, level=ENCRYPT, possible=(ENCRYPT,)) is None
