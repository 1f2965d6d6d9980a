"""Alarms become alerts, in the transaction of the judgement: one for each cause and place, a part for each partner.

An alert never flaps: a cause that is no longer seen leaves its part calm, and only what stays calm for longer than a
round is over (alerts.py). What comes back on the same day is the same alert.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from django.utils import timezone

from partners.actions.journal import tell_alert
from partners.actions.leases import nudge
from partners.actions.notices import plan_house, plan_partners
from partners.core.alarms import Alarm
from partners.models import Alert, AlertDelivery, AlertPartner, Channel

__all__ = ["DELIVER_DUE", "note_alarms"]

DELIVER_DUE = "partners.tasks.alerts.deliver_due"
_WHERE_MAX = 300
_GROUPING_MAX = 400
_NEVER = datetime.max.replace(tzinfo=UTC)
_Kind = AlertDelivery.Kind
_Key = tuple[int, str]  # partner, cause

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Wanted:
    """What is seen of one cause at one partner now: the worst of its alarms, and in which channels."""

    alarm: Alarm
    channels: set[int] = field(default_factory=set)

    def grouping(self, partner: int) -> str:
        """Return what joins others to it: the place they share, or nothing but this partner."""
        return f"{self.alarm.cause} {self.alarm.place or f'partner {partner}'}"[:_GROUPING_MAX]


def note_alarms(seen: Sequence[tuple[Channel, Sequence[Alarm]]], *, now: datetime) -> None:
    """Open, prolong and calm the alerts of the channels *seen*, in the caller's transaction.

    The caller holds the lock of each channel's state. Two who open one alert at once meet at its unique grouping: an
    IntegrityError, after which the caller judges again.
    """
    wanted = _by_partner(seen)
    found = AlertPartner.objects.filter(partner__in={one.partner_id for one, _alarms in seen}, closed_at__isnull=True)
    parts = {(part.partner_id, part.cause): part for part in found.select_related("alert").order_by("pk")}
    if not wanted and not parts:
        return
    _calm(parts, wanted, {channel.pk for channel, _alarms in seen}, now=now)
    _prolong([(parts[key], one) for key, one in wanted.items() if key in parts])
    new = {key: one for key, one in wanted.items() if key not in parts}
    if new:
        _open(new, now=now)
        nudge(DELIVER_DUE)


def _by_partner(seen: Iterable[tuple[Channel, Sequence[Alarm]]]) -> dict[_Key, _Wanted]:
    wanted: dict[_Key, _Wanted] = {}
    for channel, alarms in seen:
        for alarm in alarms:
            one = wanted.setdefault((channel.partner_id, alarm.cause), _Wanted(alarm))
            one.channels.add(channel.pk)
            one.alarm = min(one.alarm, alarm, key=lambda each: (each.severity, each.breaks_at or _NEVER))
    return dict(sorted(wanted.items()))


def _calm(
    parts: Mapping[_Key, AlertPartner], wanted: Mapping[_Key, _Wanted], judged: set[int], *, now: datetime
) -> None:
    """Take the channels that were *judged* and have no alarm any more out of *parts*; what is empty is calm."""
    ties = AlertPartner.channels.through.objects.filter(alertpartner__in=[part.pk for part in parts.values()])
    held: dict[int, dict[int, int]] = {}
    for tie in ties if parts else ():
        held.setdefault(tie.alertpartner_id, {})[tie.channel_id] = tie.pk
    gone: list[int] = []
    calm: list[AlertPartner] = []
    for key, part in parts.items():
        alarmed = wanted[key].channels if key in wanted else set()
        left = {channel: tie for channel, tie in held.get(part.pk, {}).items() if channel in judged - alarmed}
        gone += left.values()
        if not alarmed and part.calm_since is None and left.keys() == held.get(part.pk, {}).keys():
            part.calm_since = now
            calm.append(part)
    if gone:
        AlertPartner.channels.through.objects.filter(pk__in=gone).delete()
    if calm:
        AlertPartner.objects.bulk_update(calm, ["calm_since"])


def _prolong(kept: Sequence[tuple[AlertPartner, _Wanted]]) -> None:
    """Note on alerts that are open what is seen of them now."""
    _tie((part, one.channels) for part, one in kept)
    back = [part for part, _one in kept if part.calm_since is not None]
    for part in back:
        part.calm_since = None
    if back:
        AlertPartner.objects.bulk_update(back, ["calm_since"])
    moved: dict[int, Alert] = {}
    for part, one in kept:
        alert = moved.get(part.alert_id, part.alert)
        fields = (min(one.alarm.severity.value, alert.severity), _where(one.alarm), one.alarm.breaks_at)
        if (alert.severity, alert.where, alert.breaks_at) != fields:
            alert.severity, alert.where, alert.breaks_at = fields
            moved[alert.pk] = alert
    if moved:
        Alert.objects.bulk_update([moved[pk] for pk in sorted(moved)], ["severity", "where", "breaks_at"])


def _where(alarm: Alarm) -> str:
    """Return where *alarm* is, in the same words for all who share its place."""
    return (alarm.place or alarm.where)[:_WHERE_MAX]


def _open(new: Mapping[_Key, _Wanted], *, now: datetime) -> None:
    """Open a part for each of *new*, below the open alert of its grouping or below a new one."""
    day = timezone.localdate(now)
    groupings = {key: one.grouping(key[0]) for key, one in new.items()}
    rows = Alert.objects.filter(grouping__in=set(groupings.values()), closed_at__isnull=True)
    alerts = {alert.grouping: alert for alert in rows}
    ended = AlertPartner.objects.filter(partner__in={partner for partner, _cause in new}, day=day)
    earlier = {(part.partner_id, part.cause): part for part in ended.select_related("alert")}
    returned: dict[int, Alert] = {}
    for key in [key for key in new if key in earlier]:  # closed today: the same alert goes on
        alert = alerts.setdefault(groupings[key], earlier[key].alert)
        if alert.closed_at is not None:
            alert.grouping, alert.closed_at, alert.escalated_at = groupings[key], None, None
            alert.acknowledged_at = alert.acknowledged_by = alert.snoozed_until = None
            returned[alert.pk] = alert
    if returned:
        names = ["grouping", "closed_at", "escalated_at", "acknowledged_at", "acknowledged_by", "snoozed_until"]
        Alert.objects.bulk_update([returned[pk] for pk in sorted(returned)], names)
    made = _new_alerts(new, groupings, alerts, now=now)
    parts = _new_parts(new, groupings, alerts, earlier, now=now)
    _tie((part, new[key].channels) for key, part in parts.items())
    _tell(parts, made=made, returned=set(returned), now=now)


def _new_alerts(
    new: Mapping[_Key, _Wanted], groupings: Mapping[_Key, str], alerts: dict[str, Alert], *, now: datetime
) -> set[int]:
    """Add to *alerts* the groupings that have none, and return their keys."""
    worst: dict[str, Alarm] = {}
    for key, one in new.items():
        if groupings[key] not in alerts:
            worst[groupings[key]] = min(worst.get(groupings[key], one.alarm), one.alarm, key=lambda each: each.severity)
    rows = [
        Alert(
            cause=alarm.cause,
            severity=alarm.severity.value,
            place=alarm.place,
            grouping=grouping,
            where=_where(alarm),
            breaks_at=alarm.breaks_at,
            day=timezone.localdate(now),
            opened_at=now,
        )
        for grouping, alarm in sorted(worst.items())
    ]
    for alert in Alert.objects.bulk_create(rows):
        alerts[alert.grouping] = alert
    return {alert.pk for alert in rows}


def _new_parts(
    new: Mapping[_Key, _Wanted],
    groupings: Mapping[_Key, str],
    alerts: Mapping[str, Alert],
    earlier: Mapping[_Key, AlertPartner],
    *,
    now: datetime,
) -> dict[_Key, AlertPartner]:
    """Return the part of each of *new*: today's one goes on, else it is made."""
    parts: dict[_Key, AlertPartner] = {}
    for key in new:
        alert = alerts[groupings[key]]
        if key in earlier:
            part = earlier[key]
            part.alert, part.closed_at, part.calm_since, part.returned_at = alert, None, None, now
        else:
            partner, cause = key
            part = AlertPartner(
                alert=alert, partner_id=partner, cause=cause, day=timezone.localdate(now), opened_at=now
            )
        parts[key] = part
    AlertPartner.objects.bulk_create([part for part in parts.values() if part.pk is None])
    old = [part for part in parts.values() if part.returned_at == now]
    if old:
        AlertPartner.objects.bulk_update(old, ["alert", "closed_at", "calm_since", "returned_at"])
    return parts


def _tie(pairs: Iterable[tuple[AlertPartner, Collection[int]]]) -> None:
    """Say in which channels each part is seen."""
    through = AlertPartner.channels.through
    ties = [through(alertpartner_id=part.pk, channel_id=pk) for part, channels in pairs for pk in sorted(channels)]
    if ties:
        through.objects.bulk_create(ties, ignore_conflicts=True)


def _tell(
    parts: Mapping[_Key, AlertPartner], *, made: Collection[int], returned: Collection[int], now: datetime
) -> None:
    """Plan who is told: the house once for each alert, a partner's contacts of their own part."""
    of_alert: dict[int, list[AlertPartner]] = {}
    for part in parts.values():
        of_alert.setdefault(part.alert_id, []).append(part)
    for pk, rows in sorted(of_alert.items()):
        alert = rows[0].alert
        kind = _Kind.RAISED if pk in made else _Kind.RETURNED if pk in returned else _Kind.MORE
        plan_house(alert, kind, now=now)
        for kind_of_part, some in (
            (_Kind.RAISED, [row.partner_id for row in rows if row.returned_at != now]),
            (_Kind.RETURNED, [row.partner_id for row in rows if row.returned_at == now]),
        ):
            plan_partners(alert, kind_of_part, some, now=now)
        tell_alert(f"alert.{kind.value}", alert, now=now, partners=len(rows))
        log.info("alert.noted", alert=pk, kind=kind.value, cause=alert.cause, place=alert.place, partners=len(rows))
