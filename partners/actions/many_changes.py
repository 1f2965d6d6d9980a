"""Changes of many channels at once, as changes.py writes one: a fixed number of statements, or nothing at all.

For edits that leave keys, pins and private CAs as they are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from partners.actions.drafts import LISTS, TEXTS, Snapshot, fold, in_order, project
from partners.actions.holding import judge_again
from partners.actions.rows import update_rows
from partners.actions.standings import restand
from partners.core.errors import StaleRefused
from partners.models import Change, Channel, User

__all__ = ["Edit", "withdraw_changes", "write_changes"]

_WRITTEN: Final = (*TEXTS, "version")


@dataclass(frozen=True, slots=True)
class Edit:
    """One channel, its version read before *before* was; after: its next draft."""

    channel: Channel
    before: Snapshot
    after: Snapshot


def write_changes(edits: Sequence[Edit], *, author: User, now: datetime) -> dict[int, Change]:
    """Save each draft and return channel -> Change; whoever was saved in between is left as it is, and left out.

    The caller holds the transaction.
    """
    for one in edits:
        if any(one.before[name] != one.after[name] for name in (*LISTS, "removed")):
            raise ValueError(f"channel {one.channel.pk}: keys and pins are not written many at once")
    judge_again([one.channel.pk for one in edits], now=now)
    versions = _locked([one.channel.pk for one in edits])
    fresh = [one for one in edits if versions.get(one.channel.pk) == one.channel.version]
    _save([(one.channel, one.after) for one in fresh])
    changes = Change.objects.bulk_create(
        Change(channel=one.channel, author=author, made_at=now, before=one.before, after=one.after) for one in fresh
    )
    return {change.channel_id: change for change in changes}


def withdraw_changes(wanted: Collection[int], *, now: datetime) -> dict[int, str]:
    """Take back those of the changes *wanted* that are in no release; return the others with the reason.

    The caller holds the transaction, and has asked who may.
    """
    channels = set(Change.objects.filter(pk__in=wanted).values_list("channel", flat=True))
    judge_again(channels, now=now)
    unreleased = Change.objects.select_for_update(of=("self",)).filter(pk__in=wanted, release__isnull=True)
    mine = {change.channel_id: change for change in unreleased.filter(withdrawn_at__isnull=True).order_by("pk")}
    left = dict.fromkeys(set(wanted) - {one.pk for one in mine.values()}, _("it is released or withdrawn already"))
    _locked(mine)
    back: list[tuple[Channel, Snapshot]] = []
    others = _others(mine)
    for channel in Channel.objects.filter(pk__in=mine).order_by("pk"):
        change = mine[channel.pk]
        try:
            after = fold(in_order(others.get(channel.pk, ()))).get(channel.pk)
        except StaleRefused:
            after = None
        if after is None or any(after[name] != change.after[name] for name in (*LISTS, "removed")):
            left[change.pk] = _("a later change rests on it")
            continue
        back.append((channel, after))
    _save(back)
    Change.objects.filter(pk__in=[mine[channel.pk].pk for channel, _after in back]).update(withdrawn_at=now)
    return left


def _others(mine: Mapping[int, Change]) -> dict[int, list[Change]]:
    """Return channel -> what it has beside the change that is taken back."""
    found: dict[int, list[Change]] = {}
    rows = Change.objects.filter(channel__in=mine, withdrawn_at__isnull=True).select_related("release")
    for change in rows.exclude(pk__in=[one.pk for one in mine.values()]):
        found.setdefault(change.channel_id, []).append(change)
    return found


def _locked(channels: Collection[int]) -> dict[int, int]:
    """Lock the rows of *channels*, in one order, and return their versions."""
    rows = Channel.objects.select_for_update(no_key=True).filter(pk__in=channels).order_by("pk")
    return dict(rows.values_list("pk", "version"))


def _save(drafts: Sequence[tuple[Channel, Snapshot]]) -> None:
    for channel, after in drafts:
        project(channel, after)
        channel.version += 1
    update_rows([channel for channel, _after in drafts], _WRITTEN)
    restand([channel.pk for channel, _after in drafts])
