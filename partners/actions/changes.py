"""Write one Change: the draft row, its keys and the JSON of before and after, or nothing at all."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.drafts import Snapshot, draft_of, fold, project, released_at, row_snapshot
from partners.actions.holding import judge_again
from partners.actions.standings import restand
from partners.core.errors import EntryRefused, StaleRefused
from partners.models import Change, Channel, Head, Nexthop, Pin, User

__all__ = ["claim_keys", "draft_and_row", "free_keys", "reset_to_draft", "unstage", "withdraw_change", "write_change"]


def write_change(
    channel: Channel,
    before: Snapshot,
    after: Snapshot,
    *,
    author: User,
    now: datetime,
    relaxed_until: datetime | None = None,
) -> Change:
    """Save *after* as the newest draft of *channel* and return the Change.

    The caller holds the transaction and has read *before* from the version that *channel* carries: whoever saved in
    between makes this StaleRefused, and nothing is written.
    """
    _save_row(channel, after, now=now)
    claim_keys(channel, after["nexthops"], now=now)
    restand([channel.pk])
    return Change.objects.create(
        channel=channel, author=author, made_at=now, before=before, after=after, relaxed_until=relaxed_until
    )


def withdraw_change(change: Change, *, by: User, now: datetime) -> None:
    """Take an unreleased *change* back; StaleRefused if later ones rest on it."""
    demand_editor(by)
    channel = Channel.objects.get(pk=change.channel_id)
    others = Change.objects.filter(channel=channel, withdrawn_at__isnull=True).exclude(pk=change.pk)
    released = (
        others.filter(release__isnull=False).select_related("release").order_by("release__number", "made_at", "pk")
    )
    shots = fold([*released, *others.filter(release__isnull=True).order_by("made_at", "pk")])
    with transaction.atomic():
        judge_again([channel.pk], now=now)
        mine = Change.objects.filter(pk=change.pk, release__isnull=True, withdrawn_at__isnull=True)
        if not mine.update(withdrawn_at=now):
            raise StaleRefused(_("change %s") % change.pk, _("it is released or withdrawn already"))
        after = shots.get(channel.pk) or {**row_snapshot(channel), "removed": True}
        unstage(change)
        reset_to_draft(channel, after, now=now)
        audit.record("change.withdrawn", f"channel {channel.pk}", by=by, now=now, detail={"change": change.pk})


def unstage(change: Change) -> None:
    """Put the pins that *change* brought back among the proposed ones: their approval was for this change."""
    brought = set(change.after["pins"]) - set(change.before["pins"] if change.before else [])
    Pin.objects.filter(pk__in=brought, state=Pin.State.STAGED).update(
        state=Pin.State.PROPOSED, decided_by=None, decided_at=None, word="", single_operator=False
    )


def reset_to_draft(channel: Channel, after: Snapshot, *, now: datetime) -> None:
    """Make the rows of *channel* show *after*; keys that no draft and no release holds any more are free again."""
    _save_row(channel, after, now=now)
    claim_keys(channel, [] if after["removed"] else after["nexthops"], now=now)
    free_keys(channel, after)
    restand([channel.pk])


def free_keys(channel: Channel, draft: Snapshot) -> None:
    """Let go of the keys that neither *draft* nor the published release holds."""
    head = Head.objects.select_related("release").filter(pk=1, release__isnull=False).first()
    released = released_at(head.release.number).get(channel.pk) if head and head.release else None
    held = {key for shot in (draft, released) if shot and not shot["removed"] for key in shot["nexthops"]}
    channel.nexthops.exclude(key__in=held).delete()


def claim_keys(channel: Channel, keys: list[str], *, now: datetime) -> None:
    """Give *channel* the rows of *keys* it has not yet, due at once; EntryRefused where another channel has one."""
    have = set(channel.nexthops.values_list("key", flat=True))
    for key in keys:
        if key in have:
            continue
        try:
            with transaction.atomic():
                Nexthop.objects.create(channel=channel, key=key, due_at=now, asked_by="draft")
        except IntegrityError as cause:
            raise EntryRefused(
                _("nexthop %s") % key, _("another channel has it already"), _("edit that channel instead")
            ) from cause


def _save_row(channel: Channel, after: Snapshot, *, now: datetime) -> None:
    """Save the fields of *after* if the row still has the version that was read, else raise StaleRefused."""
    judge_again([channel.pk], now=now)
    version = channel.version
    project(channel, after)
    channel.version = version + 1
    channel.removed_at = (channel.removed_at or now) if after["removed"] else None
    names = [field.name for field in Channel._meta.concrete_fields if field.name not in {"id", "partner", "created_at"}]  # noqa: SLF001  Django's documented model API
    changed = Channel.objects.filter(pk=channel.pk, version=version).update(
        **{name: getattr(channel, name) for name in names}
    )
    if not changed:
        raise StaleRefused(
            _("channel %s") % channel.pk, _("somebody saved it in between"), _("look at the new state and try again")
        )


def draft_and_row(channel_pk: int) -> tuple[Channel, Snapshot]:
    """Return the row as it is now, and its draft, read one after the other (the version tells of a race)."""
    channel = Channel.objects.select_related("partner").get(pk=channel_pk)
    return channel, draft_of(channel)
