"""How far a channel is on the way to its next pin, in the five steps that the partner reads too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from partners.core.pins import Rollover, StepKind, rollover_steps
from partners.models import Channel, Pin
from partners.reports.people import name_of
from partners.reports.portal_rollover import reached_relays
from partners.reports.shown import PinRow, Place, Shown

__all__ = ["RolloverStep", "rollover_rows"]


@dataclass(frozen=True, slots=True)
class RolloverStep:
    """One step as c-rollover shows it. state: done, now or empty."""

    title: str
    note: str
    state: str


def rollover_rows(
    channel: Channel, pins: Sequence[PinRow], seen: Mapping[Place, Shown]
) -> tuple[tuple[RolloverStep, ...], Pin | None]:
    """Return the steps of the newest pin that is under way, and that pin; nothing where none is.

    pins: as pin_rows() gives them. Under way is what waits for approval or release, or stands beside another pin.
    """
    live = [one.pin for one in pins if not one.pin.is_backup]
    accepted = [pin for pin in live if pin.state in {Pin.State.STAGED, Pin.State.ACTIVE}]
    waiting = [pin for pin in live if pin.state in {Pin.State.PROPOSED, Pin.State.STAGED}]
    pin = next(reversed(waiting), accepted[-1] if len(accepted) > 1 else None)
    if pin is None:
        return (), None
    shows = sum(bool(one.digests & set(pin.digests.values())) for one in seen.values())
    release, everywhere = reached_relays(channel, pin)
    rollover = Rollover(
        announced_at=pin.proposed_at,
        approved_at=pin.decided_at if pin.state != Pin.State.PROPOSED else None,
        on_all_relays_at=release.published_at if release and everywhere else None,
        seen_everywhere_at=pin.seen_everywhere_at if shows and shows == len(seen) else None,
        addresses=(shows, len(seen)),
    )
    return tuple(_steps(rollover, pin)), pin


def _steps(rollover: Rollover, pin: Pin) -> list[RolloverStep]:
    seen, of_all = rollover.addresses
    released = _day(rollover.on_all_relays_at)
    approved = f"{_day(rollover.approved_at)}, {name_of(pin.decided_by)}" if rollover.approved_at else ""
    words = {
        StepKind.ANNOUNCED: (_("Announced"), f"{_day(rollover.announced_at)}, {name_of(pin.proposed_by)}"),
        StepKind.APPROVED: (_("Approved"), approved or _("waits for a person")),
        StepKind.ON_ALL_RELAYS: (
            _("On all relays"),
            _("%s, safe to go live since then") % released if released else _("they must not switch before"),
        ),
        StepKind.SEEN: (
            _("Seen on %(seen)s of %(all)s") % {"seen": seen, "all": of_all},
            _day(rollover.seen_everywhere_at) or _("the old one stays accepted"),
        ),
        StepKind.OLD_RETIRED: (_("Old pin retired"), _("by itself, once the new key was seen everywhere")),
    }
    return [
        RolloverStep(*words[step.kind], "done" if step.at else "now" if step.is_next else "")
        for step in rollover_steps(rollover)
    ]


def _day(at: datetime | None) -> str:
    return date_format(at, "j M, H:i") if at else ""
