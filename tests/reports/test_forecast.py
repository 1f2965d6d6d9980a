"""What ends soon: whose certificate, when, and whether a successor is known."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.models import Channel, ComplianceInterval, Pin, VerdictRow
from partners.reports.agreements import Chosen
from partners.reports.compliance import compliance_report
from partners.reports.forecast import forecasts, with_names
from partners.reports.today import today
from tests.actions.people import NOON, editor, proposed
from tests.reports.world import agreement, certificate, shown

pytestmark = pytest.mark.django_db
MONTH = NOON + timedelta(days=30)


def in_days(days: int):
    return NOON + timedelta(days=days)


def test_the_first_end_comes_first():
    """A leaf that ends within the horizon is told; one that ends later is not."""
    team = editor()
    for number, (name, days) in enumerate((("Late", 60), ("Second", 20), ("First", 4)), start=1):
        row = agreement(name, "compliant", by=team, level="secure", agreed="ca-and-name")
        shown(row, f"192.0.2.{number}", certificate(number, not_after=in_days(days)))

    found = with_names(forecasts(now=NOON, until=MONTH))

    assert [(one.partner, one.at) for one in found] == [("First", in_days(4)), ("Second", in_days(20))]


def test_an_intermediate_that_ends_first_counts():
    """The chain breaks with its first certificate; a root that signs itself is not looked at."""
    row = agreement("Fjord", "compliant", by=editor(), level="secure", agreed="ca-and-name")
    root = certificate(3, not_after=in_days(1), subject="CN=Example CA")
    shown(row, "192.0.2.1", certificate(1, not_after=in_days(80)), certificate(2, not_after=in_days(9)), root)

    assert [one.at for one in forecasts(now=NOON, until=MONTH)] == [in_days(9)]


def test_one_address_of_two_is_no_break_yet():
    """Where another address shows a later certificate, a successor is known."""
    row = agreement("Fjord", "compliant", by=editor(), level="secure", agreed="ca-and-name")
    shown(row, "192.0.2.1", certificate(1, not_after=in_days(4)))
    shown(row, "192.0.2.2", certificate(2, not_after=in_days(200)))

    (found,) = forecasts(now=NOON, until=MONTH)

    assert (found.ending, found.of_all, found.under_way) == (1, 2, True)


def test_a_pin_has_a_successor_once_the_next_is_announced():
    """At fingerprint the partner's next certificate, announced or accepted, is the successor."""
    team = editor()
    row = agreement("Borealis", "compliant", by=team)
    shown(row, "192.0.2.1", certificate(1, not_after=in_days(10)))
    before = forecasts(now=NOON, until=MONTH)[0].under_way
    pin = proposed(row, by=team)
    Pin.objects.filter(pk=pin.pk).update(certificate=certificate(2, not_after=in_days(300)))

    assert (before, forecasts(now=NOON, until=MONTH)[0].under_way) == (False, True)


def test_the_state_now_counts_not_an_earlier_one():
    """A channel that was pending and is kept now is a forecast of a kept one."""
    row = agreement("Fjord", "pending", by=editor(), level="secure", agreed="ca-and-name", since=in_days(-9))
    row.intervals.update(valid_to=NOON)
    ComplianceInterval.objects.create(channel=row, state="compliant", valid_from=NOON, recorded_at=NOON)
    shown(row, "192.0.2.1", certificate(1, not_after=in_days(4)))

    assert [one.state for one in forecasts(now=NOON, until=MONTH)] == ["compliant"]


def test_a_shared_address_counts_for_each_channel_alone():
    """Two partners at one provider: each has one address, by its own level; a further one of the other is not counted."""
    team = editor()
    first = agreement("First", "compliant", by=team, level="secure", agreed="ca-and-name")
    second = agreement("Second", "compliant", by=team)
    one = certificate(1, not_after=in_days(4))
    shown(first, "192.0.2.1", one)
    shown(second, "192.0.2.1", one)
    shown(second, "192.0.2.2", certificate(2, not_after=in_days(200)))

    found = with_names(forecasts(now=NOON, until=MONTH))

    assert {(row.partner, row.pinned, row.of_all) for row in found} == {("First", False, 1), ("Second", True, 2)}


@pytest.mark.parametrize(
    "state, level",
    [pytest.param("violated", "secure", id="waits-already"), pytest.param("compliant", "encrypt", id="no-date-counts")],
)
def test_what_is_no_forecast(state: str, level: str):
    """Mail that waits already breaks no more; at encrypt nobody looks at a date."""
    row = agreement("Fjord", state, by=editor(), level=level, agreed="encrypted")
    shown(row, "192.0.2.1", certificate(1, not_after=in_days(4)))

    assert forecasts(now=NOON, until=MONTH) == ()


def test_what_was_shown_before_is_forgotten():
    """Only the current sighting counts: a renewed certificate is no forecast."""
    row = agreement("Fjord", "compliant", by=editor(), level="secure", agreed="ca-and-name")
    shown(row, "192.0.2.1", certificate(1, not_after=in_days(4)))
    shown(row, "192.0.2.1", certificate(2, not_after=in_days(200)))

    assert forecasts(now=NOON, until=MONTH) == ()


def test_the_entry_in_force_counts_not_the_draft():
    """A draft that asks for no name breaks nothing less, and one that asks for it breaks nothing yet."""
    team = editor()
    safe = agreement("Safe", "compliant", by=team, level="encrypt", agreed="encrypted")
    breaks = agreement("Breaks", "compliant", by=team, level="secure", agreed="ca-and-name")
    for number, row in enumerate((safe, breaks), start=1):
        shown(row, f"192.0.2.{number}", certificate(number, not_after=in_days(4)))
    Channel.objects.filter(pk=safe.pk).update(level="secure")
    Channel.objects.filter(pk=breaks.pk).update(level="encrypt")

    assert [(one.channel, one.pinned) for one in forecasts(now=NOON, until=MONTH)] == [(breaks.pk, False)]


def test_what_goes_by_anothers_entry_is_no_forecast():
    """Mail that goes by a parent's entry rests on nothing that this agreement says."""
    row = agreement("Fjord", "unknown", by=editor(), level="secure", agreed="ca-and-name")
    shown(row, "192.0.2.1", certificate(1, not_after=in_days(4)))
    VerdictRow.objects.update(is_own=False)

    assert forecasts(now=NOON, until=MONTH) == ()


def test_both_pages_tell_the_same_figures():
    """Today and compliance count what breaks, kept or weaker, and for what a successor is known, in one place."""
    team, now = editor(), timezone.now()
    for number, state in enumerate(("compliant", "weaker", "unknown", "rolling"), start=1):
        row = agreement(f"P {number}", state, by=team, level="secure", agreed="ca-and-name")
        shown(row, f"192.0.2.{number}", certificate(number, not_after=now + timedelta(days=number)))
    shown(row, "192.0.2.99", certificate(99, not_after=now + timedelta(days=300)))

    page = today(team, now=now)
    [near, *_later] = compliance_report(now=now, chosen=Chosen()).outlook

    assert (page.missing, page.provided) == (near.breaks, near.under_way) == (3, 1)
