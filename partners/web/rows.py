"""Rows of the partner list as texts: fifty of them cost a page most of its time, so nothing is worded twice."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.reports.headline import short_cause
from partners.reports.listing import ListRow
from partners.reports.sentences import team_sentence

__all__ = ["addresses", "worded_rows"]

_ADDRESS_OF = 0  # stands for a channel in the address that is filled in


def worded_rows(rows: Iterable[ListRow], *, now: datetime) -> list[dict[str, str]]:
    """Return *rows* as the template prints them, in the reader's language."""
    day = cache(lambda moment: date_format(localtime(moment), "j M Y"))
    lowered = cache(lambda moment: _("lowered until %s") % date_format(localtime(moment), "j M"))
    today = localtime(now).date()
    left = cache(_left)
    ago = cache(lambda minutes: timesince(now - timedelta(minutes=minutes), now, depth=1) if minutes else _("just now"))
    cause = cache(lambda code: short_cause(code) or team_sentence(code))
    hosts = cache(lambda pair: _("%(taking)s of %(hosts)s") % {"taking": pair[0], "hosts": pair[1]})
    address = addresses()
    worded = []
    for row in rows:
        soon, over = row.ends_soon(now), row.ends_at is not None and row.ends_at < now
        worded.append(
            {
                "pk": str(row.pk),
                "url": address(row.pk),
                "name": row.name,
                "key": row.key if row.keys <= 1 else f"{row.key} +{row.keys - 1}",
                "state": row.state,
                "ends": left(-1 if over else (localtime(row.ends_at).date() - today).days)
                if soon and row.ends_at
                else "",
                "level": row.level,
                "agreed": row.agreed,
                "lowered": lowered(row.lowered_until) if row.lowered_until else "",
                "delivery": row.delivery,
                "tls": row.tls_status if row.delivery == Delivery.DELIVER.value and row.tls_status != "none" else "",
                "cause": cause(row.cause) if row.cause and row.state != "compliant" else "",
                "hosts": hosts((row.taking, row.hosts))
                if row.hosts
                else _("none")
                if row.cause == Reason.NULL_MX
                else "",
                "ends_on": day(row.ends_at) if row.ends_at else "",
                "used": str(row.used),
                "tone": "bad" if over else "risk" if soon else "ok",
                "owner": row.owner,
                "seen": ago(max(int((now - row.seen_at).total_seconds() // 60), 0)) if row.seen_at else "",
            }
        )
    return worded


def addresses() -> Callable[[int], str]:
    """Return what gives the address of a channel's page: it is looked up once, not for each row."""
    head, tail = reverse("partner-detail", args=[_ADDRESS_OF]).rsplit(str(_ADDRESS_OF), 1)
    return lambda pk: f"{head}{pk}{tail}"


def _left(days: int) -> str:
    """Say in how many days, counted by the calendar, a certificate ends on which mail rests; below 0: it ran out."""
    if days < 0:
        return _("Ran out")
    return ngettext("Ends in %s day", "Ends in %s days", days) % days if days else _("Ends today")
