"""Partners and their channels: every edit is a Change that the next release may take along."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor, may_edit
from partners.actions.changes import claim_keys, draft_and_row, withdraw_change, write_change
from partners.actions.drafts import TEXTS, Snapshot, project
from partners.actions.first_pins import demand_pin, lines_of, propose_given, propose_seen, read_given
from partners.actions.maps import demand_entries, keys_of
from partners.actions.relay_groups import ensure_group
from partners.actions.standings import restand
from partners.core.agreement import falls_below
from partners.core.errors import ActionRefused, EntryRefused, RefusedInput, StaleRefused
from partners.core.levels import Protection, SecurityLevel
from partners.core.names import table_key
from partners.models import Change, Channel, Nexthop, Partner, RelayGroup, User

__all__ = [
    "EDITABLE",
    "add_partner",
    "check_partner",
    "demand_agreed",
    "draft_with",
    "edit_channel",
    "end_relaxations",
    "lower_until",
    "remove_channel",
    "withdraw_change",
]

EDITABLE = (*(name for name in TEXTS if not name.startswith("lowered_")), "nexthops")
_NAME_MAX = 200
RELAXATION_MAX = timedelta(days=184)  # half a year; what lasts longer is another agreement
_LONG_MAX = 10_000  # match and comment
_BOUNDS = {"basis": 300, "protocols": 100, "ciphers": 20, "exclude": 200, "servername": 255, "lowered_reason": 300}


def add_partner(
    name: str,
    nexthops: str | Sequence[str],
    level: SecurityLevel | str,
    agreed: Protection | str,
    *,
    basis: str = "",
    review_on: date | None = None,
    by: User,
    now: datetime,
    partner: Partner | None = None,
    pins: Sequence[bytes | str] = (),
    seen: Sequence[str] = (),
    **fields: str,
) -> Change:
    """Add partner, channel and keys with their first Change, or nothing at all.

    An internationalised name brings both of its keys. partner: an existing one gets a further channel, *name* is its
    own. fields: match, protocols, ciphers, exclude, servername, comment, as edit_channel takes them.
    pins: fingerprints or certificates that people gave, for level fingerprint; they join match=, and each is proposed
    as a pin. seen: of what match= holds, the keys that only our probe saw (Proposal.seen); each is proposed as such.
    Raises EntryRefused for what a relay group's Postfix would refuse or another channel has, RefusedInput for the rest.
    """
    demand_editor(by)
    name = " ".join(name.split())
    given = {"nexthops": nexthops, "level": level, "agreed": agreed, "basis": basis, "review_on": review_on, **fields}
    announced = read_given(pins)
    if announced and _kept("level", level) == SecurityLevel.FINGERPRINT.value:
        given["match"] = "\n".join(dict.fromkeys([*str(given.get("match", "")).splitlines(), *lines_of(announced)]))
    shot = check_partner(name, given, by=by)
    channel = Channel(partner=partner or Partner(name=name, owner=by))
    project(channel, shot)
    with transaction.atomic():
        ensure_group(now=now)  # without one there is no map, and nothing is judged
        if partner is None:
            channel.partner = _new_partner(name, by=by)
        channel.save(force_insert=True)
        claim_keys(channel, shot["nexthops"], now=now)
        change = Change.objects.create(channel=channel, author=by, made_at=now, before=None, after=shot)
        detail = {"channel": channel.pk, "change": change.pk, "nexthops": shot["nexthops"], "level": shot["level"]}
        audit.record("channel.added", f"partner {channel.partner.pk}", by=by, now=now, detail=detail)
        propose_given(channel, announced, by=by, now=now)
        propose_seen(channel, seen, shot["match"], by=by, now=now)
        restand([channel.pk])
    return change


def check_partner(
    name: str,
    given: Mapping[str, Any],
    *,
    by: User | None = None,
    there: Mapping[str, Nexthop] | None = None,
    groups: Sequence[RelayGroup] | None = None,
) -> Snapshot:
    """Return the snapshot that add_partner would keep, and write nothing; the same refusals.

    by: an editor is told which row has a key already; without one nobody is named. there, groups: all rows by their
    folded key with their partners, and all relay groups, where the caller has read them; then nothing is asked.
    """
    if not name or len(name) > _NAME_MAX or not name.isprintable():
        raise RefusedInput(_("partner"), _("its name is missing, too long or not printable"), _("name the company"))
    shot = _with_fields(_blank(), given)
    _demand_free(shot["nexthops"], by=by, there=there)
    demand_pin(shot)
    demand_entries(shot, Channel(), groups)
    return shot


def draft_with(
    fields: Mapping[str, Any],
    channel: Channel | None = None,
    *,
    by: User | None = None,
    before: Snapshot | None = None,
) -> Snapshot:
    """Return what saving *fields* (names in EDITABLE) would keep of *channel*, or of a new one, and write nothing.

    before: the newest draft of *channel*, where the caller has read it. What a relay group would make of its entries is
    not looked at. Raises RefusedInput.
    """
    start = before or (draft_and_row(channel.pk)[1] if channel else _blank())
    shot = _with_fields(start, fields)
    if channel is None or shot["nexthops"] != start["nexthops"]:  # its own keys are nobody else's
        _demand_free(shot["nexthops"], channel, by=by)
    return shot


def edit_channel(
    channel: Channel, fields: Mapping[str, Any], *, version: int, by: User, now: datetime, seen: Sequence[str] = ()
) -> Change:
    """Return the Change that sets *fields* (names in EDITABLE) of *channel*; seen: as add_partner takes it.

    version: of the row that the person looked at; StaleRefused if somebody saved since. At a change of level, texts
    that the new level does not take have to be emptied by the caller: nothing is dropped silently. What falls below the
    agreement has an end (lower_until), or another agreement: without either it is RefusedInput.
    """
    demand_editor(by)
    fresh, before = draft_and_row(channel.pk)
    if fresh.version != version:
        raise StaleRefused(
            _("channel %s") % fresh.pk, _("somebody saved it in between"), _("look at the new state and try again")
        )
    after = _with_fields(before, fields)
    demand_agreed(before, after)
    with transaction.atomic():
        change = _save(fresh, before, after, act="channel.edited", by=by, now=now)
        propose_seen(fresh, seen, after["match"], by=by, now=now)
    return change


def remove_channel(channel: Channel, *, version: int, by: User, now: datetime) -> Change:
    """Return the Change that takes the entries of *channel* out of the map; its keys are free after the release."""
    demand_editor(by)
    fresh, before = draft_and_row(channel.pk)
    if fresh.version != version:
        raise StaleRefused(
            _("channel %s") % fresh.pk, _("somebody saved it in between"), _("look at the new state and try again")
        )
    return _save(fresh, before, {**before, "removed": True}, act="channel.removed", by=by, now=now)


def lower_until(
    channel: Channel,
    fields: Mapping[str, Any],
    *,
    until: datetime,
    reason: str,
    version: int,
    by: User,
    now: datetime,
) -> Change:
    """Return the Change that relaxes *channel* until a day that is named, for a reason that is named.

    The agreement stays: the channel is shown as below what was agreed. end_relaxations() brings the old entry back.
    """
    demand_editor(by)
    reason = " ".join(reason.split())
    if not reason or until <= now:
        raise ActionRefused(_("relaxation"), _("it needs a reason and an end that lies ahead"), _("name both"))
    if until > now + RELAXATION_MAX:
        raise ActionRefused(
            _("relaxation"), _("it ends later than in half a year"), _("name an earlier day, or agree anew")
        )
    if {"agreed", "basis", "review_on", "nexthops"} & set(fields):
        raise ActionRefused(_("relaxation"), _("it lowers the entry alone, never the agreement"))
    fresh, before = draft_and_row(channel.pk)
    if fresh.version != version:
        raise StaleRefused(
            _("channel %s") % fresh.pk, _("somebody saved it in between"), _("look at the new state and try again")
        )
    if before["lowered_until"]:
        raise ActionRefused(_("channel %s") % fresh.pk, _("it is lowered already"), _("wait for its end, or edit it"))
    after = _with_fields(before, fields)
    if after == before:
        raise ActionRefused(_("channel %s") % fresh.pk, _("nothing would change"))
    after |= {"lowered_until": until.isoformat(), "lowered_reason": reason[: _BOUNDS["lowered_reason"]]}
    return _save(fresh, before, after, act="channel.lowered", by=by, now=now)


def end_relaxations(*, now: datetime) -> list[Change]:
    """Write the Changes that bring back what was lowered until a moment that has passed; release them as any."""
    changes = []
    for channel in Channel.objects.filter(lowered_until__lte=now, removed_at__isnull=True):
        lowering = _lowering_of(channel)
        if lowering is None or lowering.before is None:
            continue
        fresh, before = draft_and_row(channel.pk)
        old = {name: lowering.before[name] for name in TEXTS if lowering.before[name] != lowering.after[name]}
        after = {**before, **old, "lowered_until": "", "lowered_reason": ""}
        try:
            with transaction.atomic():
                change = write_change(
                    fresh, before, after, author=lowering.author, now=now, relaxed_until=channel.lowered_until
                )
                detail = {"change": change.pk, "lowered_by": lowering.pk}
                audit.record("channel.relaxation-ended", f"channel {fresh.pk}", by=None, now=now, detail=detail)
        except StaleRefused:  # somebody saved it at this moment; the next tick finds it again
            continue
        changes.append(change)
    return changes


def _lowering_of(channel: Channel) -> Change | None:
    """Return the newest Change that lowered *channel*."""
    for change in channel.changes.filter(withdrawn_at__isnull=True, before__isnull=False).order_by("-made_at", "-pk"):
        if change.before and change.after["lowered_until"] and not change.before["lowered_until"]:
            return change
    return None


def _save(channel: Channel, before: Snapshot, after: Snapshot, *, act: str, by: User, now: datetime) -> Change:
    """Check the entries of *after* for every relay group, then write the Change and its audit entry."""
    if before["removed"]:
        raise StaleRefused(_("channel %s") % channel.pk, _("it is removed"))
    if after == before:
        raise ActionRefused(_("channel %s") % channel.pk, _("nothing would change"))
    _demand_free(after["nexthops"], channel, by=by)
    demand_pin(after)
    demand_entries(after, channel)
    with transaction.atomic():
        change = write_change(channel, before, after, author=by, now=now)
        fields = sorted(name for name in after if after[name] != before.get(name))
        audit.record(act, f"channel {channel.pk}", by=by, now=now, detail={"change": change.pk, "fields": fields})
    return change


def demand_agreed(before: Snapshot, after: Snapshot) -> None:
    """Raise RefusedInput where *after* falls below what is agreed, without an end; a relaxation that runs has one."""
    if after["lowered_until"]:
        return
    if falls_below(Protection(after["agreed"]), SecurityLevel(before["level"]), SecurityLevel(after["level"])):
        cause = _("%(level)s is below what was agreed (%(agreed)s), and would be so without an end")
        raise RefusedInput(
            "level",
            cause % {"level": after["level"], "agreed": _(Protection(after["agreed"]).word)},
            _("lower it until a day, or change the agreement as well"),
        )


def _blank() -> Snapshot:
    """Return the snapshot of a channel of which nothing is said yet."""
    return {**dict.fromkeys(TEXTS, ""), "removed": False, "nexthops": [], "pins": [], "authorities": []}


def _with_fields(shot: Snapshot, fields: Mapping[str, Any]) -> Snapshot:
    """Return *shot* with *fields* in their kept form; RefusedInput names the field that cannot be."""
    result = dict(shot)
    for name, value in fields.items():
        if name not in EDITABLE:
            raise RefusedInput(name, _("it is no field of a channel"))
        result[name] = sorted(keys_of(value)) if name == "nexthops" else _kept(name, value)
    if not result["nexthops"]:
        raise RefusedInput(_("nexthop"), _("none is named"), _("name the partner's mail domain"))
    return result


def _kept(name: str, value: Any) -> str:
    """Return *value* as a snapshot keeps it."""
    if value is None:
        return ""
    if name == "level":
        return str(_member(SecurityLevel, name, value).value)
    if name == "agreed":
        return str(_member(Protection, name, value).value)
    if name == "review_on":
        try:
            return (value if isinstance(value, date) else date.fromisoformat(value)).isoformat() if value else ""
        except (TypeError, ValueError) as cause:
            raise RefusedInput(name, _("it is no date"), _("write it as 2026-12-31")) from cause
    text = str(value).strip()
    if name in {"match", "comment"}:
        text = "\n".join(line.strip() for line in text.splitlines() if line.strip())
    printable = text.replace("\n", "") if name in {"match", "comment"} else text
    if printable and not printable.isprintable():
        raise RefusedInput(name, _("it holds a character that cannot be printed"))
    if len(text) > _BOUNDS.get(name, _LONG_MAX):
        raise RefusedInput(name, _("it is longer than %s characters") % _BOUNDS.get(name, _LONG_MAX))
    return text


def _member(kind: type[SecurityLevel] | type[Protection], name: str, value: Any) -> SecurityLevel | Protection:
    """Return the member of *kind* that *value* is or names."""
    try:
        return kind(getattr(value, "value", value))
    except ValueError as cause:
        raise RefusedInput(
            name, _("%s is not known") % str(value)[:40], ", ".join(one.value for one in kind)
        ) from cause


def _demand_free(
    keys: Sequence[str],
    channel: Channel | None = None,
    *,
    by: User | None = None,
    there: Mapping[str, Nexthop] | None = None,
) -> None:
    """Raise EntryRefused where Postfix would find one of *keys* under a row there is; the database decides again.

    by: who asks. Only somebody of the mail team is told whose row it is. there: as check_partner takes it.
    """
    folded: dict[str, str] = {}
    for key in keys:
        other = folded.setdefault(table_key(key), key)
        if other != key:
            cause = _("Postfix folds it to the same key as %s, which is named as well") % other
            raise EntryRefused(_("nexthop %s") % key, cause, _("name one of the two"))
    rows: Iterable[Nexthop]
    if there is None:
        rows = Nexthop.objects.filter(table_key__in=folded).select_related("channel__partner").order_by("pk")
    else:
        rows = [there[one] for one in folded if one in there]
    for row in rows:
        key = folded[row.table_key]
        if channel is None or row.channel_id != channel.pk:
            raise EntryRefused(_("nexthop %s") % key, _taken(row, key, by), _("edit that channel instead"))
        if row.key != key:
            cause = _("Postfix folds it to the same key as %s, which this channel has until a release") % row.key
            raise EntryRefused(_("nexthop %s") % key, cause, _("remove that one and release, then add this one"))


def _taken(row: Nexthop, key: str, by: User | None) -> str:
    """Return why *key* is not free, in words that are meant for *by*."""
    if by is None or not may_edit(by):
        return _("another channel has it already")
    named = {"partner": row.channel.partner.name, "other": row.key}
    if row.key == key:
        return _("partner %(partner)s has it already") % named
    return _("Postfix folds it to the same key as %(other)s, which partner %(partner)s has") % named


def _new_partner(name: str, *, by: User) -> Partner:
    """Return the saved partner; RefusedInput where the name is taken."""
    try:
        with transaction.atomic():
            return Partner.objects.create(name=name, owner=by)
    except IntegrityError as cause:
        raise RefusedInput(
            _("partner %s") % name, _("there is one of that name"), _("add a channel to it instead")
        ) from cause
