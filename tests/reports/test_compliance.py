"""The numbers of management's page, each with one definition."""

from datetime import timedelta

import pytest

from partners.models import Change, Channel
from partners.reports.agreements import Chosen, every_row, percent, tally
from partners.reports.compliance import compliance_report
from tests.actions.people import NOON, editor
from tests.reports.world import agreement, certificate, shown

pytestmark = pytest.mark.django_db
ALL = Chosen()


def chosen(**fields: object) -> list[str]:
    return [row.partner for row in compliance_report(now=NOON, chosen=Chosen(**fields)).rows]


def test_protected_is_compliant_and_rolling():
    """Unknown, pending, weaker and violated are not protected."""
    team = editor()
    for state in ("compliant", "rolling", "violated", "weaker", "unknown", "pending"):
        agreement(state.title(), state, by=team)

    counted = tally()

    assert (counted.total, counted.protected, counted.share) == (6, 2, 33.3)


def test_what_is_not_all_is_never_shown_as_all():
    """999 of 1,000 is 99.9; 9,999 of 10,000 is not rounded up to 100."""

    assert (percent(999, 1000), percent(9999, 10000), percent(0, 0)) == (99.9, 99.9, None)


@pytest.mark.parametrize(
    "state, cause, level, agreed, effective",
    [
        pytest.param("compliant", "", "secure", "ca-and-name", "ca-and-name", id="as-agreed"),
        pytest.param("compliant", "", "fingerprint", "encrypted", "pin", id="more-than-agreed"),
        pytest.param("weaker", "plaintext", "may", "encrypted", "none", id="plaintext"),
        pytest.param("weaker", "below-agreed", "encrypt", "pin", "encrypted", id="entry-asks-less"),
        pytest.param("weaker", "below-agreed", "dane", "dane", "none", id="one-host-lost-its-tlsa"),
        pytest.param("violated", "fingerprint-mismatch", "fingerprint", "pin", "held", id="held-back"),
        pytest.param("unknown", "timeout", "secure", "ca-and-name", "not-known", id="unknown"),
    ],
)
def test_effective_protection(state: str, cause: str, level: str, agreed: str, effective: str):
    """What mail has now, by what the judge found, not by the word in the map."""
    agreement("Fjord", state, by=editor(), cause=cause, level=level, agreed=agreed)

    assert tally().effective == {effective: 1}


def test_numbers_lead_to_their_rows():
    """Each choice of the address leaves the rows that were counted, worst first."""
    team = editor()
    agreement("Good", "compliant", by=team, level="secure", agreed="ca-and-name")
    agreement("Bad", "violated", by=team)
    agreement("Low", "weaker", by=team, cause="plaintext", agreed="encrypted", level="may")

    assert chosen() == ["Bad", "Low", "Good"]
    assert chosen(group="open") == ["Bad", "Low"]
    assert chosen(group="protected") == ["Good"]
    assert chosen(state="weaker") == ["Low"]
    assert chosen(agreed="ca-and-name") == ["Good"]
    assert chosen(effective="none") == ["Low"]


def test_a_draft_does_not_move_the_numbers():
    """What protects is the entry on the relays, not the one that somebody has drafted since."""
    row = agreement("Fjord", "compliant", by=editor(), level="secure", agreed="ca-and-name")
    Channel.objects.filter(pk=row.pk).update(level="encrypt")

    assert tally().effective == {"ca-and-name": 1}


def test_outlook_counts_what_ends():
    """Of two that are kept, one ends in ten days: it is in 14, 30 and 90, and its number leads to it."""
    team = editor()
    agreement("Good", "compliant", by=team)
    row = agreement("Ends", "compliant", by=team, level="secure", agreed="ca-and-name")
    shown(row, "192.0.2.1", certificate(1, not_after=NOON + timedelta(days=20)))

    report = compliance_report(now=NOON, chosen=Chosen(within=30))

    assert [(one.safe, one.under_way, one.breaks) for one in report.outlook] == [(2, 0, 0), (1, 0, 1), (1, 0, 1)]
    assert [row.partner for row in report.rows] == ["Ends"]


def test_exception_names_owner_author_and_end():
    """A lowered entry is told with its reason, who asked and until when."""
    team = editor()
    row = agreement("Polder", "weaker", by=team, cause="below-agreed", agreed="ca-and-name", level="encrypt")
    end = NOON + timedelta(days=12)
    Channel.objects.filter(pk=row.pk).update(lowered_until=end, lowered_reason="provider moves their mail")
    first = Change.objects.get(channel=row)
    lowered = {**first.after, "lowered_until": end.isoformat(), "level": "encrypt"}
    Change.objects.create(
        channel=row, author=team, made_at=NOON, before={**first.after, "level": "secure"}, after=lowered
    )

    (found,) = compliance_report(now=NOON, chosen=ALL).exemptions

    assert (found.was, found.level, found.ends_at, found.asked_by) == ("secure", "encrypt", end, team.email)
    assert (found.owner, found.reason) == (team.email, "provider moves their mail")


def test_cause_is_a_sentence():
    """The commonest causes of a state stand beside its number, in words."""
    agreement("Bad", "violated", by=editor(), cause="certificate-expired")

    (row,) = compliance_report(now=NOON, chosen=ALL).open_causes

    assert row.causes[0] == ("A certificate of the chain has expired. Ask the partner to renew it.", 1)


def test_causes_that_are_not_named_are_counted():
    """Beside the three commonest causes stands how many have another one: the numbers add up."""
    team = editor()
    for cause in ("certificate-expired", "fingerprint-mismatch", "starttls-missing", "null-mx", "name-mismatch"):
        agreement(cause, "violated", by=team, cause=cause)

    (row,) = compliance_report(now=NOON, chosen=ALL).open_causes

    assert (row.count, len(row.causes), row.further) == (5, 3, 2)


def test_every_row_yields_all(django_assert_max_num_queries):
    """The file holds every agreement, in a number of queries that does not grow with them."""
    team = editor()
    for number in range(12):
        agreement(f"P{number:02}", "compliant", by=team)

    with django_assert_max_num_queries(2):
        rows = list(every_row())

    assert [row.partner for row in rows] == [f"P{number:02}" for number in range(12)]
