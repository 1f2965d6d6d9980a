"""Fourteen agreements with a past, for the pages of the house in a real browser."""

from datetime import timedelta

from django.utils import timezone

from partners.models import Change, Channel, ComplianceInterval, Release, User
from tests.actions.people import editor
from tests.reports.world import agreement, certificate, shown

__all__ = ["fill_house"]

DAY = timedelta(days=1)
CAST = (
    ("Fjordbank", "violated", "certificate-expired", "secure", "ca-and-name", 0),
    ("Rivet and Sons", "violated", "fingerprint-mismatch", "fingerprint", "pin", 0),
    ("Kanzlei Morgenrot", "weaker", "below-agreed", "dane", "dane", 0),
    ("Polder Logistics", "weaker", "below-agreed", "encrypt", "ca-and-name", 0),
    ("Zollportal Musterstadt", "unknown", "temporary-reply", "secure", "ca-and-name", 0),
    ("Brixner Achsen", "rolling", "", "fingerprint", "pin", 200),
    ("Klinik Lindenhof", "compliant", "", "secure", "ca-and-name", 4),
    ("Stadtwerke Auental", "compliant", "", "fingerprint", "pin", 9),
    ("Ostra Castings", "compliant", "", "fingerprint", "encrypted", 26),
    ("Quellwerk Pharma", "compliant", "", "encrypt", "encrypted", 0),
    ("Tessera Insurance", "compliant", "", "secure", "ca-and-name", 70),
    ("Meridian Treuhand", "compliant", "", "dane-only", "dane", 0),
    ("Alpenfracht", "compliant", "", "secure", "ca-and-name", 120),
)


def fill_house() -> User:
    """Fill the rows and return the editor who owns them."""
    now, team = timezone.now(), editor()
    team.first_name, team.last_name = "Lea", "Brandt"
    team.save()
    for number, (name, state, cause, level, agreed, days) in enumerate(CAST):
        since = now - timedelta(hours=3) if state == "violated" else now - (number + 2) * DAY
        row = agreement(name, state, by=team, since=since, cause=cause, level=level, agreed=agreed)
        if days:
            subject = f"CN=mx.{row.nexthops.get().key}"
            shown(row, f"192.0.2.{number + 1}", certificate(number, not_after=now + days * DAY, subject=subject))
        earlier = "compliant" if number % 4 else "unknown"
        ComplianceInterval.objects.create(
            channel=row, state=earlier, valid_from=now - (60 + number) * DAY, valid_to=since, recorded_at=now
        )
    for number, days in ((1, 62), (2, 40), (3, 12)):
        at = now - days * DAY
        Release.objects.create(
            number=number, author=team, needs_second=False, published_at=at, published_by=team, reason="monthly round"
        )
    _lower(Channel.objects.get(partner__name="Polder Logistics"), by=team)
    return team


def _lower(row: Channel, *, by: User) -> None:
    """Let *row* be an exception that ends in twelve days."""
    now = timezone.now()
    end = now + 12 * DAY
    Channel.objects.filter(pk=row.pk).update(lowered_until=end, lowered_reason="their provider moves the mail")
    first = Change.objects.get(channel=row)
    Change.objects.create(
        channel=row,
        author=by,
        made_at=first.made_at + timedelta(minutes=1),
        before={**first.after, "level": "secure"},
        after={**first.after, "lowered_until": end.isoformat()},
    )
