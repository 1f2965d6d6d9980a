"""When a partner's servers are looked at: how often, and in which hours not at all."""

from datetime import date, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.core.errors import SettingsRefused, StaleRefused
from partners.core.schedule import PROBE_MINUTES_LEAST, PROBE_MINUTES_MOST
from partners.models import Nexthop, Partner, User

__all__ = ["QUIET_HOURS_MOST", "set_probe_hours"]

QUIET_HOURS_MOST: Final = 16  # the rest of the day has to do for a certificate that ends
_DAY = date(2000, 1, 1)  # any: only the time between two times of day is asked for


def set_probe_hours(
    partner: Partner,
    *,
    minutes: int,
    quiet_from: time | None,
    quiet_until: time | None,
    version: int,
    by: User,
    now: datetime,
) -> None:
    """Set how often the servers of *partner* are looked at, and the hours in which nobody connects to them.

    A shorter wait counts from now on: what would be due later than that is due by then. version: of the row that the
    person looked at. Raises SettingsRefused for what cannot be kept, StaleRefused where somebody saved since.
    """
    demand_editor(by)
    _demand_minutes(partner, minutes)
    _demand_quiet(partner, quiet_from, quiet_until)
    wanted = {"probe_minutes": minutes, "quiet_from": quiet_from, "quiet_until": quiet_until}
    with transaction.atomic():
        row = Partner.objects.select_for_update().get(pk=partner.pk)
        if row.version != version:
            cause = _("somebody saved it in between")
            raise StaleRefused(partner.name, cause, _("look at the new state and try again"))
        before = {name: getattr(row, name) for name in wanted}
        Partner.objects.filter(pk=row.pk).update(**wanted, version=version + 1)
        if minutes < row.probe_minutes:
            by_then = now + timedelta(minutes=minutes)
            Nexthop.objects.filter(channel__partner=row, due_at__gt=by_then, lease_token="").update(due_at=by_then)
        detail = {"before": _told(before), "after": _told(wanted)}
        audit.record("probe-hours.set", f"partner {row.pk}", by=by, now=now, detail=detail)


def _demand_minutes(partner: Partner, minutes: int) -> None:
    if not PROBE_MINUTES_LEAST <= minutes <= PROBE_MINUTES_MOST:
        bounds = {"least": PROBE_MINUTES_LEAST, "most": PROBE_MINUTES_MOST}
        raise SettingsRefused(partner.name, _("from %(least)s to %(most)s minutes lie between two looks") % bounds)


def _demand_quiet(partner: Partner, quiet_from: time | None, quiet_until: time | None) -> None:
    """Raise SettingsRefused for half of the hours, for none, and for so many that nothing would be seen."""
    if quiet_from is None and quiet_until is None:
        return
    if quiet_from is None or quiet_until is None:
        raise SettingsRefused(partner.name, _("quiet hours have a begin and an end"), _("give both, or none"))
    if quiet_from.tzinfo or quiet_until.tzinfo or quiet_from == quiet_until:
        raise SettingsRefused(partner.name, _("quiet hours begin and end at two times of the day"))
    length = datetime.combine(_DAY, quiet_until) - datetime.combine(_DAY, quiet_from)
    if length % timedelta(days=1) > timedelta(hours=QUIET_HOURS_MOST):
        cause = _("quiet hours are at most %s a day: what moves has to be seen in time") % QUIET_HOURS_MOST
        raise SettingsRefused(partner.name, cause)


def _told(fields: dict[str, int | time | None]) -> dict[str, int | str | None]:
    return {name: value.isoformat("minutes") if isinstance(value, time) else value for name, value in fields.items()}
