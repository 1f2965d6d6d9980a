"""From a move to an alert: one for each cause and place, one a day for each partner, none that flaps."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.actions.alerts import acknowledge, close_calm, escalate_due, snooze
from partners.actions.judging import judge_nexthops
from partners.actions.leases import claim_addresses
from partners.actions.notices import SETTLE, claim_deliveries, record_failed, record_sent, retry_wait
from partners.actions.probing import record_peers
from partners.core.alarms import ESCALATE_AFTER, STEADY, UNKNOWN_LONG, Severity
from partners.core.errors import ActionRefused, NotAllowed, StaleRefused
from partners.core.observation import NotMeasuredCause
from partners.models import (
    Alert,
    AlertDelivery,
    AlertPartner,
    AuditEntry,
    Contact,
    Nexthop,
    NoticeTarget,
    PartnerNotices,
    RelayGroup,
)
from tests.actions.people import channel, editor, person
from tests.actions.watched import NOON, ask_dns, not_measured, publish, see, watched
from tests.kit.ca import root_ca, self_signed

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEAF, OTHER = self_signed("mx.example.com"), self_signed("mx.example.com")
KIND = AlertDelivery.Kind


def line(leaf, key="example.com"):
    return f"{key}\tfingerprint match={leaf.cert_fingerprint()}\n"


def target(address="team@house.example", **fields):
    return NoticeTarget.objects.create(
        via="mail", address=address, added_by=editor(address[:5]), added_at=NOON, **fields
    )


def sent(now):
    """Deliver all that is due, and return it as (kind, address)."""
    claims = claim_deliveries(99, now=now)
    for claim in claims:
        record_sent(claim, now=now)
    return sorted((claim.delivery.kind, claim.delivery.address) for claim in claims)


@pytest.fixture
def house():
    return target()


@pytest.fixture
def nexthop(house):
    """A nexthop with LEAF pinned in the map, seen as agreed."""
    eda = editor()
    row = watched(by=eda)
    publish(line(LEAF), by=eda)
    ask_dns(row)
    see(LEAF)
    return row


class TestOneAlert:
    def test_a_renewal_without_notice_is_told_once(self, nexthop):
        """One alert at the first cycle; the second cycle adds nothing."""
        see(OTHER, at=NOON + 2 * HOUR)
        see(OTHER, at=NOON + 4 * HOUR)

        alert = Alert.objects.get()
        assert (alert.cause, alert.severity) == ("fingerprint-mismatch", Severity.STOPPED)
        assert [part.partner_id for part in alert.parts.all()] == [nexthop.channel.partner_id]
        assert list(AlertPartner.objects.get().channels.all()) == [nexthop.channel]
        assert sent(NOON + 5 * HOUR) == [("raised", "team@house.example")]
        assert sent(NOON + 6 * HOUR) == []

    def test_as_agreed_is_no_alert(self, nexthop):
        """Nothing is written where all is well."""
        assert not Alert.objects.exists()

    def test_it_stands_in_the_transaction_of_the_move(self, nexthop, monkeypatch):
        """Without the alert there is no move: what fails is judged again as a whole."""

        def breaks(*_args, **_kwargs):
            raise RuntimeError("disk full")

        monkeypatch.setattr("partners.actions.judging.note_alarms", breaks)
        with pytest.raises(RuntimeError):
            see(OTHER, at=NOON + 2 * HOUR)

        assert nexthop.channel.intervals.get(valid_to=None).state == "compliant"

    def test_two_channels_of_one_partner(self, nexthop):
        """At most one per partner, cause and day: the second channel joins, and it ends when both are good."""
        second = Nexthop.objects.get(channel=channel(nexthop.channel.partner, "second.example", by=editor("ed2")))
        publish(line(LEAF) + line(LEAF, "second.example"), by=editor("ed3"), number=2)
        Nexthop.objects.filter(pk=second.pk).update(due_at=NOON)
        ask_dns(second, "192.0.2.9")
        see(OTHER, at=NOON + 2 * HOUR)
        see(OTHER, at=NOON + 2 * HOUR)

        assert AlertPartner.objects.get().channels.count() == 2
        see(LEAF, at=NOON + 4 * HOUR)
        assert AlertPartner.objects.get().calm_since is None
        see(LEAF, at=NOON + 4 * HOUR)
        assert AlertPartner.objects.get().calm_since == NOON + 4 * HOUR


class TestSharedPlace:
    @pytest.fixture
    def forty(self, house):
        """Forty partners whose mail goes to one address of one provider."""
        eda = editor()
        rows = [watched(f"p{number}.example", by=eda) for number in range(40)]
        publish("".join(line(LEAF, row.key) for row in rows), by=eda)
        for row in rows:
            ask_dns(row)
        see(LEAF)
        return rows

    def test_forty_partners_are_one_finding(self, forty):
        """One alert with forty partners, told in one message."""
        see(OTHER, at=NOON + 2 * HOUR)

        assert Alert.objects.get().place == "192.0.2.1:25"
        assert AlertPartner.objects.count() == 40
        assert sent(NOON + 3 * HOUR) == [("raised", "team@house.example")]

    def test_one_that_comes_later_joins(self, forty):
        """A partner that is added to the place later is told as one more, once an hour at most."""
        see(OTHER, at=NOON + 2 * HOUR)
        sent(NOON + 3 * HOUR)
        late = watched("late.example")
        publish(line(LEAF, "late.example") + "".join(line(LEAF, row.key) for row in forty), by=editor("e9"), number=2)
        ask_dns(late, at=NOON + 4 * HOUR)

        assert Alert.objects.get().parts.count() == 41
        assert sent(NOON + 5 * HOUR) == [("more", "team@house.example")]

    def test_the_last_one_ends_it(self, forty):
        """The alert is over when it is over for all of them."""
        see(OTHER, at=NOON + 2 * HOUR)
        sent(NOON + 3 * HOUR)
        see(LEAF, at=NOON + 4 * HOUR)

        assert close_calm(now=NOON + 4 * HOUR + STEADY) == 40
        assert Alert.objects.get().closed_at is not None
        assert sent(NOON + 9 * HOUR) == [("recovered", "team@house.example")]


class TestNeverFlaps:
    def test_certificates_that_alternate(self, nexthop):
        """Old and new certificate by turns: one alert, one message, and no recovery until it is steady."""
        told = []
        for turn in range(1, 9):
            now = NOON + turn * timedelta(minutes=70)  # later than the longest round
            see(OTHER if turn % 2 else LEAF, at=now)
            close_calm(now=now)
            told += sent(now + 2 * SETTLE)

        assert Alert.objects.count() == 1
        assert told == [("raised", "team@house.example")]

    def test_recovery_is_told_once_it_is_steady(self, nexthop):
        """Longer than a round, so that every address was looked at once more."""
        see(OTHER, at=NOON + 2 * HOUR)
        sent(NOON + 3 * HOUR)
        see(LEAF, at=NOON + 4 * HOUR)

        assert close_calm(now=NOON + 5 * HOUR) == 0
        assert close_calm(now=NOON + 4 * HOUR + STEADY) == 1
        assert sent(NOON + 6 * HOUR) == [("recovered", "team@house.example")]

    def test_what_comes_back_the_same_day_is_the_same_alert(self, nexthop):
        """At most one a day; who was told that it is over is told that it came back."""
        see(OTHER, at=NOON + HOUR * 1.2)
        sent(NOON + 2 * HOUR)
        see(LEAF, at=NOON + HOUR * 2.5)
        close_calm(now=NOON + 4 * HOUR)
        sent(NOON + 5 * HOUR)
        see(OTHER, at=NOON + 6 * HOUR)

        alert = Alert.objects.get()
        assert (alert.closed_at, AlertPartner.objects.get().returned_at) == (None, NOON + 6 * HOUR)
        assert sent(NOON + 7 * HOUR) == [("returned", "team@house.example")]

    def test_the_next_day_is_another_alert(self, nexthop):
        """What ended yesterday and is seen again today is told anew."""
        see(OTHER, at=NOON + 2 * HOUR)
        see(LEAF, at=NOON + 4 * HOUR)
        close_calm(now=NOON + 6 * HOUR)
        see(OTHER, at=NOON + DAY)

        assert Alert.objects.count() == 2
        assert Alert.objects.filter(closed_at=None).count() == 1

    def test_what_nobody_can_see_is_no_recovery(self, nexthop):
        """A time-out ends no alert: only a fact does."""
        see(OTHER, at=NOON + 2 * HOUR)
        later = NOON + 4 * HOUR
        (claim,) = claim_addresses(1, now=later)
        record_peers([not_measured(claim, NotMeasuredCause.TIMEOUT, at=later)], now=later)

        assert AlertPartner.objects.get(cause="fingerprint-mismatch").calm_since is None

    def test_unknown_for_too_long(self, nexthop):
        """Not at once; after hours it is told as unknown, never as violated."""
        (claim,) = claim_addresses(1, now=NOON + 2 * HOUR)
        record_peers([not_measured(claim, NotMeasuredCause.TIMEOUT, at=NOON + 2 * HOUR)], now=NOON + 2 * HOUR)
        assert not Alert.objects.exists()

        judge_nexthops([nexthop.pk], now=NOON + 2 * HOUR + UNKNOWN_LONG)
        assert (Alert.objects.get().cause, Alert.objects.get().severity) == ("not-measured", Severity.UNKNOWN)


class TestEnds:
    @pytest.fixture
    def authority(self):
        return root_ca(not_before=NOON - 900 * DAY, not_after=NOON + 900 * DAY)

    def secure(self, leaf, authority, *, warn_percent=None):
        """A channel that rests on a public CA, and shows *leaf* since yesterday."""
        eda = editor()
        row = watched(by=eda, level="secure", agreed="ca-and-name", match="mx.example.com")
        publish("example.com\tsecure match=mx.example.com\n", by=eda)
        group = RelayGroup.objects.get()
        group.ca_pem = authority.pem
        group.save()
        if warn_percent:
            PartnerNotices.objects.create(
                partner=row.channel.partner, warn_percent=warn_percent, changed_by=eda, changed_at=NOON
            )
        ask_dns(row)
        see(leaf)
        return row

    @pytest.mark.parametrize(
        ("days_left", "warn_percent", "told"),
        [
            pytest.param(8, None, 0, id="47-days-are-quiet"),
            pytest.param(6, None, 1, id="near-its-end"),
            pytest.param(8, 25, 1, id="this-partner-is-warned-sooner"),
        ],
    )
    def test_a_certificate_that_ends(self, authority, days_left, warn_percent, told):
        """By a share of its lifetime, per partner: will be deferred, and when."""
        end = NOON + days_left * DAY
        leaf = authority.leaf("mx.example.com", not_before=end - 47 * DAY, not_after=end)
        self.secure(leaf, authority, warn_percent=warn_percent)

        found = [(one.cause, one.severity, one.breaks_at) for one in Alert.objects.all()]
        assert found == [("certificate-ends", Severity.BREAKS_SOON, end)] * told

    def test_a_pinned_certificate_that_ends(self, house):
        """Postfix looks at no date there; told is that no successor is announced."""
        end = NOON + 3 * DAY
        leaf = self_signed("mx.example.com", not_before=end - 90 * DAY, not_after=end)
        eda = editor()
        row = watched(by=eda)
        publish(line(leaf), by=eda)
        ask_dns(row)
        see(leaf)

        assert Alert.objects.get().cause == "pinned-certificate-ends"


class TestPersons:
    @pytest.fixture
    def alert(self, nexthop):
        target("boss@house.example", only_escalated=True)
        see(OTHER, at=NOON + 2 * HOUR)
        sent(NOON + 2 * HOUR + SETTLE)
        return Alert.objects.get()

    def test_nobody_looks_after_it(self, alert):
        """After an hour it is told once more, also to those who are told that alone; then never again."""
        late = alert.opened_at + ESCALATE_AFTER[Severity.STOPPED]
        assert escalate_due(now=late - SETTLE) == 0
        assert escalate_due(now=late) == 1
        assert escalate_due(now=late + DAY) == 0

        assert sent(late + SETTLE) == [("escalated", "boss@house.example"), ("escalated", "team@house.example")]

    def test_acknowledged(self, alert):
        """Somebody looks after it: no reminder, one audit entry; a second person is told who came first."""
        eda = editor("e7")
        acknowledge(alert, by=eda, now=NOON + 3 * HOUR, word="I phone them")

        assert escalate_due(now=NOON + 9 * DAY) == 0
        assert AuditEntry.objects.get(act="alert.acknowledged").by == eda
        with pytest.raises(StaleRefused):
            acknowledge(alert, by=eda, now=NOON + 3 * HOUR)

    def test_snoozed(self, alert):
        """It rests until a moment, whoever looked after it; if it is open then, it is told once more."""
        acknowledge(alert, by=editor("e7"), now=NOON + 3 * HOUR)
        snooze(alert, NOON + 3 * DAY, by=editor("e8"), now=NOON + 3 * HOUR)

        assert escalate_due(now=NOON + 2 * DAY) == 0
        assert escalate_due(now=NOON + 3 * DAY) == 1

    @pytest.mark.parametrize("until", [NOON - HOUR, NOON + 365 * DAY])
    def test_no_rest_for_ever(self, alert, until):
        """A day that is past, or further than three months, is refused with the cure."""
        with pytest.raises(ActionRefused, match="90 days"):
            snooze(alert, until, by=editor("e8"), now=NOON)

    def test_management_only_reads(self, alert):
        """Acknowledging is the mail team's."""
        with pytest.raises(NotAllowed):
            acknowledge(alert, by=person("max"), now=NOON)


class TestPartnersContacts:
    @pytest.fixture
    def told(self, nexthop):
        partner = nexthop.channel.partner
        Contact.objects.create(partner=partner, name="Kim", email="kim@partner.example", language="de")
        PartnerNotices.objects.create(partner=partner, contacts_told=True, changed_by=editor("e5"), changed_at=NOON)

    def test_nobody_is_told_unless_switched_on(self, nexthop):
        """Without the mail team's word no partner hears anything."""
        Contact.objects.create(partner=nexthop.channel.partner, name="Kim", email="kim@partner.example")
        see(OTHER, at=NOON + 2 * HOUR)

        assert sent(NOON + 3 * HOUR) == [("raised", "team@house.example")]

    def test_own_contact_in_own_language(self, told):
        """Their contact is told, and that it is over."""
        see(OTHER, at=NOON + 2 * HOUR)
        assert ("raised", "kim@partner.example") in sent(NOON + 3 * HOUR)
        assert AlertDelivery.objects.get(address="kim@partner.example").language == "de"

        see(LEAF, at=NOON + 4 * HOUR)
        close_calm(now=NOON + 6 * HOUR)
        assert ("recovered", "kim@partner.example") in sent(NOON + 7 * HOUR)

    def test_our_own_fault_is_not_theirs(self, told, nexthop):
        """What only we can mend is told to nobody else."""
        publish("example.com\tfingerprint match=AB:CD\n", by=editor("e6"), number=2, at=NOON)
        judge_nexthops([nexthop.pk], now=NOON + HOUR)

        assert Alert.objects.exists()
        assert not AlertDelivery.objects.filter(address="kim@partner.example").exists()


class TestDeliveries:
    @pytest.fixture
    def claim(self, nexthop):
        see(OTHER, at=NOON + 2 * HOUR)
        (claim,) = claim_deliveries(9, now=NOON + 3 * HOUR)
        return claim

    def test_two_workers(self, claim):
        """What one worker has, no other takes; once its lease ended, another one does."""
        assert claim_deliveries(9, now=NOON + 4 * HOUR) == []
        AlertDelivery.objects.update(lease_until=timezone.now() - HOUR)
        assert len(claim_deliveries(9, now=NOON + 4 * HOUR)) == 1

        record_sent(claim, now=NOON + 4 * HOUR)  # too late: the row is the other one's
        assert AlertDelivery.objects.get().sent_at is None

    def test_back_off(self, claim):
        """What did not leave is tried again, later each time."""
        record_failed(claim, "connection\nrefused", permanent=False, now=NOON)

        row = AlertDelivery.objects.get()
        assert (row.fault, row.next_try_at) == ("connection refused", NOON + retry_wait(1))
        assert retry_wait(1) < retry_wait(2) < retry_wait(13) == retry_wait(14)

    def test_given_up(self, claim):
        """A permanent refusal is not tried again, and stays to be seen."""
        record_failed(claim, "550 no such user", permanent=True, now=NOON)

        assert claim_deliveries(9, now=NOON + 9 * DAY) == []
        assert AlertDelivery.objects.get().failed_at == NOON
