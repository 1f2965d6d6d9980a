"""What going back to an older release does to drafts: told before, asked for, and kept in the audit trail."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.changes import reset_to_draft, unstage
from partners.actions.drafts import Snapshot, released_at
from partners.actions.holding import judge_again
from partners.core.errors import StaleRefused
from partners.models import Change, Channel, Head, Release, User

__all__ = ["drafts_in_the_way", "restore"]


def drafts_in_the_way(release: Release) -> list[Change]:
    """Return the drafts that going back to *release* would withdraw, oldest first."""
    head = Head.objects.select_related("release").filter(pk=1, release__isnull=False).first()
    if head is None or head.release is None or release.number >= head.release.number:
        return []
    moved = _moved(released_at(head.release.number), released_at(release.number))
    return list(_open_drafts(moved).select_related("author", "channel__partner"))


def restore(
    now_shots: Mapping[int, Snapshot],
    then_shots: Mapping[int, Snapshot],
    *,
    losing: Collection[int],
    by: User,
    now: datetime,
) -> list[Change]:
    """Write one Change per channel that differs, and withdraw the open drafts of those channels.

    The caller holds the transaction. Raises StaleRefused for a draft that is not among *losing*.
    """
    moved = _moved(now_shots, then_shots)
    lost = list(_open_drafts(moved))
    if {draft.pk for draft in lost} - set(losing):
        cause = _("it would withdraw drafts that you were not told of")
        raise StaleRefused(_("roll-back"), cause, _("look at the drafts it names, and ask again"))
    judge_again(moved.keys(), now=now)
    for draft in lost:
        unstage(draft)
        Change.objects.filter(pk=draft.pk).update(withdrawn_at=now)
    changes = []
    for channel in Channel.objects.filter(pk__in=moved).order_by("pk"):
        before, after = now_shots[channel.pk], moved[channel.pk]
        changes.append(Change.objects.create(channel=channel, author=by, made_at=now, before=before, after=after))
        reset_to_draft(channel, after, now=now)
    for draft in lost:  # last, as everywhere: the trail lets one write at a time, and must not wait for other rows
        detail = {"change": draft.pk, "author": draft.author_id, "by_rolling_back": True}
        audit.record("change.withdrawn", f"channel {draft.channel_id}", by=by, now=now, detail=detail)
    return changes


def _moved(now_shots: Mapping[int, Snapshot], then_shots: Mapping[int, Snapshot]) -> dict[int, Snapshot]:
    """Return what the channels that differ were then."""
    then = {pk: then_shots.get(pk, {**shot, "removed": True}) for pk, shot in now_shots.items()}
    return {pk: shot for pk, shot in then.items() if shot != now_shots[pk]}


def _open_drafts(channels: Collection[int]) -> QuerySet[Change]:
    return Change.objects.filter(channel__in=channels, release__isnull=True, withdrawn_at__isnull=True)
