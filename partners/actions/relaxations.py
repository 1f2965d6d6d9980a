"""What was lowered until a day comes back by itself, as far as no mail stops by it; the rest is prepared and told."""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import may_edit
from partners.actions.drafts import released_at
from partners.actions.maps import GroupMap, active_map
from partners.actions.releases import abandon, cut, head, publish
from partners.core.errors import PortalError
from partners.models import Candidate, Change, Release

__all__ = ["bring_back"]

_AT_ONCE: Final = 20  # each is rendered and guarded on its own; the others have their turn at a later tick
_LOOK_AGAIN: Final = timedelta(minutes=5)  # younger than the facts that the guard asks for

log = structlog.get_logger(__name__)


def bring_back(*, now: datetime) -> list[Change]:
    """Release the changes that end a relaxation, each on its own; return those that are on their way to the relays.

    Only what strengthens, concerns no other channel and stops no mail is released without a person: its end was agreed
    to when it was lowered. Else the candidate stands there, and the alert and Today name it until somebody acts, or
    until the guard, which looks again from time to time, finds that no mail would stop any more.
    """
    released, tries = [], 0
    for change in Change.objects.ending_relaxations().select_related("author").order_by("?"):
        if tries >= _AT_ONCE:
            break
        if not may_edit(change.author) or _rests(change, now=now):
            continue  # whoever lowered it has left, or the guard has just looked: a person may cut and publish it
        tries += 1
        try:
            release = _release(change, now=now)
        except PortalError as waits:  # old facts are asked for by then, and the next tick comes by
            log.info("relaxation.waits", channel=change.channel_id, cause=str(waits))
            continue
        if release is None:
            continue
        detail = {"change": change.pk, "release": release.number}
        audit.record("channel.relaxation-returned", f"channel {change.channel_id}", by=None, now=now, detail=detail)
        released.append(change)
    return released


def _rests(change: Change, *, now: datetime) -> bool:
    """Whether the guard found a moment ago that a person is needed: a look at the whole map is dear."""
    held = Candidate.objects.filter(state=Candidate.State.OPEN, changes=change, needs_second=True)
    return held.filter(guarded_at__gt=now - _LOOK_AGAIN).exists()


def _release(change: Change, *, now: datetime) -> Release | None:
    """Publish *change* alone on the release of now; None where a person has to say so."""
    base = head()
    shot = released_at(base.number).get(change.channel_id) if base else None
    if shot is None or not change.before or shot["lowered_until"] != change.before["lowered_until"]:
        return None  # the relaxation itself never came to the relays
    candidate = _prepared(change, base, now=now)
    if candidate is None or not _is_own(candidate, change):
        return None
    Candidate.objects.filter(pk=candidate.pk, state=Candidate.State.OPEN).update(guarded_at=now)  # publish() looks
    return publish(candidate, by=change.author, now=now, reason=_("a relaxation ended on its day"), by_itself=True)


def _prepared(change: Change, base: Release | None, *, now: datetime) -> Candidate | None:
    """Return the candidate that holds *change* alone, cut on *base*; None where a person's holds it."""
    for candidate in Candidate.objects.filter(state=Candidate.State.OPEN, changes=change):
        if candidate.changes.count() > 1:
            return None
        if candidate.base_id == (base.pk if base else None):
            return candidate
        abandon(candidate, by=change.author, now=now, by_itself=True)
    return cut([change], by=change.author, now=now, by_itself=True)


def _is_own(candidate: Candidate, change: Change) -> bool:
    """Whether *candidate* differs from what is published in keys of the channel of *change* alone.

    What somebody moved in the settings of a relay group, and did not release yet, is released by a person.
    """
    keys = set(change.after["nexthops"])
    findings = {finding.get("nexthop") or finding["key"] for finding in candidate.findings}
    return findings <= keys and all(_moved(GroupMap.of(one)) <= keys for one in candidate.maps.select_related("group"))


def _moved(one: GroupMap) -> AbstractSet[str]:
    """Return the keys whose entry differs from the published one; "" for the CA set."""
    active = active_map(one.group)
    keys = active.entries.keys() | one.entries.keys()
    moved = {key for key in keys if active.applying(key) != one.applying(key)}
    return moved | ({""} if active.ca_pem not in {None, one.ca_pem} else set())
