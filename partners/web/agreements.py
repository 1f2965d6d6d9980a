"""Rows of the compliance page as texts: fifty agreements and ninety days cost a page most of its time."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from partners.reports.agreements import AgreementRow
from partners.reports.trend import Point
from partners.web.rows import addresses

__all__ = ["worded_agreements", "worded_days"]


def worded_agreements(rows: Iterable[AgreementRow]) -> list[dict[str, str]]:
    """Return *rows* as the template prints them, in the reader's language."""
    day = cache(lambda moment: date_format(localtime(moment), "j M Y"))
    address = addresses()
    return [
        {
            "url": address(row.pk),
            "partner": row.partner,
            "keys": row.keys,
            "state": row.state,
            "agreed": row.agreed,
            "effective": row.effective,
            "level": row.level,
            "cause": row.cause,
            "known": _last_known(row.known_at) if row.state == "unknown" and row.known_at else "",
            "owner": row.owner,
            "since": day(row.since) if row.since else "",
        }
        for row in rows
    ]


def worded_days(points: Iterable[Point]) -> list[tuple[str, str, str, str]]:
    """Return day, protected, total and share of each of *points*."""
    number = cache(intcomma)
    return [
        (
            date_format(point.day, "j M Y"),
            number(point.protected),
            number(point.total),
            number_format(point.share, 1),
        )
        for point in points
    ]


def _last_known(at: datetime) -> str:
    return _("Last known %(at)s.") % {"at": date_format(localtime(at), "j M Y, H:i")}
