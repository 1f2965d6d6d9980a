"""What a draft would be on the relays and what Postfix would do with it, from stored facts; nothing is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from partners.actions.drafts import Snapshot, draft_of
from partners.actions.maps import GroupMap, Named, render_group
from partners.actions.partners import draft_with
from partners.actions.stored import Stored, facts_of
from partners.core.entry import parse_entry
from partners.core.errors import RefusedInput
from partners.core.verdict import Verdict, judge
from partners.core.wording import told
from partners.models import Channel, Pin, RelayGroup, User

__all__ = ["Ground", "GroupPreview", "WhatIf", "channel_facts", "ground_of", "previews", "what_if"]


@dataclass(frozen=True, slots=True)
class GroupPreview:
    """One relay group. lines: as they would stand in its map; refusal: why they cannot, else "".

    warnings: what Postfix takes but hardly means what was meant. verdicts: one per nexthop that was looked at;
    unseen: the keys that were not.
    """

    group: str
    postfix: str
    lines: tuple[str, ...] = ()
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer for all relay groups. refusal: the fields cannot be kept at all, whatever the group."""

    refusal: str = ""
    groups: tuple[GroupPreview, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What the drafts of one channel, or of a new one, are judged on: read once, however many drafts are tried.

    facts: key -> what is known of it. before: the channel's newest draft; named: the rows that it names.
    """

    channel: Channel | None
    facts: Mapping[str, Stored]
    groups: tuple[RelayGroup, ...]
    before: Snapshot | None
    named: Named


def ground_of(
    channel: Channel | None, seen: Mapping[str, Stored] | None = None, *, pins: Iterable[Pin] | None = None
) -> Ground:
    """Return the ground of *channel*, or of a new one of whose keys *seen* tells; a fixed number of queries.

    pins: all of the channel's, where the caller has read them.

    Before the first relay group is named the oldest release stands for it.
    """
    before = draft_of(channel) if channel else None
    facts = channel_facts(channel) if channel else seen or {}
    groups = tuple(RelayGroup.objects.all()) or (RelayGroup(),)
    return Ground(channel, facts, groups, before, Named.by([before] if before else [], pins=pins))


def what_if(
    fields: Mapping[str, Any],
    channel: Channel | None = None,
    *,
    now: datetime,
    by: User | None = None,
    seen: Mapping[str, Stored] | None = None,
    ground: Ground | None = None,
) -> WhatIf:
    """Say what *fields* (names in EDITABLE) would make of *channel*, or of a new one.

    seen: key -> what is known of it, for a channel that does not exist yet (looking.look_facts()).
    by: an editor is told which row has a key already; without one nobody is named. ground: where it is read already.
    Errors: none for what a person may type; it is told in the answer.
    """
    ground = ground or ground_of(channel, seen)
    try:
        shot = draft_with(fields, channel, by=by, before=ground.before)
    except RefusedInput as refused:
        return WhatIf(refused.told_in(_))
    return WhatIf(groups=previews(shot, ground, now=now))


def channel_facts(channel: Channel) -> dict[str, Stored]:
    """Return key -> what is known of it, for the keys of *channel* that are looked at; a dotted key never is."""
    rows = [row for row in channel.nexthops.all() if not row.key.startswith(".")]
    facts = facts_of(rows)
    return {row.key: facts[row.pk] for row in rows}


def previews(shot: Snapshot, ground: Ground, *, now: datetime) -> tuple[GroupPreview, ...]:
    """Return what *shot* would be on each relay group."""
    return tuple(_preview(group, shot, ground, now=now) for group in ground.groups)


def _preview(group: RelayGroup, shot: Snapshot, ground: Ground, *, now: datetime) -> GroupPreview:
    facts = ground.facts
    try:
        rendered = render_group(group, {ground.channel.pk if ground.channel else 0: shot}, ground.named)
        warnings = tuple(_warnings(rendered))
    except RefusedInput as refused:
        return GroupPreview(group.name, group.postfix, refusal=refused.told_in(_))
    seen = {key: facts[key] for key in rendered.entries if key in facts and facts[key].dns is not None}
    return GroupPreview(
        group.name,
        str(rendered.relay.postfix),
        tuple(f"{key}\t{value}" for key, value in rendered.entries.items()),
        warnings=warnings,
        verdicts=tuple(_verdict(rendered, key, stored, now=now) for key, stored in seen.items()),
        unseen=tuple(key for key in rendered.entries if key not in seen),
    )


def _verdict(rendered: GroupMap, key: str, stored: Stored, *, now: datetime) -> Verdict:
    if stored.dns is None:
        raise ValueError(f"nexthop {key}: judged before it was looked up")
    peers = stored.at(rendered.group.vantage).by_key
    return judge(rendered.policy_of(key), stored.dns, peers, rendered.relay, now, key=key)


def _warnings(rendered: GroupMap) -> list[str]:
    """Return what core warns of in the lines, each once."""
    entries = [parse_entry(key, value, rendered.relay.postfix) for key, value in rendered.entries.items()]
    return list(dict.fromkeys(told(sentence, _) for entry in entries for sentence in entry.warnings))
