"""Add many channels at once: the same rows and audit entries as one by one, in a few queries for each thousand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.drafts import Snapshot, project
from partners.actions.standings import restand
from partners.core.errors import StaleRefused
from partners.models import Change, Channel, Nexthop, Partner, User

__all__ = ["Wanted", "add_channels"]

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A channel that check_partner() let pass. partner: one that is there, or an unsaved one, of several channels."""

    partner: Partner
    shot: Snapshot


def add_channels(wanted: Sequence[Wanted], *, by: User, now: datetime) -> None:
    """Write *wanted* with their partners, keys and first Changes, in the caller's transaction; all of them or none.

    Raises StaleRefused where somebody took a name or a key since it was checked.
    """
    demand_editor(by)
    try:
        with transaction.atomic():
            changes = _write(wanted, by=by, now=now)
    except IntegrityError as cause:
        raise StaleRefused(
            _("the partners to be added"), _("somebody added one of them in between"), _("try again")
        ) from cause
    acts = [
        (
            f"partner {change.channel.partner_id}",
            {
                "channel": change.channel_id,
                "change": change.pk,
                "nexthops": change.after["nexthops"],
                "level": change.after["level"],
            },
        )
        for change in changes
    ]
    for start in range(0, len(acts), _AT_ONCE):
        audit.record_all("channel.added", acts[start : start + _AT_ONCE], by=by, now=now)
        restand([change.channel_id for change in changes[start : start + _AT_ONCE]])


def _write(wanted: Sequence[Wanted], *, by: User, now: datetime) -> list[Change]:
    """Write the rows, what is pointed at first; return the Changes."""
    new = {id(one.partner): one.partner for one in wanted if one.partner.pk is None}
    Partner.objects.bulk_create(new.values(), batch_size=_AT_ONCE)
    channels = []
    for one in wanted:
        channel = Channel(partner=one.partner)
        project(channel, one.shot)
        channels.append(channel)
    Channel.objects.bulk_create(channels, batch_size=_AT_ONCE)
    pairs = list(zip(channels, (one.shot for one in wanted), strict=True))
    keys = (
        Nexthop(channel=row, key=key, due_at=now, asked_by="draft") for row, shot in pairs for key in shot["nexthops"]
    )
    Nexthop.objects.bulk_create(keys, batch_size=_AT_ONCE)
    return Change.objects.bulk_create(
        (Change(channel=row, author=by, made_at=now, before=None, after=shot) for row, shot in pairs),
        batch_size=_AT_ONCE,
    )
