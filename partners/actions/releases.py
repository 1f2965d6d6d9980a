"""From chosen changes to the map on the relays: cut, approve, publish, roll back."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_approver, demand_editor, may_approve, single_operator_mode
from partners.actions.changes import free_keys
from partners.actions.drafts import Snapshot, draft_of, released_at, with_changes
from partners.actions.guard import Report, inspect
from partners.actions.holding import judge_again
from partners.actions.kept_rules import told_by_rule
from partners.actions.leases import JUDGE_STALE, nudge
from partners.actions.maps import GroupMap, active_map, active_text, render_group
from partners.actions.rollbacks import restore
from partners.actions.standings import restand
from partners.core.errors import GuardRefused, MapRefused, RefusedInput, SamePersonRefused, StaleRefused
from partners.core.second_person import is_second
from partners.models import (
    Approval,
    Artefact,
    Candidate,
    CandidateMap,
    Change,
    Channel,
    Head,
    Pin,
    RelayGroup,
    Release,
    User,
)

__all__ = ["abandon", "active_text", "approve", "cut", "head", "publish", "roll_back"]


def head() -> Release | None:
    """Return the published release, None before the first."""
    row = Head.objects.select_related("release").filter(pk=1).first()
    return row.release if row else None


def cut(changes: Iterable[Change], *, by: User, now: datetime, by_itself: bool = False) -> Candidate:
    """Freeze the published release with *changes* as bytes per relay group, with what the guard found.

    Without changes it carries what moved in the settings of relay groups: a CA set, a digest, a new group.
    by_itself: the portal does it, for what *by* set off long ago.
    Raises RefusedInput where nothing would differ, StaleRefused where a change is gone or rests on one that is not
    chosen, EntryRefused where a relay group could not take an entry, MapRefused where nothing would be left of a map.
    """
    demand_editor(by)
    chosen = _open_changes(changes)
    base = head()
    released = released_at(base.number if base else None)
    shots = with_changes(released, chosen)
    _demand_ends_ahead(chosen, released, shots, now=now)
    maps = [render_group(group, shots) for group in RelayGroup.objects.all()]
    if not chosen and (base is None or all(one.sha256 == active_map(one.group).sha256 for one in maps)):
        raise RefusedInput(_("candidate"), _("no change is chosen"), _("choose at least one"))
    report = _look_at(maps, now=now)
    with transaction.atomic():
        return _freeze(chosen, maps, report, base, by=by, now=now, by_itself=by_itself)


def approve(
    candidate: Candidate,
    *,
    seen: tuple[str, str],
    by: User,
    now: datetime,
    word: str = "",
    accept_stops: bool = False,
) -> Approval:
    """Say yes, as the second person, to the bytes and findings that *by* has *seen* (sha256, findings_sha256).

    accept_stops: mail that would stop, or whose outcome is unknown, is accepted knowingly; it needs a word.
    """
    demand_approver(by)
    candidate.refresh_from_db()
    subject = _("candidate %s") % candidate.pk
    changed = StaleRefused(subject, _("it has changed since you looked at it"), _("look at it again"))
    if candidate.state != Candidate.State.OPEN or seen != (candidate.sha256, candidate.findings_sha256):
        raise changed
    alone = by.pk in candidate.involved()
    if alone and not single_operator_mode():
        cause = _("a second person is needed, and you wrote a part of it or invited who did")
        raise SamePersonRefused(subject, cause, _("ask another approver"))
    if _blocks(candidate.findings) and not (accept_stops and word.strip()):
        raise GuardRefused(
            subject,
            _("mail would stop, or its outcome is unknown: %s") % ", ".join(_blocks(candidate.findings)[:5]),
            _("probe again, or accept it with a word of reason"),
        )
    fields = {"word": " ".join(word.split())[:500], "single_operator": alone, "given_at": now}
    try:
        return _write_approval(candidate, fields, by=by, now=now, accept_stops=accept_stops)
    except IntegrityError as cause:  # a role, a finding or the mode moved at this moment, and the database told
        raise told_by_rule(cause, subject, changed) from cause


def publish(candidate: Candidate, *, by: User, now: datetime, reason: str = "", by_itself: bool = False) -> Release:
    """Make *candidate* the release that the relays fetch.

    The guard looks again first. Where an outcome has moved, the new findings are kept, approvals of the old ones no
    longer count, and GuardRefused says so; where facts are old, the nexthops are asked for at once. by_itself: the
    portal does it, as cut() has it; what needs a second person it never releases, whoever approved.
    """
    demand_editor(by)
    candidate.refresh_from_db()
    subject = _("candidate %s") % candidate.pk
    maps = _frozen_maps(candidate)
    base = head()
    if candidate.state != Candidate.State.OPEN or candidate.base_id != (base.pk if base else None):
        raise StaleRefused(subject, _("another release was published since it was cut"), _("cut it again"))
    report = inspect(maps, now=now)
    needs_second = _guard_again(candidate, report, now=now)
    if needs_second and by_itself:
        raise SamePersonRefused(subject, _("a second person has to approve it first"), _("ask an approver"))
    approval = _approval_for(candidate, report) if needs_second else None
    with transaction.atomic():
        judge_again(set(candidate.changes.values_list("channel", flat=True)), now=now)
        release = _write_release(candidate, maps, approval, by=by, now=now, needs_second=needs_second, reason=reason)
        _settle(candidate, release, now=now)
        detail = {
            "release": release.number,
            "sha256": candidate.sha256,
            "approver": release.approver_id,
            "single_operator": release.single_operator,
        }
        actor = None if by_itself else by
        audit.record("release.published", f"release {release.number}", by=actor, now=now, detail=detail)
        nudge(JUDGE_STALE)
    return release


def roll_back(release: Release, *, by: User, now: datetime, losing: Collection[int] = ()) -> Candidate:
    """Return a candidate with the bytes of the older *release*; it goes through guard, approval and publish as any.

    Drafts of the channels concerned are withdrawn: the channels stand as they did then. losing: those that *by* was
    told of (drafts_in_the_way); StaleRefused where there is another one.
    """
    demand_editor(by)
    base = head()
    if base is None or release.number >= base.number:
        raise StaleRefused(_("release %s") % release.number, _("it is not older than the published one"))
    now_shots, then_shots = released_at(base.number), released_at(release.number)
    maps = []
    for group in RelayGroup.objects.all():
        old = Artefact.objects.filter(release=release, group=group).first()
        maps.append(_as_then(old) if old else render_group(group, then_shots))
    report = _look_at(maps, now=now)
    with transaction.atomic():
        changes = restore(now_shots, then_shots, losing=losing, by=by, now=now)
        audit.record("release.rolling-back", f"release {release.number}", by=by, now=now, detail={"from": base.number})
        return _freeze(changes, maps, report, base, by=by, now=now)


def abandon(candidate: Candidate, *, by: User, now: datetime, by_itself: bool = False) -> None:
    """Give *candidate* up; its changes stay. by_itself: as cut() has it."""
    demand_editor(by)
    with transaction.atomic():
        if not Candidate.objects.filter(pk=candidate.pk, state=Candidate.State.OPEN).update(
            state=Candidate.State.ABANDONED
        ):
            raise StaleRefused(_("candidate %s") % candidate.pk, _("it is published or given up already"))
        actor = None if by_itself else by
        audit.record("candidate.abandoned", f"candidate {candidate.pk}", by=actor, now=now)


def _open_changes(changes: Iterable[Change]) -> list[Change]:
    """Return *changes* as they are now, which may be none; StaleRefused for one that is released or withdrawn."""
    wanted = {change.pk for change in changes}
    rows = list(Change.objects.filter(pk__in=wanted, release__isnull=True, withdrawn_at__isnull=True))
    if len(rows) != len(wanted):
        raise StaleRefused(_("candidate"), _("a chosen change is released or withdrawn"), _("choose again"))
    return rows


def _demand_ends_ahead(
    changes: Iterable[Change], released: Mapping[int, Snapshot], shots: Mapping[int, Snapshot], *, now: datetime
) -> None:
    """Raise RefusedInput where a change lowers an entry until a moment that is over: its return was written before."""
    for change in changes:
        until = shots[change.channel_id]["lowered_until"]
        if not until or until == released.get(change.channel_id, {}).get("lowered_until", ""):
            continue
        end = parse_datetime(until)
        if end is not None and end <= now:
            cause = _("it lowers an entry until %s, which is over") % f"{end:%Y-%m-%d %H:%M}"
            raise RefusedInput(_("change %s") % change.pk, cause, _("withdraw it, and lower it anew if need be"))


def _look_at(maps: Sequence[GroupMap], *, now: datetime) -> Report:
    """Return what the guard finds in *maps*; MapRefused where there is nothing to look at."""
    if not maps:
        raise MapRefused(_("candidate"), _("there is no relay group"), _("add one"))
    for one in maps:
        _demand_content(one)
    return inspect(maps, now=now)


def _freeze(
    changes: Sequence[Change],
    maps: Sequence[GroupMap],
    report: Report,
    base: Release | None,
    *,
    by: User,
    now: datetime,
    by_itself: bool = False,
) -> Candidate:
    """Write the Candidate with its bytes and findings, in the caller's transaction."""
    candidate = Candidate.objects.create(
        author=by,
        cut_at=now,
        base=base,
        sha256=_sha256_of(maps),
        findings=list(report.findings),
        findings_sha256=report.sha256,
        guarded_at=now,
        needs_second=report.needs_second,
    )
    candidate.changes.set(changes)
    for one in maps:
        CandidateMap.objects.create(candidate=candidate, **one.columns)
    detail = {"sha256": candidate.sha256, "changes": sorted(change.pk for change in changes)}
    actor = None if by_itself else by
    audit.record("candidate.cut", f"candidate {candidate.pk}", by=actor, now=now, detail=detail)
    return candidate


def _demand_content(one: GroupMap) -> None:
    """Raise MapRefused where an empty map would take the place of one with entries."""
    if not one.entries and active_map(one.group).entries:
        raise MapRefused(
            _("relay group %s") % one.group.name,
            _("no entry would be left; an empty map never replaces a good one"),
            _("switch smtp_tls_policy_maps off on the relays instead"),
        )


def _frozen_maps(candidate: Candidate) -> list[GroupMap]:
    """Return the frozen maps; MapRefused where they are not, byte for byte, what was approved, or a group lacks one."""
    rows = candidate.maps.select_related("group").order_by("group__name")
    maps = [GroupMap.of(row) for row in rows]
    subject = _("candidate %s") % candidate.pk
    if not maps or _sha256_of(maps) != candidate.sha256:
        raise MapRefused(subject, _("its bytes are not the ones that were cut"), _("cut it again"))
    if any(one.ca_pem is None for one in maps):
        raise StaleRefused(subject, _("it was cut before CA sets were part of a release"), _("cut it again"))
    if {one.group.pk for one in maps} != set(RelayGroup.objects.values_list("pk", flat=True)):
        raise StaleRefused(subject, _("the relay groups changed since it was cut"), _("cut it again"))
    for one in maps:
        _demand_content(one)
    return maps


def _guard_again(candidate: Candidate, report: Report, *, now: datetime) -> bool:
    """Return whether a second person is needed; GuardRefused where an outcome moved or facts are old."""
    subject = _("candidate %s") % candidate.pk
    if report.sha256 != candidate.findings_sha256:
        Candidate.objects.filter(pk=candidate.pk, state=Candidate.State.OPEN).update(
            findings=list(report.findings),
            findings_sha256=report.sha256,
            guarded_at=now,
            needs_second=report.needs_second,
        )
        raise GuardRefused(
            subject, _("an outcome moved since it was approved; approvals are void"), _("look at it again")
        )
    if report.old:
        raise GuardRefused(
            subject,
            _("facts are older than 15 minutes: %s") % ", ".join(report.old[:5]),
            _("they are being probed; try again in a minute"),
        )
    return report.needs_second


def _approval_for(candidate: Candidate, report: Report) -> Approval:
    """Return a second person's approval of exactly these bytes and findings; SamePersonRefused where there is none."""
    involved, alone = candidate.involved(), single_operator_mode()
    for approval in candidate.approvals.filter(
        candidate_sha256=candidate.sha256, findings_sha256=report.sha256
    ).select_related("person"):
        if is_second(
            may_approve=may_approve(approval.person),
            is_author=approval.person_id in involved,
            given_alone=approval.single_operator,
            alone_now=alone,
        ):
            return approval
    raise SamePersonRefused(
        _("candidate %s") % candidate.pk, _("a second person has to approve it first"), _("ask an approver")
    )


def _write_approval(
    candidate: Candidate, fields: dict[str, Any], *, by: User, now: datetime, accept_stops: bool
) -> Approval:
    """Write the Approval of the bytes and findings of *candidate*, with its audit entry."""
    with transaction.atomic():
        approval, made = Approval.objects.update_or_create(
            candidate=candidate,
            person=by,
            candidate_sha256=candidate.sha256,
            defaults={"author": candidate.author, "findings_sha256": candidate.findings_sha256, **fields},
        )
        alone = approval.single_operator
        detail = {"sha256": candidate.sha256, "single_operator": alone, "accept_stops": accept_stops, "again": not made}
        audit.record("candidate.approved", f"candidate {candidate.pk}", by=by, now=now, detail=detail)
    return approval


def _write_release(
    candidate: Candidate,
    maps: Sequence[GroupMap],
    approval: Approval | None,
    *,
    by: User,
    now: datetime,
    needs_second: bool,
    reason: str,
) -> Release:
    """Write Release and Artefacts and move the head, if it still is where the candidate was cut."""
    subject = _("candidate %s") % candidate.pk
    number = (Release.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    elsewhere = StaleRefused(subject, _("another release was published at this moment"), _("cut it again"))
    try:
        with transaction.atomic():
            release = Release.objects.create(
                number=number,
                author=candidate.author,
                approver=approval.person if approval else None,
                needs_second=needs_second,
                single_operator=bool(approval and approval.single_operator),
                published_at=now,
                published_by=by,
                reason=" ".join(reason.split())[:500],
            )
            Head.objects.get_or_create(pk=1)
            still_open = Candidate.objects.filter(pk=candidate.pk, state=Candidate.State.OPEN)
            if not still_open.update(state=Candidate.State.PUBLISHED, release=release):
                raise StaleRefused(subject, _("it is published or given up already"))
    except IntegrityError as cause:
        raise told_by_rule(cause, subject, elsewhere) from cause
    at_base = Q(release_id=candidate.base_id) if candidate.base_id else Q(release__isnull=True)
    if not Head.objects.filter(at_base, pk=1).update(release=release):
        raise elsewhere
    for one in maps:
        Artefact.objects.create(release=release, **one.columns)
    return release


def _settle(candidate: Candidate, release: Release, *, now: datetime) -> None:
    """Mark the changes as released, let pins follow the map, and free keys that nothing holds any more."""
    changes = list(candidate.changes.all())
    marked = Change.objects.filter(
        pk__in=[change.pk for change in changes], release__isnull=True, withdrawn_at__isnull=True
    ).update(release=release)
    if marked != len(changes):
        raise StaleRefused(_("candidate %s") % candidate.pk, _("one of its changes was withdrawn"), _("cut it again"))
    shots = released_at(release.number)
    channels = {change.channel_id for change in changes}
    for channel in Channel.objects.filter(pk__in=channels):
        in_map = shots[channel.pk]["pins"]
        channel.pins.filter(pk__in=in_map).update(state=Pin.State.ACTIVE, retired_at=None)
        draft = draft_of(channel)
        channel.pins.filter(state=Pin.State.ACTIVE).exclude(pk__in=[*in_map, *draft["pins"]]).update(
            state=Pin.State.RETIRED, retired_at=now
        )
        free_keys(channel, draft)
    restand(channels)


def _as_then(old: Artefact) -> GroupMap:
    """Return the map of *old* to be released again; where it carried no CA set, with the one that its group has."""
    one = GroupMap.of(old)
    return one if one.ca_pem is not None else replace(one, ca_pem=one.group.ca_pem)


def _blocks(findings: Iterable[dict[str, object]]) -> list[str]:
    """Return the nexthops whose mail would stop or whose outcome is unknown."""
    return sorted({str(finding["nexthop"]) for finding in findings if finding.get("blocks")})


def _sha256_of(maps: Sequence[GroupMap]) -> str:
    """Return the hash over all maps and tafiles, by relay group."""
    parts = [[one.group.name, one.sha256] for one in sorted(maps, key=lambda one: one.group.name)]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
