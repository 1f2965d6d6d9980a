"""One level for many entries, each as a draft of its own; cut, guarded and approved as any other."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.drafts import Snapshot, fold, in_order, row_snapshot
from partners.actions.first_pins import demand_pin
from partners.actions.many import Plan, Planned, claim_undo, demand_count, keep_act, split_seen
from partners.actions.many_changes import Edit, withdraw_changes, write_changes
from partners.actions.maps import GroupMap, Named, active_maps, render_group
from partners.actions.partners import demand_agreed
from partners.actions.relay_groups import DEFAULT_GROUP
from partners.actions.stored import Stored, facts_of
from partners.core.errors import RefusedInput
from partners.core.levels import SecurityLevel
from partners.core.verdict import Verdict, judge
from partners.core.weakenings import weakenings
from partners.models import BulkAct, Change, Channel, Nexthop, RelayGroup, User

__all__ = ["draft_levels", "plan_levels", "undo_levels"]


@dataclass(slots=True)
class _Draft:
    """What one channel would be. maps: its entries alone, for each relay group."""

    channel: Channel
    before: Snapshot
    after: Snapshot
    refusal: str = ""
    maps: list[GroupMap] = field(default_factory=list)

    @property
    def row(self) -> Planned:
        """The row of a preview, without what Postfix would do."""
        channel = self.channel
        key = ", ".join(self.after["nexthops"][:1])
        before, after = _told(self.before), _told(self.after)
        return Planned(
            channel.pk, channel.partner_id, channel.version, channel.partner.name, key, before, after, self.refusal
        )


def plan_levels(channels: Collection[int], level: SecurityLevel, *, only_raises: bool, now: datetime) -> Plan:
    """Return what drafting *level* for *channels* would do, and what Postfix would do with mail by stored facts."""
    drafts = _drafted(channels, level, only_raises=only_raises)
    keys = [key for one in drafts if not one.refusal for key in one.after["nexthops"]]
    nexthops = {row.key: row for row in Nexthop.objects.filter(key__in=keys).exclude(key__startswith=".")}
    facts = facts_of(list(nexthops.values()))
    seen = {key: facts[row.pk] for key, row in nexthops.items()}
    active = active_maps(one.group for draft in drafts for one in draft.maps if one.group.pk)
    return Plan(tuple(_judged(one, seen, active, now=now) for one in drafts))


def draft_levels(
    level: SecurityLevel,
    *,
    only_raises: bool,
    seen: Mapping[int, int],
    still: Collection[int],
    by: User,
    now: datetime,
) -> BulkAct:
    """Save a Change for each of *seen* (channel -> version) that is still as plan_levels() told; the others are told.

    No relay gets one of them before somebody cuts, and whoever has to approve approved: it is a draft like any other.
    """
    demand_editor(by)
    demand_count(BulkAct.Kind.LEVEL, len(seen))
    drafts = {one.channel.pk: one for one in _drafted(seen, level, only_raises=only_raises)}
    kept, left = split_seen(Plan(tuple(one.row for one in drafts.values())), seen, still)
    edits = [Edit(drafts[row.channel].channel, drafts[row.channel].before, drafts[row.channel].after) for row in kept]
    with transaction.atomic():
        changes = write_changes(edits, author=by, now=now)
        why = _("somebody saved it in between")
        left += [{"channel": row.channel, "name": row.name, "why": why} for row in kept if row.channel not in changes]
        rows = [
            {
                "channel": row.channel,
                "name": row.name,
                "before": row.before,
                "after": row.after,
                "change": changes[row.channel].pk,
            }
            for row in kept
            if row.channel in changes
        ]
        asked = {"level": level.value, "only_raises": only_raises}
        return keep_act(BulkAct.Kind.LEVEL, asked, rows, left, by=by, now=now)


def undo_levels(act: BulkAct, *, by: User, now: datetime) -> BulkAct:
    """Take the drafts back that are in no release; what is released, or what a later draft rests on, is told."""
    demand_editor(by)
    with transaction.atomic():
        claim_undo(act, by=by, now=now)
        left = withdraw_changes([int(row["change"]) for row in act.rows], now=now)
        act.kept = [
            {"channel": row["channel"], "name": row["name"], "why": left[row["change"]]}
            for row in act.rows
            if row["change"] in left
        ]
        BulkAct.objects.filter(pk=act.pk).update(kept=act.kept)
        taken = sorted(int(row["change"]) for row in act.rows if row["change"] not in left)
        detail = {"withdrawn": taken, "kept": sorted(left)}
        audit.record("bulk.undone", f"bulk act {act.pk}", by=by, now=now, detail=detail)
    return act


def _drafted(channels: Collection[int], level: SecurityLevel, *, only_raises: bool) -> list[_Draft]:
    """Return what *level* would make of each living channel; rows before drafts, so that a version tells of a race."""
    living = Channel.objects.filter(pk__in=channels, removed_at__isnull=True).select_related("partner")
    rows = list(living.order_by("partner__name", "pk"))
    changes: dict[int, list[Change]] = {}
    for change in Change.objects.filter(channel__in=rows, withdrawn_at__isnull=True).select_related("release"):
        changes.setdefault(change.channel_id, []).append(change)
    drafts = []
    for row in rows:
        before = fold(in_order(changes.get(row.pk, ()))).get(row.pk) or row_snapshot(row)
        drafts.append(_Draft(row, before, _with_level(before, level)))
    _refuse(drafts, level, only_raises=only_raises)
    return drafts


def _with_level(before: Snapshot, level: SecurityLevel) -> Snapshot:
    """Return *before* at *level*, without what that level does not take."""
    after = {**before, "level": level.value}
    if not level.takes_match:
        after["match"] = ""
    if level is SecurityLevel.NONE:
        after |= dict.fromkeys(("protocols", "ciphers", "exclude", "servername"), "")
    return after


def _refuse(drafts: Sequence[_Draft], level: SecurityLevel, *, only_raises: bool) -> None:
    """Say of each of *drafts* why it cannot be, as an edit of it alone would; render the others."""
    groups = list(RelayGroup.objects.all()) or [RelayGroup(name=DEFAULT_GROUP)]
    named = Named.by(one.after for one in drafts)
    for one in drafts:
        one.refusal = _reason(one, level, only_raises=only_raises)
        if one.refusal:
            continue
        try:
            demand_agreed(one.before, one.after)
            demand_pin(one.after)
            one.maps = [render_group(group, {one.channel.pk: one.after}, named) for group in groups]
        except RefusedInput as refused:
            one.refusal = refused.told_in(_)


def _reason(one: _Draft, level: SecurityLevel, *, only_raises: bool) -> str:
    """Return why the channel is none for this act, "" where it is."""
    if one.before["removed"]:
        return _("it is removed")
    if one.before["lowered_until"]:
        return _("it is lowered for a time; wait for its end, or edit it alone")
    if only_raises and level.rank <= SecurityLevel(one.before["level"]).rank:
        return _("its level is that one or ranks above it")
    return _("nothing would change") if one.after == one.before else ""


def _judged(one: _Draft, seen: Mapping[str, Stored], active: Mapping[int, GroupMap], *, now: datetime) -> Planned:
    """Return the row with what Postfix would do; what the guard finds when a candidate is cut decides."""
    keys = list(dict.fromkeys(key for rendered in one.maps for key in rendered.entries))
    return replace(
        one.row,
        weaker=any(_is_weaker(rendered, active.get(rendered.group.pk)) for rendered in one.maps),
        verdicts=tuple(_verdicts(one, seen, now=now)),
        unseen=tuple(key for key in keys if key not in seen or seen[key].dns is None),
    )


def _is_weaker(rendered: GroupMap, active: GroupMap | None) -> bool:
    """Whether the entries ask less of a peer than those on the relays."""
    old = {key: active.entries[key] for key in rendered.entries if key in active.entries} if active else {}
    return bool(old) and bool(
        weakenings(old, {key: rendered.entries[key] for key in old}, rendered.relay, rendered.relay)
    )


def _verdicts(one: _Draft, seen: Mapping[str, Stored], *, now: datetime) -> Iterator[Verdict]:
    for rendered in one.maps:
        for key in rendered.entries:
            stored = seen.get(key)
            if stored is not None and stored.dns is not None:
                peers = stored.at(rendered.group.vantage).by_key
                yield judge(rendered.policy_of(key), stored.dns, peers, rendered.relay, now, key=key)


def _told(shot: Snapshot) -> str:
    """Return the level with its match, as a table shows it."""
    match = ", ".join(shot["match"].splitlines())
    return f"{shot['level']} match={match}" if match else str(shot["level"])
